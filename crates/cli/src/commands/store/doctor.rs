//! `countersign store doctor`: a store checked from its address to its records.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use countersign::{
    Clock, Durability, FileStore, Lease, LeaseKind, Owner, RecordSummary, Store, StoreKey,
    StoreSetting, SystemClock, Verdict,
};

use super::list::spoken;
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
            if let Some(check) = spool() {
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
        let fix = "nothing to do: the first token that is kept makes it";
        let detail = format!("{place} is not there yet");
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
            [] => format!("{place} opened after {took} ms"),
            users => format!(
                "{place} opened after {took} ms; it is used by {}",
                users.join(", ")
            ),
        },
    ))?;
    report.add(promises(opened.below.as_ref()))?;
    report.add(rotation(opened.below.as_ref()))?;
    if let StoreSetting::File(folder) = &shelf.setting {
        report.add(permissions(folder))?;
        if let Some(check) = set_aside(folder) {
            report.add(check)?;
        }
    }
    report.add(clock(opened.below.as_ref()))?;
    report.add(encryption(shelf))?;
    report.add(try_out(&opened))?;
    for check in records(&opened) {
        report.add(check)?;
    }
    Ok(Some(opened))
}

/// Takes and releases the connection's own lease, as its next refresh will want to.
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
    // Before its first token there is no record. What is wrong with its settings, `doctor` says.
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
                format!("{name}: {holder} has its lease"),
                "wait for its refresh to end; if it does not, end that process: it hangs",
            )
        }
        Err(error) => Check::failed("lease", &error.into()),
    }
}

fn promises(store: &dyn Store) -> Check {
    let promised = store.capabilities();
    let survives = match promised.durability {
        Durability::Ephemeral => "what is acknowledged may be lost when the server restarts",
        Durability::ProcessCrash => {
            "what is acknowledged survives the end of a process, and may not survive a power cut"
        }
        Durability::PowerLoss => "what is acknowledged survives a power cut",
        _ => "what is acknowledged survives something this command does not know",
    };
    let lease = match promised.lease {
        LeaseKind::KernelOwned => "a refresh that dies is noticed at once",
        LeaseKind::Timed => "a refresh that dies is noticed when its lease runs out",
        _ => "a refresh that dies is noticed in a way this command does not know",
    };
    let shared = match promised.shared {
        true => "other machines may share it",
        false => "it is for this machine alone",
    };
    Check::ok("promises", format!("{survives}; {lease}; {shared}"))
}

fn rotation(store: &dyn Store) -> Check {
    match store.fit_for_rotation() {
        Ok(()) => Check::ok("rotation", "refresh tokens that are replaced may live here"),
        Err(error) => Check::failed("rotation", &error.into()),
    }
}

/// The folder's own mode was checked when it was opened.
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
        0 => Check::ok("permissions", "only its owner may read it"),
        count => Check::fail(
            "permissions",
            Verdict::FixConfiguration,
            format!(
                "{count} files in {} may be read by others",
                folder.display()
            ),
            format!("chmod 600 {}/*", folder.display()),
        ),
    }
}

#[cfg(not(unix))]
fn permissions(folder: &Path) -> Check {
    let fix = "see that only the service's user may read the folder";
    Check::warn(
        "permissions",
        format!("{} is not checked here", folder.display()),
        fix,
    )
}

/// Damaged records that were moved out of the way, now or before.
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
    let fix =
        "look at the disk; then remove the files, and log in again where a login is asked for";
    Some(Check::warn("damaged", detail, fix))
}

/// Deadlines in the store are by its clock, expiries by ours.
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
        0..=1_000 => Check::ok("clock", "the same as the store's"),
        1_001..=30_000 => Check::ok("clock", format!("{} s {way} the store's", apart / 1000)),
        _ => Check::warn(
            "clock",
            format!(
                "this machine's clock is {} s {way} the store's",
                apart / 1000
            ),
            "set the clocks of both, as with: timedatectl set-ntp true",
        ),
    }
}

fn encryption(shelf: &Shelf) -> Check {
    match shelf.common_ring() {
        Err(error) => Check::failed("encryption", &error),
        Ok(Some(ring)) => Check::ok(
            "encryption",
            format!("with keys {ring:?}, the first writes"),
        ),
        Ok(None) => Check::ok("encryption", "none: no `store_key` is set"),
    }
}

/// Writes, reads, changes and forgets under a lease, as a refresh does.
fn try_out(opened: &Opened<'_>) -> Check {
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
                format!("leased, written, read and forgotten in {took} ms"),
            )
        }
        Ok(RoundTrip::Busy) => {
            let fix = "run it again in half a minute";
            Check::warn("round trip", "another doctor is at work", fix)
        }
        Ok(RoundTrip::LeaseLost) => {
            let fix = "the store is slow, or its clock jumps";
            Check::warn("round trip", "the lease was lost within the test", fix)
        }
        Err(error) => Check::failed("round trip", &error),
    }
}

/// A word that no other doctor has.
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
        format!(
            "{} can be read, {encrypted} of them encrypted",
            readable.len()
        ),
    ));
    let unreadable = found.iter().filter_map(|(_, found)| found.as_ref().err());
    checks.extend(unreadable.map(|error| Check::failed("records", error)));
    let plain = readable.len() - encrypted;
    if plain > 0 && matches!(opened.shelf.common_ring(), Ok(Some(_))) {
        checks.push(Check::fail(
            "records",
            Verdict::FixConfiguration,
            format!("{plain} are not encrypted, and `store_key` is set"),
            "look at them with: countersign store rekey",
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

/// What a person should know of one grant.
fn grant(summary: &RecordSummary, label: &str, now_ms: i64) -> Option<Check> {
    const LONG_MS: i64 = 60 * 60 * 1000;
    let name = summary.connection();
    // The name alone means the record of the settings as they are now.
    let with_settings = match label == name {
        true => "",
        false => ", with the settings that tell this record from the others of its name",
    };
    if summary.is_logged_out() {
        let detail = format!("{label}: it was logged out, and its vendor has not revoked it yet");
        let fix = format!("countersign logout {name}{with_settings}");
        return Some(Check::warn("grants", detail, fix));
    }
    if summary.unrevoked() > 0 {
        let detail = format!(
            "{label}: {} tokens of earlier logins were to be revoked, and are not yet",
            summary.unrevoked()
        );
        let fix = format!("countersign logout {name}{with_settings}, and log in again");
        return Some(Check::warn("grants", detail, fix));
    }
    if let Some(ended) = summary.ended() {
        let detail = format!(
            "{label}: its grant ended {}: {}",
            spoken(ended.at_ms),
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
        "{label}: a refresh begun {} by {} never ended",
        spoken(attempt.started_ms),
        attempt.by
    );
    Some(Check::warn(
        "grants",
        detail,
        format!("countersign token {name}{with_settings} finds out what became of it"),
    ))
}

/// New tokens that a store did not take: the next use of their connection moves them.
fn spool() -> Option<Check> {
    let folder = countersign_builtin::spool_folder().filter(|folder| folder.exists())?;
    let waiting = FileStore::open(&folder).and_then(|spool| spool.keys());
    match waiting {
        Ok(keys) if keys.is_empty() => None,
        Ok(keys) => Some(Check::warn(
            "spool",
            format!(
                "{} new tokens wait in {} for their store",
                keys.len(),
                folder.display()
            ),
            "countersign token NAME of each connection moves them, once the store works",
        )),
        Err(error) => Some(Check::failed("spool", &error.into())),
    }
}
