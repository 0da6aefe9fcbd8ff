//! Where tokens survive: one trait, shaped for one machine and for a fleet.

mod file;
mod forward;
mod memory;
mod owner;
mod sealed;
mod unopened;
mod waiting;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use zeroize::Zeroizing;

pub use self::file::FileStore;
pub use self::memory::MemoryStore;
pub use self::owner::{Holder, Owner};
pub(crate) use self::sealed::is_sealed;
pub use self::sealed::{KeyRing, SealedStore};
pub use self::unopened::UnopenedStore;
pub(crate) use self::waiting::Patience;
pub use self::waiting::wait_for_lease;
use crate::Error;

/// Keeps one record per connection, with a version, and a lease for whoever changes it.
///
/// Values are opaque. A change is a compare-and-swap on the version that was read, so that
/// nothing that somebody else wrote is lost; a lease says who may ask for a new token now.
///
/// Every call returns within a bound that the store states, whatever others do. A lease belongs to
/// the process that took it: a forked child neither holds its parent's nor can release it.
pub trait Store: Send + Sync + fmt::Debug {
    /// What this store promises.
    fn capabilities(&self) -> Capabilities;

    /// The record, seeing every change acknowledged before this call began; nothing where there
    /// never was one.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Store`] where the store cannot be read or the record is damaged.
    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Error>;

    /// Replaces the value if the record still has the version `expected` (`None`: there is no
    /// record yet); its version is then one more, and 1 for the first. Where `fence` is given, a record that has seen a newer one refuses.
    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap;

    /// Forgets the value, as a change like any other: versions go on, so that a late writer of
    /// the old value finds a conflict.
    fn tombstone(&self, key: &StoreKey, expected: u64, fence: Option<u64>) -> Swap;

    /// Takes the lease of a record, without waiting. One that is held is busy for its owner as well.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Store`] where the store cannot be reached or written.
    fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<Lease, Error>;

    /// Makes a lease last longer; `false` where it was lost.
    ///
    /// # Errors
    ///
    /// As [`Store::lease`].
    fn renew(
        &self,
        key: &StoreKey,
        owner: &Owner,
        fence: u64,
        ttl: Duration,
    ) -> Result<bool, Error>;

    /// Gives a lease back; `false` where it was not the owner's any more.
    ///
    /// # Errors
    ///
    /// As [`Store::lease`].
    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, Error>;

    /// The keys of all records that have a value, in order: for a person who lists or moves them.
    ///
    /// # Errors
    ///
    /// As [`Store::load`].
    fn keys(&self) -> Result<Vec<StoreKey>, Error>;

    /// Whether a grant that only a person can renew may live here: a refusal from a store that
    /// would lose it with a restart, unless the store's settings say that this is wanted.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Store`], saying what to change at the server or in the settings.
    fn fit_for_rotation(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What became of a record that could not be read: where it was set aside, if it was. What it
    /// held may be a grant that a person can still rescue.
    ///
    /// # Errors
    ///
    /// As [`Store::load`].
    fn set_aside(&self, key: &StoreKey) -> Result<Option<String>, Error> {
        let _ = key;
        Ok(None)
    }

    /// Removes what was set aside of a record, for good, and returns where each piece was: a logout
    /// must not leave tokens behind. Stores that set nothing aside have nothing to do.
    ///
    /// # Errors
    ///
    /// As [`Store::lease`].
    fn remove_set_aside(&self, key: &StoreKey) -> Result<Vec<String>, Error> {
        let _ = key;
        Ok(Vec::new())
    }

    /// Who holds a lease now, for a person who wonders why it is busy; nothing if nobody does, or
    /// if the store cannot tell.
    ///
    /// # Errors
    ///
    /// As [`Store::load`].
    fn holder(&self, key: &StoreKey) -> Result<Option<Holder>, Error> {
        let _ = key;
        Ok(None)
    }

    /// What is wrong although the store still works, such as a changed `password_file` that cannot be
    /// read. A client asks with each refresh, and reports it to
    /// [`crate::KeeperBuilder::on_warning`].
    fn warning(&self) -> Option<Error> {
        None
    }

    /// The store's own clock, in milliseconds since 1970: what deadlines of a fleet are told by.
    ///
    /// # Errors
    ///
    /// As [`Store::lease`].
    fn now_ms(&self) -> Result<i64, Error>;
}

/// What a store promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What an acknowledged change survives.
    pub durability: Durability,
    /// How a lease ends when its holder dies.
    pub lease: LeaseKind,
    /// Whether other machines share it.
    pub shared: bool,
}

/// What an acknowledged change survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing: it ends with the process.
    Ephemeral,
    /// The end of a process.
    ProcessCrash,
    /// A power cut.
    PowerLoss,
}

/// How a lease ends when its holder dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseKind {
    /// The kernel ends it at once.
    KernelOwned,
    /// It runs out by the store's clock.
    Timed,
}

/// The key of a record: 32 opaque bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// The key for what these words identify together.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for word in words {
            // Lengths keep ("ab", "c") apart from ("a", "bc").
            context.update(&(word.len() as u64).to_be_bytes());
            context.update(word.as_bytes());
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        Self(key)
    }

    /// The key of these 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(key))
    }

    /// The key in 64 hex digits.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// A record as it was read.
#[derive(Clone)]
pub struct Stored {
    /// Grows by one with every change.
    pub version: u64,
    /// The newest fence it has seen.
    pub fence: u64,
    /// The value; nothing where it was forgotten.
    pub value: Option<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("version", &self.version)
            .field("fence", &self.fence)
            .field("value_len", &self.value.as_ref().map(|value| value.len()))
            .finish()
    }
}

/// What became of a change.
#[derive(Debug)]
#[must_use]
pub enum Swap {
    /// It is durable, as far as the store promises, under this version.
    Applied(u64),
    /// Somebody else changed the record first; nothing was written.
    Conflict(Option<Stored>),
    /// A newer holder of the lease has written; nothing was written.
    Fenced,
    /// It was certainly not written.
    Unavailable(Error),
    /// It may or may not have been written: read again.
    Unknown(Error),
}

/// The answer to asking for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It is the owner's.
    Granted {
        /// Greater than every fence given out before for this key, and than the record's own: also
        /// if the store lost what it knew of earlier leases.
        fence: u64,
        /// How long it lasts, counted from before the call; nothing where the kernel ends it.
        valid_for: Option<Duration>,
    },
    /// Somebody has it.
    Busy {
        /// When to ask again.
        retry_in: Duration,
    },
}

/// The version and the fence that a record has after a change, where the change may be made.
fn admit(
    current: Option<&Stored>,
    expected: Option<u64>,
    fence: Option<u64>,
) -> Result<(u64, u64), Swap> {
    let version = current.map(|record| record.version);
    if version != expected {
        return Err(Swap::Conflict(current.cloned()));
    }
    let seen = current.map_or(0, |record| record.fence);
    if fence.is_some_and(|fence| fence < seen) {
        return Err(Swap::Fenced);
    }
    Ok((version.unwrap_or(0) + 1, fence.unwrap_or(seen)))
}

/// The machine's clock, for stores that have no server with a clock of its own.
fn machine_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_millis() as i64
}
