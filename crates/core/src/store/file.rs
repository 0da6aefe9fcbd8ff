//! A store of files for one machine: replaced whole, durable before acknowledged, locked by the kernel.

mod format;

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Capabilities, Durability, Lease, LeaseKind, Owner, Store, StoreKey, Stored, Swap};
use crate::{Error, ErrorKind};

/// Keeps each record in a file of a folder that only its owner can read.
///
/// A record is `KEY.rec`, replaced by rename after its new contents are on the disk. The lease is
/// a kernel lock on `KEY.lock`, which is never removed; it ends with its holder. The folder is
/// made with mode 0700 and refused where others have access; files have mode 0600.
///
/// # Example
///
/// ```
/// use countersign::{FileStore, Store, StoreKey, Swap};
///
/// # let scratch = tempfile::tempdir().unwrap();
/// # let folder = scratch.path().join("tokens");
/// let store = FileStore::open(&folder)?;
/// let key = StoreKey::of(["mine"]);
/// assert!(matches!(store.compare_and_swap(&key, None, None, b"value"), Swap::Applied(1)));
/// assert_eq!(store.load(&key)?.unwrap().value.unwrap().as_slice(), b"value");
/// # Ok::<(), countersign::Error>(())
/// ```
pub struct FileStore {
    folder: PathBuf,
    /// The open lock files of the leases held here.
    held: Mutex<HashMap<StoreKey, (Owner, u64, File)>>,
}

impl FileStore {
    /// Opens the folder, making it where it is not there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] where the folder cannot be made, is not a folder, or others than its
    /// owner have access to it.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        make_private_folder(&folder)?;
        Ok(Self {
            folder,
            held: Mutex::default(),
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, key: &StoreKey, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", key.to_hex()))
    }

    fn held(&self) -> MutexGuard<'_, HashMap<StoreKey, (Owner, u64, File)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        let path = self.path(key, "rec");
        let bytes = match fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(broken("read", &path, &error)),
        };
        match format::decode(&bytes) {
            Ok(stored) => Ok(Some(stored)),
            Err(why) => Err(self.move_aside(key, &path, why)),
        }
    }

    /// A damaged record is kept for a person to look at, and never taken for a good one.
    fn move_aside(&self, key: &StoreKey, path: &Path, why: &str) -> Error {
        let aside = self.path(key, &format!("damaged-{}", super::machine_ms()));
        let moved = match fs::rename(path, &aside) {
            Ok(()) => format!("it was moved to {}", aside.display()),
            Err(error) => format!("it could not be moved aside: {error}"),
        };
        let message = format!("the record {} is damaged: {why}; {moved}", path.display());
        Error::new(ErrorKind::Store, message)
            .with_verdict(crate::Verdict::Unexpected)
            .with_hint("restore it from a backup, or log in again; a token that can be asked for anew is asked for by the next call")
    }

    /// Changes a record while nobody else in any process does.
    fn write(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: Option<&[u8]>,
    ) -> Swap {
        // Held only for this change; a lease is another file's lock, so that both can be had.
        let _writing = match self.lock_for_writing(key) {
            Ok(lock) => lock,
            Err(error) => return Swap::Unavailable(error),
        };
        let current = match self.read(key) {
            Ok(current) => current,
            Err(error) => return Swap::Unavailable(error),
        };
        let (version, fence) = match super::admit(current.as_ref(), expected, fence) {
            Ok(admitted) => admitted,
            Err(swap) => return swap,
        };
        let bytes = format::encode(version, fence, value);
        match self.replace(key, &bytes) {
            Ok(()) => Swap::Applied(version),
            Err(swap) => swap,
        }
    }

    fn lock_for_writing(&self, key: &StoreKey) -> Result<File, Error> {
        let path = self.path(key, "write-lock");
        let file = open_private(&path).map_err(|error| broken("open", &path, &error))?;
        file.lock().map_err(|error| broken("lock", &path, &error))?;
        Ok(file)
    }

    /// Puts new contents in a record's place: durable, and never half there.
    fn replace(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), Swap> {
        let (new, path) = (self.path(key, "new"), self.path(key, "rec"));
        let not_written = |at: &Path, error: &io::Error| {
            // What is left of a failed attempt is not a record; losing it loses nothing.
            let _ = fs::remove_file(&new);
            Err(Swap::Unavailable(broken("write", at, error)))
        };
        // Room for the next change is taken before this one is made: a refresh that was begun
        // can be finished on a disk that filled up meanwhile.
        let spare = self.reserve(key, bytes.len())?;
        let written = self.write_new(&new, bytes);
        if let Err(error) = &written {
            if error.kind() != io::ErrorKind::StorageFull {
                return not_written(&new, error);
            }
            if let Err(error) = self.write_into_spare(&spare, &new, bytes) {
                return not_written(&new, &error);
            }
        }
        if let Err(error) = fs::rename(&new, &path) {
            return not_written(&path, &error);
        }
        // The rename is done; whether it survives a power cut is not known without this.
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| Swap::Unknown(broken("sync", &self.folder, &error)))
    }

    fn write_new(&self, new: &Path, bytes: &[u8]) -> io::Result<()> {
        let _ = fs::remove_file(new);
        let mut file = create_private(new)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Writes into blocks that were taken when there was room.
    fn write_into_spare(&self, spare: &Path, new: &Path, bytes: &[u8]) -> io::Result<()> {
        let _ = fs::remove_file(new);
        fs::rename(spare, new)?;
        let mut file = private().open(new)?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()
    }

    /// Sees to it that there is a spare file of at least twice the size, with its blocks taken.
    fn reserve(&self, key: &StoreKey, size: usize) -> Result<PathBuf, Swap> {
        const LEAST: usize = 8 * 1024;
        let spare = self.path(key, "spare");
        let wanted = (2 * size).max(LEAST);
        let there = spare.metadata().map_or(0, |facts| facts.len());
        if there >= wanted as u64 {
            return Ok(spare);
        }
        // Zeros would do for most file systems; some do not store them.
        let filling = vec![0xA5; wanted];
        let taken = open_private(&spare).and_then(|mut file| {
            file.write_all(&filling)?;
            file.sync_all()
        });
        match taken {
            Ok(()) => Ok(spare),
            // There is one from before that is large enough for this change, if not for twice that.
            Err(_) if there as usize >= size => Ok(spare),
            Err(error) => {
                let _ = fs::remove_file(&spare);
                Err(Swap::Unavailable(broken("take room for", &spare, &error)))
            }
        }
    }
}

impl Store for FileStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: Durability::PowerLoss,
            lease: LeaseKind::KernelOwned,
            shared: false,
        }
    }

    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        // Rename is atomic: a reader sees the old contents or the new.
        self.read(key)
    }

    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap {
        self.write(key, expected, fence, Some(value))
    }

    fn tombstone(&self, key: &StoreKey, expected: u64, fence: Option<u64>) -> Swap {
        self.write(key, Some(expected), fence, None)
    }

    fn lease(&self, key: &StoreKey, owner: &Owner, _ttl: Duration) -> Result<Lease, Error> {
        let mut held = self.held();
        let busy = Ok(Lease::Busy {
            retry_in: Duration::from_millis(10),
        });
        if held.contains_key(key) {
            return busy;
        }
        let path = self.path(key, "lock");
        let mut file = open_private(&path).map_err(|error| broken("open", &path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return busy,
            Err(TryLockError::Error(error)) => return Err(broken("lock", &path, &error)),
        }
        let fence = next_fence(&mut file).map_err(|error| broken("write", &path, &error))?;
        held.insert(*key, (owner.clone(), fence, file));
        Ok(Lease::Granted {
            fence,
            valid_for: None,
        })
    }

    fn renew(
        &self,
        key: &StoreKey,
        owner: &Owner,
        fence: u64,
        _ttl: Duration,
    ) -> Result<bool, Error> {
        let held = self.held();
        Ok(held
            .get(key)
            .is_some_and(|(o, f, _)| o == owner && *f == fence))
    }

    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, Error> {
        let mut held = self.held();
        let ours = held
            .get(key)
            .is_some_and(|(o, f, _)| o == owner && *f == fence);
        if ours {
            // Closing the file gives the lock back; the file stays, or two could hold it.
            held.remove(key);
        }
        Ok(ours)
    }

    fn keys(&self) -> Result<Vec<StoreKey>, Error> {
        let unreadable = |error: io::Error| broken("read", &self.folder, &error);
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let name = name.to_string_lossy();
            let Some(key) = name.strip_suffix(".rec").and_then(StoreKey::from_hex) else {
                continue;
            };
            // Told here rather than left out: a damaged record is somebody's grant.
            if self
                .read(&key)?
                .is_some_and(|record| record.value.is_some())
            {
                keys.push(key);
            }
        }
        keys.sort_unstable();
        Ok(keys)
    }

    fn set_aside(&self, key: &StoreKey) -> Result<Option<String>, Error> {
        let unreadable = |error: io::Error| broken("read", &self.folder, &error);
        let prefix = format!("{}.damaged-", key.to_hex());
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                return Ok(Some(entry.path().display().to_string()));
            }
        }
        Ok(None)
    }

    fn now_ms(&self) -> Result<i64, Error> {
        Ok(super::machine_ms())
    }
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileStore")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Counts the leases given out, in the lock file itself and under its lock.
fn next_fence(file: &mut File) -> io::Result<u64> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let fence = text.trim().parse::<u64>().unwrap_or(0) + 1;
    file.seek(SeekFrom::Start(0))?;
    // One line of fixed width: written in place, it is never shorter than what was there.
    file.write_all(format!("{fence:020}\n").as_bytes())?;
    Ok(fence)
}

fn broken(did: &str, path: &Path, error: &io::Error) -> Error {
    let message = format!("the store cannot {did} {}: {error}", path.display());
    let error = Error::new(ErrorKind::Store, message).with_setting("store");
    error.with_hint("check that the folder is there, is this user's, and has room")
}

/// Nothing gets better by trying again, but for a disk that is full.
fn cannot_be_made(folder: &Path, error: &io::Error) -> Error {
    let broken = broken("make", folder, error);
    match error.kind() {
        io::ErrorKind::StorageFull => broken,
        _ => broken
            .with_verdict(crate::Verdict::FixConfiguration)
            .with_hint("set store = \"file:FOLDER\" to a folder that this user may make or owns"),
    }
}

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.map_err(|error| cannot_be_made(folder, &error))?;
    let facts = fs::metadata(folder).map_err(|error| broken("read", folder, &error))?;
    let mode = facts.mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let shown = folder.display();
    let message = format!("the store's folder {shown} has mode {mode:04o}: others have access");
    Err(Error::new(ErrorKind::Store, message)
        .with_setting("store")
        .with_verdict(crate::Verdict::FixConfiguration)
        // Never a command alone: it may be /etc or /tmp.
        .with_hint(format!(
            "give the tokens a folder of their own, such as file:{}; where this one is for them alone, run: \
             chmod 0700 {shown}",
            folder.join("countersign").display()
        )))
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|error| cannot_be_made(folder, &error))
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600).read(true).write(true);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options
}

fn open_private(path: &Path) -> io::Result<File> {
    private().create(true).truncate(false).open(path)
}

fn create_private(path: &Path) -> io::Result<File> {
    private().create_new(true).open(path)
}
