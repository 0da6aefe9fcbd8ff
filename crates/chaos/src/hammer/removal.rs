//! Removes files of a store in use, as an operator, a cleanup job or a restored backup might.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::seen::Removed;
use super::{Run, lock, now_ms};
use crate::Place;
use crate::tenants::GRANTS;

/// What was removed.
#[derive(Default)]
pub(super) struct Removals {
    /// Lock files and spare files; in a database, all leases together.
    pub(super) locks: Vec<Lock>,
    pub(super) records: usize,
    /// The grants whose record is missing, and since when.
    open: Vec<(usize, Instant)>,
}

/// A lock file or spare file that was removed.
pub(super) struct Lock {
    /// When, in milliseconds since 1970.
    pub(super) at_ms: i64,
    /// The grants whose lease may have ended with it.
    grants: Vec<usize>,
}

impl Removals {
    /// Returns when leases of this grant ended because a lock was removed.
    pub(super) fn ended(&self, grant: usize) -> impl Iterator<Item = i64> {
        let of_grant = move |lock: &&Lock| lock.grants.contains(&grant);
        self.locks.iter().filter(of_grant).map(|lock| lock.at_ms)
    }
}

/// How long a removed record may go unnoticed. Its token is valid for two seconds.
const UNNOTICED: Duration = Duration::from_secs(15);

impl Run<'_> {
    /// Removes one lock file, all of them, or the spare files. In a database, ends all leases.
    pub(super) fn remove_locks(&mut self) {
        const REDIS: &str = "for _, key in ipairs(redis.call('KEYS', '*')) do \
             redis.call('HDEL', key, 'lease_owner', 'lease_until') end";
        const POSTGRES: &str =
            "UPDATE countersign_records SET lease_owner = NULL, lease_until = NULL";
        match self.place {
            Place::Memory(_) => return,
            Place::File(_) => return self.remove_lock_files(),
            Place::Redis(server) => drop(server.command(&["EVAL", REDIS, "0"])),
            Place::Postgres(server) => drop(server.sql(POSTGRES)),
        }
        self.removals.locks.push(Lock {
            at_ms: now_ms(),
            grants: (0..GRANTS).collect(),
        });
    }

    fn remove_lock_files(&mut self) {
        let mut names = self.files(&[".lock", ".write-lock", ".alive-"]);
        match self.random.u8(..4) {
            0 => {}
            1 => names = self.files(&[".spare"]),
            _ => names = self.random.choice(names).into_iter().collect(),
        }
        for path in names {
            let name = path.to_string_lossy().into_owned();
            let ends = |grant: &usize| {
                let key = self.clients[*grant].connection().record_key().to_hex();
                [".lock", ".alive-"]
                    .iter()
                    .any(|end| name.contains(&format!("{key}{end}")))
            };
            let grants = (0..GRANTS).filter(ends).collect();
            if std::fs::remove_file(path).is_ok() {
                let at_ms = now_ms();
                self.removals.locks.push(Lock { at_ms, grants });
            }
        }
    }

    /// Removes a record; in a database, all records.
    pub(super) fn remove_records(&mut self) {
        if !self.removals.open.is_empty() {
            return;
        }
        let grants = match self.place {
            Place::Redis(_) | Place::Postgres(_) => (0..GRANTS).collect(),
            _ => vec![self.random.usize(..GRANTS)],
        };
        for &grant in &grants {
            lock(&self.seen).removed.insert(grant, Removed::default());
        }
        match self.place {
            Place::Memory(_) => {}
            Place::Redis(server) => drop(server.command(&["FLUSHALL"])),
            Place::Postgres(server) => drop(server.sql("DELETE FROM countersign_records")),
            Place::File(_) => {
                let key = self.clients[grants[0]].connection().record_key();
                for path in self.files(&[&format!("{}.rec", key.to_hex())]) {
                    let _ = std::fs::remove_file(path);
                }
            }
        }
        self.removals.records += grants.len();
        let open = grants.into_iter().map(|grant| (grant, Instant::now()));
        self.removals.open.extend(open);
    }

    /// Logs in again once a caller has received `reauthorize`.
    pub(super) fn restore_removed(&mut self) {
        for (grant, since) in std::mem::take(&mut self.removals.open) {
            let reported = lock(&self.seen).removed[&grant].reported;
            if reported {
                self.log_in_again(grant);
            } else if since.elapsed() < UNNOTICED {
                self.removals.open.push((grant, since));
                continue;
            } else {
                // A refresh that was in flight has stored a new record.
                self.notes
                    .push(format!("the record of grant {grant} was written again"));
            }
            if let Some(removed) = lock(&self.seen).removed.get_mut(&grant) {
                removed.restored_ms = Some(now_ms());
            }
        }
    }

    /// Returns the store's files whose name contains one of these parts.
    fn files(&self, parts: &[&str]) -> Vec<PathBuf> {
        let Place::File(folder) = self.place else {
            return Vec::new();
        };
        let entries = std::fs::read_dir(folder.path().join("hammer"));
        let named = |name: OsString| {
            let name = name.to_string_lossy().into_owned();
            parts.iter().any(|part| name.contains(part))
        };
        let mut paths: Vec<_> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| named(entry.file_name()))
            .map(|entry| entry.path())
            .collect();
        // The file system decides the order. Sort, so that a seed reproduces the run.
        paths.sort();
        paths
    }
}
