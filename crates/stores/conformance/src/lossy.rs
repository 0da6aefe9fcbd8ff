//! A store whose answers get lost: done and not told, or never arrived.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign::{Capabilities, Error, ErrorKind, Lease, Owner, Store, StoreKey, Stored, Swap};

/// Loses the answer of every n-th change: in turn the change was made and not told, was not made
/// and not told, and was refused for certain.
#[derive(Debug)]
pub struct Lossy {
    inner: Arc<dyn Store>,
    every: u64,
    changes: AtomicU64,
}

impl Lossy {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn Store>, every: u64) -> Self {
        Self {
            inner,
            every,
            changes: AtomicU64::new(0),
        }
    }

    fn lose(&self, change: impl FnOnce() -> Swap) -> Swap {
        let error = || {
            Error::new(
                ErrorKind::Store,
                "the answer was lost, as the test wants it",
            )
        };
        let count = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        if !count.is_multiple_of(self.every) {
            return change();
        }
        match count / self.every % 3 {
            0 => Swap::Unavailable(error()),
            1 => {
                let _ = change();
                Swap::Unknown(error())
            }
            _ => Swap::Unknown(error()),
        }
    }
}

impl Store for Lossy {
    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap {
        self.lose(|| self.inner.compare_and_swap(key, expected, fence, value))
    }

    fn tombstone(&self, key: &StoreKey, expected: u64, fence: Option<u64>) -> Swap {
        self.lose(|| self.inner.tombstone(key, expected, fence))
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        self.inner.load(key)
    }

    fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<Lease, Error> {
        self.inner.lease(key, owner, ttl)
    }

    fn renew(
        &self,
        key: &StoreKey,
        owner: &Owner,
        fence: u64,
        ttl: Duration,
    ) -> Result<bool, Error> {
        self.inner.renew(key, owner, fence, ttl)
    }

    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, Error> {
        self.inner.release(key, owner, fence)
    }

    fn keys(&self) -> Result<Vec<StoreKey>, Error> {
        self.inner.keys()
    }

    fn fit_for_rotation(&self) -> Result<(), Error> {
        self.inner.fit_for_rotation()
    }

    fn now_ms(&self) -> Result<i64, Error> {
        self.inner.now_ms()
    }
}
