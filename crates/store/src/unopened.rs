//! A store that is opened on first use.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Capabilities, Durability, Error, LeaseKind, Store, StoreKey, Swap, forward_store};

/// A store that is opened on first use. As long as that fails, each use tries again.
///
/// A client whose grant doesn't need a store works without one. This lets it start using the store
/// once it becomes available.
pub struct UnopenedStore {
    open: Box<Open>,
    opened: Mutex<Option<Arc<dyn Store>>>,
}

type Open = dyn Fn() -> Result<Arc<dyn Store>, Error> + Send + Sync;

impl UnopenedStore {
    /// Creates a store that is opened by calling this function.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{Error, ErrorKind, Store, StoreKey, UnopenedStore};
    ///
    /// let down = || Error::new(ErrorKind::Unavailable, "the server is down");
    /// let store = UnopenedStore::new(move || Err(down()));
    /// let error = store.load(&StoreKey::of(["mine"])).unwrap_err();
    /// assert_eq!(error.message(), "the server is down");
    /// ```
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
        // Don't hold the lock: opening may take as long as the store's server needs.
        let store = (self.open)()?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(opened.get_or_insert(store)))
    }
}

impl Store for UnopenedStore {
    fn warning(&self) -> Option<Error> {
        self.opened()?.warning()
    }

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

    forward_store!(self => self.open()?;
        load, lease, renew, release, keys, fit_for_rotation, set_aside, remove_set_aside, holder,
        now_ms);
}

impl fmt::Debug for UnopenedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnopenedStore")
            .field("opened", &self.opened())
            .finish_non_exhaustive()
    }
}
