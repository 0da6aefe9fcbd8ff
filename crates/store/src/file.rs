//! A store in files of this machine.

mod failure;
mod files;
mod folder;
mod format;
mod lock;
mod process;
mod worker;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::files::Files;
use self::folder::Folder;
use self::lock::{Claim, Taken};
use self::worker::{Missed, Worker};
use crate::store::machine_ms;
use crate::{
    Capabilities, Durability, Error, ErrorKind, Holder, Lease, LeaseKind, Owner, Store, StoreKey,
    Stored, Swap,
};

/// Keeps each record in a file of a folder that only its owner can read.
///
/// A record is the file `KEY.rec`, replaced by rename after its new contents are on disk. The lease
/// is claimed in `KEY.lock` and ends with the process that holds it, even if a forked child lives
/// on.
///
/// The folder is created with mode 0700. It is rejected if it belongs to another user, if others
/// have access to it, or if another user can replace a folder above it. Files in it are rejected if
/// they are links, have a second hard link, or belong to another user.
///
/// # Time
///
/// A call waits up to 5 s ([`FileStore::with_timeout`]) for another process that is changing the
/// same record. It returns within twice that time even if the file system hangs, such as a hard NFS
/// mount whose server is down. [`Store::keys`] reads every record and may take twelve times as
/// long.
///
/// # Example
///
/// ```
/// use countersign_store::{FileStore, Store, StoreKey, Swap};
///
/// # let scratch = tempfile::tempdir().unwrap();
/// # let folder = scratch.path().join("tokens");
/// let store = FileStore::open(&folder)?;
/// let key = StoreKey::of(["mine"]);
/// assert!(matches!(store.compare_and_swap(&key, None, None, b"value"), Swap::Applied(1)));
/// assert_eq!(store.load(&key)?.unwrap().value.unwrap().as_slice(), b"value");
/// # Ok::<(), countersign_store::Error>(())
/// ```
pub struct FileStore {
    folder: PathBuf,
    timeout: Duration,
    worker: Worker,
    /// The leases this store holds.
    held: Mutex<HashMap<StoreKey, (Owner, Arc<Claim>)>>,
    /// The process that opened the store. A forked child has none of its parent's leases or
    /// threads.
    process: u32,
}

/// The default time that a call waits for other processes.
const TIMEOUT: Duration = Duration::from_secs(5);

impl FileStore {
    /// Opens the folder, creating it if it does not exist; its parent must exist.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unusable`] if the folder can't be created, isn't a folder, belongs to another
    /// user, or can be accessed by other users.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{FileStore, Store};
    ///
    /// # let scratch = tempfile::tempdir().unwrap();
    /// # let folder = scratch.path().join("tokens");
    /// let store = FileStore::open(&folder)?;
    /// assert!(store.keys()?.is_empty());
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let store = Self::at(folder);
        store.run(1, |files| {
            Folder::create(&files.path)?;
            files.check_folder()
        })??;
        Ok(store)
    }

    /// Like [`FileStore::open`], but fails if the folder is missing, so that an unmounted disk
    /// doesn't look like an empty store.
    ///
    /// # Errors
    ///
    /// As [`FileStore::open`], and if the folder is missing.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::FileStore;
    ///
    /// # let scratch = tempfile::tempdir().unwrap();
    /// # let folder = scratch.path().join("tokens");
    /// assert!(FileStore::open_existing(&folder).is_err());
    /// FileStore::open(&folder)?;
    /// assert!(FileStore::open_existing(&folder).is_ok());
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    pub fn open_existing(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let store = Self::at(folder);
        store.run(1, Files::check_folder)??;
        Ok(store)
    }

    fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            timeout: TIMEOUT,
            worker: Worker::default(),
            held: Mutex::default(),
            process: std::process::id(),
        }
    }

    /// Sets how long a call waits for another process. The default is 5 s.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_store::FileStore;
    ///
    /// # let scratch = tempfile::tempdir().unwrap();
    /// # let folder = scratch.path().join("tokens");
    /// let store = FileStore::open(&folder)?.with_timeout(Duration::from_secs(1));
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn held(&self) -> MutexGuard<'_, HashMap<StoreKey, (Owner, Arc<Claim>)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the claim of a lease that this owner holds under this fence.
    fn claim(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Option<Arc<Claim>> {
        let held = self.held();
        let (holder, claim) = held.get(key)?;
        (holder == owner && claim.fence() == fence).then(|| Arc::clone(claim))
    }

    /// Runs work on the files within `times` times the default timeout.
    fn run<T: Send + 'static>(
        &self,
        times: u32,
        work: impl FnOnce(&Files) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let patience = self.timeout * 2 * times;
        let files = Files {
            path: self.folder.clone(),
            deadline: Instant::now() + self.timeout * times,
        };
        let done = self.worker.run(patience, move || work(&files));
        done.map_err(|missed| self.missed(&missed, patience))
    }

    fn missed(&self, missed: &Missed, patience: Duration) -> Error {
        let shown = self.folder.display();
        let (message, hint) = match missed {
            Missed::Late => (
                format!(
                    "the file system of the store {shown} did not respond within {} s",
                    patience.as_secs_f32()
                ),
                "check the disk or mount that `store` is on; a hard NFS mount waits forever for its server",
            ),
            Missed::NoThread(error) => (
                format!("the store {shown} cannot start a thread: {error}"),
                "raise the limit on threads (ulimit -u, or TasksMax= in a systemd unit), or try again",
            ),
        };
        Error::new(ErrorKind::Unavailable, message)
            .with_setting("store")
            .with_hint(hint)
    }

    /// Runs a change. Its outcome is unknown if it hasn't finished when the time is up.
    fn change(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: Option<&[u8]>,
    ) -> Swap {
        let key = *key;
        let value = value.map(|value| zeroize::Zeroizing::new(value.to_vec()));
        let swap = self.run(1, move |files| {
            files.write(
                &key,
                expected,
                fence,
                value.as_ref().map(|value| value.as_slice()),
            )
        });
        swap.unwrap_or_else(Swap::Unknown)
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
        let key = *key;
        self.run(1, move |files| files.load(&key))?
    }

    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap {
        self.change(key, expected, fence, Some(value))
    }

    fn tombstone(&self, key: &StoreKey, expected: u64, fence: Option<u64>) -> Swap {
        self.change(key, Some(expected), fence, None)
    }

    fn lease(&self, key: &StoreKey, owner: &Owner, _ttl: Duration) -> Result<Lease, Error> {
        if self.process != std::process::id() {
            let message = format!(
                "the store {} was opened before this process was forked",
                self.folder.display()
            );
            return Err(Error::new(ErrorKind::Unusable, message)
                .with_hint("open the store after the fork, in the child"));
        }
        let busy = Lease::Busy {
            retry_in: Duration::from_millis(10),
        };
        if self.held().contains_key(key) {
            return Ok(busy);
        }
        let (asked, by) = (*key, owner.clone());
        match self.run(1, move |files| files.lease(&asked, &by))?? {
            Taken::By(_) => Ok(busy),
            Taken::Claim(claim) => {
                let fence = claim.fence();
                self.held().insert(*key, (owner.clone(), Arc::new(claim)));
                Ok(Lease::Granted {
                    fence,
                    valid_for: None,
                })
            }
        }
    }

    fn renew(
        &self,
        key: &StoreKey,
        owner: &Owner,
        fence: u64,
        _ttl: Duration,
    ) -> Result<bool, Error> {
        if self.process != std::process::id() {
            return Ok(false);
        }
        let Some(claim) = self.claim(key, owner, fence) else {
            return Ok(false);
        };
        self.run(1, move |files| files.is_held(&claim))?
    }

    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, Error> {
        if self.process != std::process::id() {
            return Ok(false);
        }
        let Some(claim) = self.claim(key, owner, fence) else {
            return Ok(false);
        };
        let held = self.held().remove(key);
        self.run(1, move |files| {
            drop(held);
            files.release(claim)
        })?
    }

    fn holder(&self, key: &StoreKey) -> Result<Option<Holder>, Error> {
        let key = *key;
        self.run(1, move |files| files.holder(&key))?
    }

    fn keys(&self) -> Result<Vec<StoreKey>, Error> {
        const LISTING: u32 = 12;
        self.run(LISTING, Files::keys)?
    }

    fn set_aside(&self, key: &StoreKey) -> Result<Option<String>, Error> {
        let key = *key;
        let found = self.run(1, move |files| files.set_aside(&key))??;
        Ok(found.into_iter().next())
    }

    fn remove_set_aside(&self, key: &StoreKey) -> Result<Vec<String>, Error> {
        let key = *key;
        self.run(1, move |files| files.remove_set_aside(&key))?
    }

    fn now_ms(&self) -> Result<i64, Error> {
        Ok(machine_ms())
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        let held = self.held.get_mut().unwrap_or_else(PoisonError::into_inner);
        let held = std::mem::take(held);
        if !held.is_empty() {
            // A lease that can't be released ends with the process.
            let _ = self.run(1, move |_| drop(held));
        }
    }
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileStore")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}
