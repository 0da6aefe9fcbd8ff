//! The trait that every store implements.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Error, Holder, Lease, Owner, StoreKey, Stored, Swap};

/// Keeps one versioned record per key, and a lease that one writer at a time holds.
///
/// Values are opaque. A change is a compare-and-swap on the version that was read, so that no
/// change is lost. A lease says who may request a new token now.
///
/// Every call returns within a bound that the store documents. A lease belongs to the process that
/// took it: a forked child neither holds its parent's lease nor can release it.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use countersign_store::{Lease, MemoryStore, Owner, Store, StoreKey, Swap};
///
/// let store: &dyn Store = &MemoryStore::new();
/// let (key, owner) = (StoreKey::of(["tenant", "42"]), Owner::of_this_process("example"));
/// let Lease::Granted { fence, .. } = store.lease(&key, &owner, Duration::from_secs(30))? else {
///     panic!("somebody else is refreshing this grant");
/// };
/// let swap = store.compare_and_swap(&key, None, Some(fence), b"a refresh token");
/// assert!(matches!(swap, Swap::Applied(1)));
/// store.release(&key, &owner, fence)?;
/// assert_eq!(store.keys()?, [key]);
/// assert!(matches!(store.tombstone(&key, 1, None), Swap::Applied(2)));
/// assert!(store.keys()?.is_empty());
/// # Ok::<(), countersign_store::Error>(())
/// ```
pub trait Store: Send + Sync + fmt::Debug {
    /// Returns what this store promises.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{Durability, MemoryStore, Store};
    ///
    /// let promised = MemoryStore::new().capabilities();
    /// assert_eq!(promised.durability, Durability::Ephemeral);
    /// assert!(!promised.shared);
    /// ```
    fn capabilities(&self) -> Capabilities;

    /// Returns the record, or `None` if there never was one. It reflects every change that was
    /// acknowledged before the call began.
    ///
    /// # Errors
    ///
    /// If the store can't be read, or the record is damaged.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{MemoryStore, Store, StoreKey};
    ///
    /// let store = MemoryStore::new();
    /// let key = StoreKey::of(["tenant", "42"]);
    /// assert!(store.load(&key)?.is_none());
    /// store.compare_and_swap(&key, None, None, b"a refresh token");
    /// let stored = store.load(&key)?.unwrap();
    /// assert_eq!((stored.version, &stored.value.unwrap()[..]), (1, &b"a refresh token"[..]));
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Error>;

    /// Replaces the value if the record still has the version `expected`, or if there is no record
    /// and `expected` is `None`.
    ///
    /// On success the version is incremented (the first write is version 1). Returns
    /// [`Swap::Fenced`] if the record has seen a newer fence than `fence`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{MemoryStore, Store, StoreKey, Swap};
    ///
    /// let store = MemoryStore::new();
    /// let key = StoreKey::of(["tenant", "42"]);
    /// assert!(matches!(store.compare_and_swap(&key, None, None, b"one"), Swap::Applied(1)));
    /// assert!(matches!(store.compare_and_swap(&key, Some(1), None, b"two"), Swap::Applied(2)));
    /// // Somebody else still has version 1.
    /// assert!(matches!(store.compare_and_swap(&key, Some(1), None, b"late"), Swap::Conflict(_)));
    /// ```
    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap;

    /// Removes the value but increments the version, so that a late writer of the old value gets a
    /// conflict.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{MemoryStore, Store, StoreKey, Swap};
    ///
    /// let store = MemoryStore::new();
    /// let key = StoreKey::of(["tenant", "42"]);
    /// store.compare_and_swap(&key, None, None, b"a refresh token");
    /// assert!(matches!(store.tombstone(&key, 1, None), Swap::Applied(2)));
    /// assert!(store.load(&key)?.unwrap().value.is_none());
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    fn tombstone(&self, key: &StoreKey, expected: u64, fence: Option<u64>) -> Swap;

    /// Takes a record's lease without waiting. A lease that is held is busy even for its owner.
    ///
    /// # Errors
    ///
    /// If the store can't be reached or written.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_store::{Lease, MemoryStore, Owner, Store, StoreKey};
    ///
    /// let store = MemoryStore::new();
    /// let (key, ttl) = (StoreKey::of(["tenant", "42"]), Duration::from_secs(30));
    /// let (one, another) = (Owner::of_this_process("one"), Owner::of_this_process("another"));
    /// assert!(matches!(store.lease(&key, &one, ttl)?, Lease::Granted { .. }));
    /// assert!(!matches!(store.lease(&key, &another, ttl)?, Lease::Granted { .. }));
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<Lease, Error>;

    /// Extends a lease. Returns `false` if it was lost.
    ///
    /// # Errors
    ///
    /// As [`Store::lease`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_store::{Lease, MemoryStore, Owner, Store, StoreKey};
    ///
    /// let store = MemoryStore::new();
    /// let (key, owner) = (StoreKey::of(["tenant", "42"]), Owner::of_this_process("example"));
    /// let ttl = Duration::from_secs(30);
    /// let Lease::Granted { fence, .. } = store.lease(&key, &owner, ttl)? else {
    ///     panic!("nobody else has the lease");
    /// };
    /// assert!(store.renew(&key, &owner, fence, ttl)?);
    /// store.release(&key, &owner, fence)?;
    /// assert!(!store.renew(&key, &owner, fence, ttl)?);
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    fn renew(
        &self,
        key: &StoreKey,
        owner: &Owner,
        fence: u64,
        ttl: Duration,
    ) -> Result<bool, Error>;

    /// Releases a lease. Returns `false` if the owner no longer held it.
    ///
    /// # Errors
    ///
    /// As [`Store::lease`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_store::{Lease, MemoryStore, Owner, Store, StoreKey};
    ///
    /// let store = MemoryStore::new();
    /// let (key, owner) = (StoreKey::of(["tenant", "42"]), Owner::of_this_process("example"));
    /// let Lease::Granted { fence, .. } = store.lease(&key, &owner, Duration::from_secs(30))? else {
    ///     panic!("nobody else has the lease");
    /// };
    /// assert!(store.release(&key, &owner, fence)?);
    /// assert!(!store.release(&key, &owner, fence)?);
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, Error>;

    /// Returns the keys of all records that have a value, sorted, to list or move them.
    ///
    /// # Errors
    ///
    /// As [`Store::load`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{MemoryStore, Store, StoreKey};
    ///
    /// let store = MemoryStore::new();
    /// let key = StoreKey::of(["tenant", "42"]);
    /// store.compare_and_swap(&key, None, None, b"a refresh token");
    /// assert_eq!(store.keys()?, [key]);
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    fn keys(&self) -> Result<Vec<StoreKey>, Error>;

    /// Checks that the store is durable enough for a grant that only a person can renew.
    ///
    /// # Errors
    ///
    /// If a restart would lose the grant, unless the store's settings allow that. The hint says
    /// what to change on the server or in the settings.
    fn fit_for_rotation(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Returns the path of the damaged copy of a record, if there is one. A person may be able to
    /// recover a grant from it.
    ///
    /// # Errors
    ///
    /// As [`Store::load`].
    fn set_aside(&self, key: &StoreKey) -> Result<Option<String>, Error> {
        let _ = key;
        Ok(None)
    }

    /// Deletes a record's damaged copies, and returns their paths. A logout must not leave tokens
    /// behind. The default does nothing, for stores that keep no damaged copies.
    ///
    /// # Errors
    ///
    /// As [`Store::lease`].
    fn remove_set_aside(&self, key: &StoreKey) -> Result<Vec<String>, Error> {
        let _ = key;
        Ok(Vec::new())
    }

    /// Returns the holder of a lease, for errors about a busy one. `None` if nobody holds it or the
    /// store doesn't know.
    ///
    /// # Errors
    ///
    /// As [`Store::load`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_store::{MemoryStore, Owner, Store, StoreKey};
    ///
    /// let store = MemoryStore::new();
    /// let (key, owner) = (StoreKey::of(["tenant", "42"]), Owner::of_this_process("example"));
    /// assert!(store.holder(&key)?.is_none());
    /// store.lease(&key, &owner, Duration::from_secs(30))?;
    /// assert!(store.holder(&key)?.is_some());
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    fn holder(&self, key: &StoreKey) -> Result<Option<Holder>, Error> {
        let _ = key;
        Ok(None)
    }

    /// Returns a problem that the store works around for now, such as a changed `password_file`
    /// that can't be read. A client checks this with each refresh and reports it.
    fn warning(&self) -> Option<Error> {
        None
    }

    /// Returns the store's time in milliseconds since 1970. Deadlines that a fleet shares use it.
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
    /// Whether other machines can share it.
    pub shared: bool,
}

/// What an acknowledged change survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing: it is lost when the process ends.
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
    /// The kernel releases it at once.
    KernelOwned,
    /// It expires by the store's clock.
    Timed,
}

/// Returns this machine's time in milliseconds since 1970, for stores without a server.
pub(crate) fn machine_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_millis() as i64
}
