//! A store whose changes and leases a test intercepts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_store::{Error, Lease, Owner, Store, StoreKey, Swap, forward_store};

type OnChange = dyn Fn(&dyn Fn() -> Swap) -> Swap + Send + Sync;
type OnLease = dyn Fn(&Lease) + Send + Sync;

/// Forwards to another store, except for the calls that a test intercepts.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use countersign_store::{Error, ErrorKind, MemoryStore, Store, StoreKey, Swap};
/// use countersign_store_conformance::Intercepted;
///
/// let full = || Swap::Unavailable(Error::new(ErrorKind::Unavailable, "the disk is full"));
/// let store = Intercepted::new(Arc::new(MemoryStore::new())).on_change(move |_| full());
/// let swap = store.compare_and_swap(&StoreKey::of(["mine"]), None, None, b"value");
/// assert!(matches!(swap, Swap::Unavailable(_)));
/// ```
pub struct Intercepted {
    below: Arc<dyn Store>,
    on_change: Option<Box<OnChange>>,
    on_lease: Option<Box<OnLease>>,
}

impl Intercepted {
    /// Wraps a store.
    pub fn new(below: Arc<dyn Store>) -> Self {
        Self {
            below,
            on_change: None,
            on_lease: None,
        }
    }

    /// Sets a function that is called instead of each change. Its argument makes the change.
    #[must_use]
    pub fn on_change(
        mut self,
        intercept: impl Fn(&dyn Fn() -> Swap) -> Swap + Send + Sync + 'static,
    ) -> Self {
        self.on_change = Some(Box::new(intercept));
        self
    }

    /// Sets a function that is called with the response to each request for a lease.
    #[must_use]
    pub fn on_lease(mut self, observe: impl Fn(&Lease) + Send + Sync + 'static) -> Self {
        self.on_lease = Some(Box::new(observe));
        self
    }

    fn change(&self, change: &dyn Fn() -> Swap) -> Swap {
        match &self.on_change {
            Some(intercept) => intercept(change),
            None => change(),
        }
    }
}

impl Store for Intercepted {
    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap {
        self.change(&|| self.below.compare_and_swap(key, expected, fence, value))
    }

    fn tombstone(&self, key: &StoreKey, expected: u64, fence: Option<u64>) -> Swap {
        self.change(&|| self.below.tombstone(key, expected, fence))
    }

    fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<Lease, Error> {
        let lease = self.below.lease(key, owner, ttl)?;
        if let Some(observe) = &self.on_lease {
            observe(&lease);
        }
        Ok(lease)
    }

    forward_store!(self => self.below;
        capabilities, load, renew, release, keys, fit_for_rotation, set_aside, remove_set_aside,
        holder, warning, now_ms);
}

impl fmt::Debug for Intercepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intercepted")
            .field("below", &self.below)
            .finish_non_exhaustive()
    }
}
