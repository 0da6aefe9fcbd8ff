//! The records in a folder. Each function implements one call of the store.
//!
//! | file | contents |
//! |---|---|
//! | `KEY.rec` | the record |
//! | `KEY.draft-…` | its successor, while a writer is writing it |
//! | `KEY.new` | its complete successor, until it is renamed; adopted if its writer died |
//! | `KEY.spare` | disk space reserved for the next change |
//! | `KEY.lock`, `KEY.write-lock` | who holds the lease, and who is changing the record |
//! | `KEY.alive-…` | the proof that a holder is alive |
//! | `KEY.damaged-…` | a record that couldn't be read, for a person to inspect |

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::failure::broken;
use super::folder::{Folder, make_private};
use super::format;
use super::lock::{self, Claim, Claimant, Taken};
use super::process::ProcessId;
use crate::record::admit;
use crate::store::machine_ms;
use crate::{Error, ErrorKind, Holder, Owner, StoreKey, Stored, Swap};

/// A folder, and the deadline for waiting for other processes.
pub(super) struct Files {
    pub(super) path: PathBuf,
    pub(super) deadline: Instant,
}

impl Files {
    /// Checks that the folder exists, that its owner is right, and that no other user can replace
    /// it.
    pub(super) fn check_folder(&self) -> Result<(), Error> {
        self.folder()?;
        Folder::check_way(&self.path)
    }

    pub(super) fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        self.load_from(&self.folder()?, key)
    }

    fn load_from(&self, folder: &Arc<Folder>, key: &StoreKey) -> Result<Option<Stored>, Error> {
        let leftover = folder.length(&name(key, "new"));
        if leftover.is_ok_and(|length| length.is_some()) {
            // Its writer is still working or has died. Readers don't wait for it.
            let now = Files {
                path: self.path.clone(),
                deadline: Instant::now(),
            };
            if let Ok(writing) = now.lock_for_writing(folder, key) {
                recover(folder, key, &writing)?;
            }
        }
        match read(folder, key)? {
            Read::Nothing => Ok(None),
            Read::Record(stored) => Ok(Some(stored)),
            Read::Damaged(_) => {
                let _writing = self.lock_for_writing(folder, key)?;
                read_or_set_aside(folder, key)
            }
        }
    }

    /// Changes a record under its write lock.
    pub(super) fn write(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: Option<&[u8]>,
    ) -> Swap {
        let before = self.folder().and_then(|folder| {
            // Held only for this change. The lease is a separate lock, so that both can be held.
            let writing = self.lock_for_writing(&folder, key)?;
            recover(&folder, key, &writing)?;
            let current = read_or_set_aside(&folder, key)?;
            Ok((folder, writing, current))
        });
        let (folder, writing, current) = match before {
            Ok(before) => before,
            Err(error) => return Swap::Unavailable(error),
        };
        let (version, fence) = match admit(current.as_ref(), expected, fence) {
            Ok(admitted) => admitted,
            Err(swap) => return swap,
        };
        let bytes = format::encode(version, fence, value);
        match replace(&folder, key, &bytes, &writing) {
            Ok(()) => Swap::Applied(version),
            Err(swap) => swap,
        }
    }

    /// Takes the lease. The fence is greater than the record's own, because lock files get lost and
    /// are often missing from backups.
    pub(super) fn lease(&self, key: &StoreKey, owner: &Owner) -> Result<Taken, Error> {
        let folder = self.folder()?;
        let lock = name(key, "lock");
        let process = ProcessId::own();
        let by = Claimant {
            owner: owner.as_str(),
            process: &process,
            now_ms: machine_ms(),
        };
        let seen = || match read(&folder, key) {
            Ok(Read::Record(stored)) => Ok(stored.fence),
            // Loading the record reports that it is damaged.
            Ok(Read::Nothing | Read::Damaged(_)) => Ok(0),
            Err(error) => Err(io::Error::other(error.to_string())),
        };
        let taken = Claim::take(&folder, &lock, &key.to_hex(), &by, self.deadline, &seen);
        taken.map_err(|error| broken("lock", &folder.path_of(&lock), &error))
    }

    pub(super) fn is_held(&self, claim: &Claim) -> Result<bool, Error> {
        claim
            .is_held()
            .map_err(|error| broken("read", &self.path, &error))
    }

    /// Releases a lease. Returns whether the owner still held it.
    pub(super) fn release(&self, claim: Arc<Claim>) -> Result<bool, Error> {
        let held = self.is_held(&claim);
        drop(claim);
        held
    }

    pub(super) fn holder(&self, key: &StoreKey) -> Result<Option<Holder>, Error> {
        let folder = self.folder()?;
        self.holder_of(&folder, &name(key, "lock"))
    }

    fn holder_of(&self, folder: &Folder, lock: &str) -> Result<Option<Holder>, Error> {
        let unreadable = |error: io::Error| broken("read", &folder.path_of(lock), &error);
        let Some(holding) = lock::holding(folder, lock).map_err(unreadable)? else {
            return Ok(None);
        };
        let lives = holding.lives(folder, &ProcessId::own());
        Ok(lives.map_err(unreadable)?.then(|| Holder {
            owner: Owner::new(holding.owner),
            since_ms: Some(holding.since_ms),
        }))
    }

    pub(super) fn keys(&self) -> Result<Vec<StoreKey>, Error> {
        let folder = self.folder()?;
        let names = self.names(&folder)?;
        let swept = lock::sweep(&folder, &names);
        swept.map_err(|error| broken("clean up", folder.path(), &error))?;
        let of = |name: &String| {
            let record = name.strip_suffix(".rec");
            // If the writer of a key's first record died, only this file exists.
            let record = record.or_else(|| name.strip_suffix(".new"));
            record.and_then(StoreKey::from_hex)
        };
        let mut keys: Vec<_> = names.iter().filter_map(of).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut with_value = Vec::with_capacity(keys.len());
        for key in keys {
            // Returned as an error instead of skipped: a damaged record is somebody's grant.
            let record = self.load_from(&folder, &key)?;
            if record.is_some_and(|record| record.value.is_some()) {
                with_value.push(key);
            }
        }
        Ok(with_value)
    }

    /// Returns the paths of a record's damaged copies.
    pub(super) fn set_aside(&self, key: &StoreKey) -> Result<Vec<String>, Error> {
        let folder = self.folder()?;
        let paths = self.damaged(&folder, key)?.into_iter();
        Ok(paths
            .map(|name| folder.path_of(&name).display().to_string())
            .collect())
    }

    /// Deletes a record's damaged copies.
    pub(super) fn remove_set_aside(&self, key: &StoreKey) -> Result<Vec<String>, Error> {
        let folder = self.folder()?;
        let mut removed = Vec::new();
        for name in self.damaged(&folder, key)? {
            let path = folder.path_of(&name);
            let gone = folder.remove(&name);
            gone.map_err(|error| broken("remove", &path, &error))?;
            removed.push(path.display().to_string());
        }
        if !removed.is_empty() {
            let synced = folder.sync();
            synced.map_err(|error| broken("sync", folder.path(), &error))?;
        }
        Ok(removed)
    }

    fn damaged(&self, folder: &Folder, key: &StoreKey) -> Result<Vec<String>, Error> {
        let prefix = name(key, "damaged-");
        let mut names = self.names(folder)?;
        names.retain(|name| name.starts_with(&prefix));
        names.sort_unstable();
        Ok(names)
    }

    fn names(&self, folder: &Folder) -> Result<Vec<String>, Error> {
        folder
            .names()
            .map_err(|error| broken("read", folder.path(), &error))
    }

    fn folder(&self) -> Result<Arc<Folder>, Error> {
        Folder::open(&self.path).map(Arc::new)
    }

    /// Takes the write lock, waiting until the deadline.
    fn lock_for_writing(&self, folder: &Arc<Folder>, key: &StoreKey) -> Result<Claim, Error> {
        let lock = name(key, "write-lock");
        let process = ProcessId::own();
        let owner = Owner::of_this_process("write");
        let mut pause = Duration::from_micros(100);
        loop {
            let by = Claimant {
                owner: owner.as_str(),
                process: &process,
                now_ms: machine_ms(),
            };
            let taken = Claim::take(folder, &lock, &key.to_hex(), &by, self.deadline, &|| Ok(0));
            match taken.map_err(|error| broken("lock", &folder.path_of(&lock), &error))? {
                Taken::Claim(claim) => return Ok(claim),
                Taken::By(holding) if Instant::now() >= self.deadline => {
                    let holder = Holder {
                        owner: Owner::new(holding.owner),
                        since_ms: Some(holding.since_ms),
                    };
                    let shown = folder.path_of(&name(key, "rec")).display().to_string();
                    let message =
                        format!("the store cannot change {shown}: {holder} is changing it");
                    return Err(Error::new(ErrorKind::Unavailable, message)
                        .with_setting("store")
                        .with_hint(
                            "try again; if this keeps happening, kill that process: it hangs",
                        ));
                }
                Taken::By(_) => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(5));
                }
            }
        }
    }
}

/// What a record's file contains.
enum Read {
    Nothing,
    Record(Stored),
    Damaged(&'static str),
}

/// Rename is atomic: a reader sees either the old contents or the new.
fn read(folder: &Folder, key: &StoreKey) -> Result<Read, Error> {
    let record = name(key, "rec");
    let bytes = folder.read(&record);
    let bytes = bytes.map_err(|error| broken("read", &folder.path_of(&record), &error))?;
    Ok(match bytes.as_deref().map(|bytes| format::decode(bytes)) {
        None => Read::Nothing,
        Some(Ok(stored)) => Read::Record(stored),
        Some(Err(why)) => Read::Damaged(why),
    })
}

/// Reads a record under its write lock. A damaged record is set aside for a person to inspect, and
/// never used.
fn read_or_set_aside(folder: &Folder, key: &StoreKey) -> Result<Option<Stored>, Error> {
    let why = match read(folder, key)? {
        Read::Nothing => return Ok(None),
        Read::Record(stored) => return Ok(Some(stored)),
        Read::Damaged(why) => why,
    };
    let record = name(key, "rec");
    let aside = name(key, &format!("damaged-{}", machine_ms()));
    if let Ok(file) = folder.open_file(&record) {
        let _ = make_private(&file);
    }
    let moved = match folder.rename(&record, &aside) {
        Ok(()) => format!("it was moved to {}", folder.path_of(&aside).display()),
        Err(error) => format!("it could not be moved aside: {error}"),
    };
    let path = folder.path_of(&record);
    let message = format!("the record {} is damaged: {why}; {moved}", path.display());
    Err(Error::new(ErrorKind::Damaged, message)
        .with_hint("restore it from a backup, or log in again; if the grant needs no login, the next call requests a new token"))
}

/// Finishes the work of a writer that died. A complete successor is adopted: it may hold a refresh
/// token that the vendor issued once. Anything else is removed.
fn recover(folder: &Folder, key: &StoreKey, writing: &Claim) -> Result<(), Error> {
    let (new, record) = (name(key, "new"), name(key, "rec"));
    let failed = |did: &'static str, name: &str| {
        let path = folder.path_of(name);
        move |error: io::Error| broken(did, &path, &error)
    };
    let Some((file, bytes)) = folder.open_and_read(&new).map_err(failed("read", &new))? else {
        return Ok(());
    };
    let current = match read(folder, key)? {
        Read::Record(stored) => (stored.version, stored.fence),
        Read::Nothing => (0, 0),
        // The record it was meant to replace is unknown, and the successor may be the only copy.
        Read::Damaged(_) => {
            drop(read_or_set_aside(folder, key));
            (0, 0)
        }
    };
    let follows = |stored: &Stored| match current {
        (0, _) => true,
        (version, fence) => stored.version == version + 1 && stored.fence >= fence,
    };
    if !format::decode(&bytes).is_ok_and(|stored| follows(&stored)) {
        return folder.remove(&new).map_err(failed("remove", &new));
    }
    if !writing.is_held().map_err(failed("read", &record))? {
        return Ok(());
    }
    adopt(folder, &file, &new, &record).map_err(failed("recover", &new))
}

/// Renames a complete successor to the record's name.
///
/// If the successor is gone or was replaced, somebody removed the lock file and another writer is
/// working. Then this does nothing, because only that writer may rename its file.
fn adopt(folder: &Folder, file: &File, new: &str, record: &str) -> io::Result<()> {
    // Its writer may have died before it was durable.
    file.sync_all()?;
    if !folder.names_file(new, file)? {
        return Ok(());
    }
    match folder.rename(new, record) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => folder.sync(),
    }
}

/// Replaces a record's contents atomically and durably.
fn replace(folder: &Folder, key: &StoreKey, bytes: &[u8], writing: &Claim) -> Result<(), Swap> {
    let (new, record, draft) = (name(key, "new"), name(key, "rec"), writing.draft());
    let broke = |at: &str, error: &io::Error| broken("write", &folder.path_of(at), error);
    // Reserve space for the next change before making this one, so that a refresh that has started
    // can be stored even if the disk fills up.
    let spare = reserve(folder, key, bytes.len())?;
    let written = match write_new(folder, &draft, &new, None, bytes) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            write_new(folder, &draft, &new, Some(&spare), bytes)
        }
        written => written,
    };
    let file = match written {
        Ok(file) => file,
        // Remove what a failed attempt left, so that it isn't adopted as a dead writer's work.
        Err(error) => {
            return Err(match folder.remove(&draft).and(folder.remove(&new)) {
                Ok(()) => Swap::Unavailable(broke(&new, &error)),
                Err(_) => Swap::Unknown(broke(&new, &error)),
            });
        }
    };
    let is_ours = |name: &str| folder.names_file(name, &file).unwrap_or(true);
    let withdraw = |error: Error| {
        Err(match folder.remove(&new) {
            Ok(()) => Swap::Unavailable(error),
            Err(_) => Swap::Unknown(error),
        })
    };
    let finished_by_another = || {
        let why = "its lock file was removed, and another process finished the change";
        Err(Swap::Unknown(broke(&record, &io::Error::other(why))))
    };
    let held = writing.is_held();
    if !is_ours(&new) {
        return finished_by_another();
    }
    match held {
        Ok(true) => {}
        Ok(false) => {
            let lost = io::Error::other("its lock file was removed during the change");
            return withdraw(broke(&record, &lost));
        }
        Err(error) => return withdraw(broke(&record, &error)),
    }
    match folder.rename(&new, &record) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return finished_by_another(),
        Err(error) => return withdraw(broke(&record, &error)),
    }
    // The rename is done, but without this it may not survive a power cut.
    let synced = folder.sync();
    synced.map_err(|error| Swap::Unknown(broken("sync", folder.path(), &error)))?;
    match is_ours(&record) {
        true => Ok(()),
        false => finished_by_another(),
    }
}

/// Writes a record's successor durably. It gets the name `new` only when it is complete, because
/// without the lock file there may be two writers, and each may adopt what the other wrote.
///
/// `spare` is a file whose blocks were reserved earlier; they are used for this one.
fn write_new(
    folder: &Folder,
    draft: &str,
    new: &str,
    spare: Option<&str>,
    bytes: &[u8],
) -> io::Result<File> {
    let mut file = match spare {
        None => folder.create_new(draft)?,
        Some(spare) => {
            folder.rename(spare, draft)?;
            folder.open_or_create(draft)?
        }
    };
    file.write_all(bytes)?;
    if spare.is_some() {
        file.set_len(bytes.len() as u64)?;
    }
    folder.rename(draft, new)?;
    // After the rename, so that a power cut doesn't leave a durable draft that nobody adopts.
    file.sync_all()?;
    Ok(file)
}

/// Ensures that there is a spare file of at least twice the size, with its blocks allocated.
fn reserve(folder: &Folder, key: &StoreKey, size: usize) -> Result<String, Swap> {
    const MIN: usize = 8 * 1024;
    let spare = name(key, "spare");
    let wanted = (2 * size).max(MIN);
    let there = folder.length(&spare).ok().flatten().unwrap_or(0);
    if there >= wanted as u64 {
        return Ok(spare);
    }
    // Not zeros: some file systems don't allocate blocks for them.
    let filling = vec![0xA5; wanted];
    let taken = folder.open_or_create(&spare).and_then(|mut file| {
        file.write_all(&filling)?;
        file.sync_all()
    });
    match taken {
        Ok(()) => Ok(spare),
        // The existing one is large enough for this change, if not for twice the size.
        Err(_) if there as usize >= size => Ok(spare),
        Err(error) => {
            let _ = folder.remove(&spare);
            let path = folder.path_of(&spare);
            Err(Swap::Unavailable(broken("reserve space in", &path, &error)))
        }
    }
}

fn name(key: &StoreKey, ending: &str) -> String {
    format!("{}.{ending}", key.to_hex())
}
