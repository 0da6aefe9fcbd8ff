//! A store that could not be opened: each use tries again, and fails with the reason until it can.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{
    Capabilities, Durability, Holder, Lease, LeaseKind, Owner, Store, StoreKey, Stored, Swap,
};
use crate::Error;

/// A store that is opened when it is first used, and tried again with each use until it can be.
///
/// A client whose grant needs no store gives tokens without one; this lets it use the store once
/// that is there.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use countersign::{Error, ErrorKind, Store, StoreKey, UnopenedStore};
///
/// let store = UnopenedStore::new(|| Err(Error::new(ErrorKind::Store, "the disk is read-only")));
/// let error = store.load(&StoreKey::of(["mine"])).unwrap_err();
/// assert_eq!(error.message(), "the disk is read-only");
/// ```
pub struct UnopenedStore {
    open: Box<Open>,
    opened: Mutex<Option<Arc<dyn Store>>>,
}

type Open = dyn Fn() -> Result<Arc<dyn Store>, Error> + Send + Sync;

impl UnopenedStore {
    /// A store that this function opens.
    pub fn new(open: impl Fn() -> Result<Arc<dyn Store>, Error> + Send + Sync + 'static) -> Self {
        Self {
            open: Box::new(open),
            opened: Mutex::default(),
        }
    }

    fn opened(&self) -> Option<Arc<dyn Store>> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.clone()
    }

    fn open(&self) -> Result<Arc<dyn Store>, Error> {
        if let Some(store) = self.opened() {
            return Ok(store);
        }
        // Without the lock: opening may take as long as the store's server does.
        let store = (self.open)()?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(opened.get_or_insert(store)))
    }
}

impl Store for UnopenedStore {
    fn capabilities(&self) -> Capabilities {
        match self.opened() {
            Some(store) => store.capabilities(),
            None => Capabilities {
                durability: Durability::Ephemeral,
                lease: LeaseKind::KernelOwned,
                shared: false,
            },
        }
    }

    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        self.open()?.load(key)
    }

    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap {
        match self.open() {
            Ok(store) => store.compare_and_swap(key, expected, fence, value),
            Err(error) => Swap::Unavailable(error),
        }
    }

    fn tombstone(&self, key: &StoreKey, expected: u64, fence: Option<u64>) -> Swap {
        match self.open() {
            Ok(store) => store.tombstone(key, expected, fence),
            Err(error) => Swap::Unavailable(error),
        }
    }

    fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<Lease, Error> {
        self.open()?.lease(key, owner, ttl)
    }

    fn renew(
        &self,
        key: &StoreKey,
        owner: &Owner,
        fence: u64,
        ttl: Duration,
    ) -> Result<bool, Error> {
        self.open()?.renew(key, owner, fence, ttl)
    }

    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, Error> {
        self.open()?.release(key, owner, fence)
    }

    fn keys(&self) -> Result<Vec<StoreKey>, Error> {
        self.open()?.keys()
    }

    fn fit_for_rotation(&self) -> Result<(), Error> {
        self.open()?.fit_for_rotation()
    }

    fn set_aside(&self, key: &StoreKey) -> Result<Option<String>, Error> {
        self.open()?.set_aside(key)
    }

    fn remove_set_aside(&self, key: &StoreKey) -> Result<Vec<String>, Error> {
        self.open()?.remove_set_aside(key)
    }

    fn holder(&self, key: &StoreKey) -> Result<Option<Holder>, Error> {
        self.open()?.holder(key)
    }

    fn now_ms(&self) -> Result<i64, Error> {
        self.open()?.now_ms()
    }
}

impl fmt::Debug for UnopenedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnopenedStore")
            .field("opened", &self.opened())
            .finish_non_exhaustive()
    }
}
