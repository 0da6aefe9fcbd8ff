//! `countersign store doctor`: checks a store and its records.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use countersign_core::{
    Clock, Durability, FileStore, Lease, LeaseKind, Owner, RecordSummary, Store, StoreKey,
    StoreSetting, SystemClock, Verdict,
};

use super::list::relative;
use super::shelf::{Entry, Opened, Shelf, scratch};
use super::which::{differences, label};
use super::{RoundTrip, round_trip};
use crate::args::{Global, StoreNameArgs};
use crate::commands::report::{Check, Report};
use crate::config;
use crate::output::{Output, Stop};

pub(super) fn run(global: &Global, args: &StoreNameArgs, output: &mut Output) -> Result<(), Stop> {
    let mut report = Report::new(output.is_json());
    match Shelf::select(global, &args.store, args.name.as_deref(), output) {
        Err(error) => report.add(Check::failed("config", &error))?,
        Ok(shelves) => {
            for shelf in &shelves {
                let opened = examine(shelf, args.store.store.is_some(), &mut report)?;
                if let (Some(opened), Some(name)) = (opened, &args.name) {
                    for check in leases(global, name, &opened) {
                        report.add(check)?;
                    }
                }
            }
            if let Some(check) = fallback_store() {
                report.add(check)?;
            }
        }
    }
    report.finish(output)
}

fn examine<'a>(
    shelf: &'a Shelf,
    named: bool,
    report: &mut Report,
) -> Result<Option<Opened<'a>>, Stop> {
    let place = shelf.place();
    if shelf.is_missing() && !named {
        let fix = "nothing to do: storing the first token creates it";
        let detail = format!("{place} does not exist yet");
        report.add(Check::warn("store", detail, fix))?;
        return Ok(None);
    }
    let began = Instant::now();
    let opened = match shelf.open_to_try() {
        Ok(opened) => opened,
        Err(error) => {
            report.add(Check::failed("store", &error))?;
            return Ok(None);
        }
    };
    let took = began.elapsed().as_millis();
    report.add(Check::ok(
        "store",
        match shelf.users().as_slice() {
            [] => format!("opened {place} in {took} ms"),
            users => format!("opened {place} in {took} ms; used by {}", users.join(", ")),
        },
    ))?;
    report.add(guarantees(opened.below.as_ref()))?;
    report.add(rotation(opened.below.as_ref()))?;
    if let StoreSetting::File(folder) = &shelf.setting {
        report.add(permissions(folder))?;
        if let Some(check) = set_aside(folder) {
            report.add(check)?;
        }
    }
    report.add(clock(opened.below.as_ref()))?;
    report.add(encryption(shelf))?;
    report.add(try_round_trip(&opened))?;
    for check in records(&opened) {
        report.add(check)?;
    }
    Ok(Some(opened))
}

/// Acquires and releases the leases of the connection's records, as its next refresh will.
fn leases(global: &Global, name: &str, opened: &Opened<'_>) -> Vec<Check> {
    let records = opened.records().map(|(found, _)| found).unwrap_or_default();
    let of_it = |entry: &&Entry| entry.summary.connection() == name;
    let kept = records.iter().filter_map(|(_, found)| found.as_ref().ok());
    let kept: Vec<_> = kept.filter(of_it).collect();
    let differences = differences(kept.iter().map(|entry| (&entry.key, &entry.summary)));
    let mut labels: BTreeMap<_, _> = kept
        .iter()
        .map(|entry| (entry.key, label(&entry.key, &entry.summary, &differences)))
        .collect();
    // Before its first token, there is no record. Invalid settings are reported by `doctor`.
    if let Some(key) = config::store_key(global, name) {
        labels.entry(key).or_insert_with(|| name.to_owned());
    }
    let leases = labels.iter().map(|(key, label)| lease(opened, label, key));
    leases.collect()
}

fn lease(opened: &Opened<'_>, name: &str, key: &StoreKey) -> Check {
    const LENGTH: Duration = Duration::from_secs(5);
    let (store, owner) = (opened.below.as_ref(), owner());
    let released = store
        .lease(key, &owner, LENGTH)
        .and_then(|lease| match lease {
            Lease::Granted { fence, .. } => store.release(key, &owner, fence).map(Some),
            Lease::Busy { .. } => Ok(None),
        });
    match released {
        Ok(Some(_)) => Check::ok("lease", format!("{name}: free")),
        Ok(None) => {
            let holder = store.holder(key).ok().flatten();
            let holder = holder.map_or_else(|| "another process".to_owned(), |h| h.to_string());
            Check::fail(
                "lease",
                Verdict::Retry,
                format!("{name}: {holder} holds its lease"),
                "wait for its refresh to end; if it does not end, kill the process, which hangs",
            )
        }
        Err(error) => Check::failed("lease", &error.into()),
    }
}

fn guarantees(store: &dyn Store) -> Check {
    let guaranteed = store.capabilities();
    let durability = match guaranteed.durability {
        Durability::Ephemeral => "a write may be lost when the server restarts",
        Durability::ProcessCrash => "a write survives a process crash, but maybe not a power cut",
        Durability::PowerLoss => "a write survives a power cut",
        _ => "this command does not know what a write survives",
    };
    let lease = match guaranteed.lease {
        LeaseKind::KernelOwned => "the lease of a process ends with it",
        LeaseKind::Timed => "the lease of a crashed process ends when it expires",
        _ => "this command does not know when leases end",
    };
    let shared = match guaranteed.shared {
        true => "several machines can share it",
        false => "only this machine can use it",
    };
    Check::ok("guarantees", format!("{durability}; {lease}; {shared}"))
}

fn rotation(store: &dyn Store) -> Check {
    match store.fit_for_rotation() {
        Ok(()) => Check::ok("rotation", "safe for refresh tokens that rotate"),
        Err(error) => Check::failed("rotation", &error.into()),
    }
}

/// Checks the modes of the folder's files. The folder's own was checked when it was opened.
#[cfg(unix)]
fn permissions(folder: &Path) -> Check {
    use std::os::unix::fs::PermissionsExt;
    let open = |path: &Path| {
        let facts = path.symlink_metadata();
        facts.is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0)
    };
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let exposed = files
        .map(|file| file.path())
        .filter(|path| open(path))
        .count();
    match exposed {
        0 => Check::ok("permissions", "only the owner can read it"),
        count => Check::fail(
            "permissions",
            Verdict::FixConfiguration,
            format!("other users can read {count} files in {}", folder.display()),
            format!("chmod 600 {}/*", folder.display()),
        ),
    }
}

#[cfg(not(unix))]
fn permissions(folder: &Path) -> Check {
    let fix = "make sure that only the service's user can read the folder";
    Check::warn(
        "permissions",
        format!("{} is not checked on this system", folder.display()),
        fix,
    )
}

/// Reports damaged records that were set aside, now or earlier.
fn set_aside(folder: &Path) -> Option<Check> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    let mut damaged: Vec<_> = names.filter(|name| name.contains(".damaged-")).collect();
    damaged.sort_unstable();
    let first = damaged.first()?;
    let detail = match damaged.len() {
        1 => format!("a damaged record was set aside: {first}"),
        count => format!("{count} damaged records were set aside, such as {first}"),
    };
    let fix = "check the disk, then remove the files and log in again if a connection requires it";
    Some(Check::warn("damaged", detail, fix))
}

/// Compares the clocks: leases end by the store's, and tokens expire by this machine's.
fn clock(store: &dyn Store) -> Check {
    let before = SystemClock::new().now().unix_ms;
    let theirs = match store.now_ms() {
        Ok(theirs) => theirs,
        Err(error) => return Check::failed("clock", &error.into()),
    };
    let ours = before.midpoint(SystemClock::new().now().unix_ms);
    let apart = ours.abs_diff(theirs);
    let way = if ours > theirs { "ahead of" } else { "behind" };
    match apart {
        0..=1_000 => Check::ok("clock", "same as the store's"),
        1_001..=30_000 => Check::ok("clock", format!("{} s {way} the store's", apart / 1000)),
        _ => Check::warn(
            "clock",
            format!(
                "this machine's clock is {} s {way} the store's",
                apart / 1000
            ),
            "set both clocks, for example with: timedatectl set-ntp true",
        ),
    }
}

fn encryption(shelf: &Shelf) -> Check {
    match shelf.common_ring() {
        Err(error) => Check::failed("encryption", &error),
        Ok(Some(ring)) => Check::ok(
            "encryption",
            format!("keys {ring:?}; the first one encrypts"),
        ),
        Ok(None) => Check::ok("encryption", "none: no `store_key` is set"),
    }
}

/// Writes, reads and deletes a record under a lease, as a refresh does.
fn try_round_trip(opened: &Opened<'_>) -> Check {
    let store = match opened.as_written_by("") {
        Ok(store) => store,
        Err(error) => return Check::failed("round trip", &error),
    };
    let began = Instant::now();
    match round_trip(store.as_ref(), opened.below.as_ref(), &scratch()) {
        Ok(RoundTrip::Done) => {
            let took = began.elapsed().as_millis();
            Check::ok(
                "round trip",
                format!("leased, wrote, read and deleted a record in {took} ms"),
            )
        }
        Ok(RoundTrip::Busy) => {
            let fix = "run it again in half a minute";
            Check::warn("round trip", "another store doctor is running", fix)
        }
        Ok(RoundTrip::LeaseLost) => {
            let fix = "check the store's clock, and whether the store is slow";
            Check::warn("round trip", "the lease was lost during the test", fix)
        }
        Err(error) => Check::failed("round trip", &error),
    }
}

/// Returns an owner that no other doctor has.
fn owner() -> Owner {
    Owner::of_this_process(&format!("doctor-{}", SystemClock::new().now().unix_ms))
}

fn records(opened: &Opened<'_>) -> Vec<Check> {
    let (found, damaged) = match opened.records() {
        Ok(read) => read,
        Err(error) => return vec![Check::failed("records", &error)],
    };
    let mut checks: Vec<_> = damaged
        .iter()
        .map(|e| Check::failed("records", e))
        .collect();
    let readable: Vec<_> = found
        .iter()
        .filter_map(|(_, found)| found.as_ref().ok())
        .collect();
    let encrypted = readable.iter().filter(|entry| entry.encrypted).count();
    checks.push(Check::ok(
        "records",
        format!("{} readable, {encrypted} of them encrypted", readable.len()),
    ));
    let unreadable = found.iter().filter_map(|(_, found)| found.as_ref().err());
    checks.extend(unreadable.map(|error| Check::failed("records", error)));
    let plain = readable.len() - encrypted;
    if plain > 0 && matches!(opened.shelf.common_ring(), Ok(Some(_))) {
        checks.push(Check::fail(
            "records",
            Verdict::FixConfiguration,
            format!("{plain} are not encrypted, although `store_key` is set"),
            "run countersign store rekey to see them",
        ));
    }
    let now = opened
        .below
        .now_ms()
        .unwrap_or_else(|_| SystemClock::new().now().unix_ms);
    let differences = differences(readable.iter().map(|entry| (&entry.key, &entry.summary)));
    checks.extend(readable.iter().filter_map(|entry| {
        let label = label(&entry.key, &entry.summary, &differences);
        grant(&entry.summary, &label, now)
    }));
    checks
}

/// Reports a grant that needs attention.
fn grant(summary: &RecordSummary, label: &str, now_ms: i64) -> Option<Check> {
    const LONG_MS: i64 = 60 * 60 * 1000;
    let name = summary.connection();
    // The name alone means the record that the current settings use.
    let with_settings = match label == name {
        true => "",
        false => ", with this record's settings in the configuration",
    };
    if summary.is_logged_out() {
        let detail = format!("{label}: logged out, but the vendor has not revoked it yet");
        let fix = format!("countersign logout {name}{with_settings}");
        return Some(Check::warn("grants", detail, fix));
    }
    if summary.unrevoked() > 0 {
        let detail = format!(
            "{label}: {} tokens of earlier logins still have to be revoked",
            summary.unrevoked()
        );
        let fix = format!("countersign logout {name}{with_settings}, and log in again");
        return Some(Check::warn("grants", detail, fix));
    }
    if let Some(ended) = summary.ended() {
        let detail = format!(
            "{label}: the grant ended {}: {}",
            relative(ended.at_ms),
            ended.message
        );
        return Some(Check::warn(
            "grants",
            detail,
            format!("countersign login {name}{with_settings}"),
        ));
    }
    let attempt = summary.attempt()?;
    if now_ms - attempt.started_ms <= LONG_MS {
        return None;
    }
    let detail = format!(
        "{label}: a refresh started {} by {} did not finish",
        relative(attempt.started_ms),
        attempt.by
    );
    Some(Check::warn(
        "grants",
        detail,
        format!("countersign token {name}{with_settings}, to find out its outcome"),
    ))
}

/// Reports tokens in the fallback store, which the next request of their connection moves.
fn fallback_store() -> Option<Check> {
    let folder = countersign::stores::fallback_folder().filter(|folder| folder.exists())?;
    let waiting = FileStore::open(&folder).and_then(|fallback| fallback.keys());
    match waiting {
        Ok(keys) if keys.is_empty() => None,
        Ok(keys) => Some(Check::warn(
            "fallback store",
            format!(
                "{} tokens in {} wait for their store",
                keys.len(),
                folder.display()
            ),
            "once the store works, run countersign token NAME --force for each connection",
        )),
        Err(error) => Some(Check::failed("fallback store", &error.into())),
    }
}
