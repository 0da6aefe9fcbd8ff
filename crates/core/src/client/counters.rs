//! A client's counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// A client's counters since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Cached tokens that [`Client::token`](crate::Client::token) and similar calls returned.
    ///
    /// [`Client::fresh`](crate::Client::fresh) doesn't count, to stay fast.
    pub hits: u64,
    /// Tokens taken from the store.
    pub adopted: u64,
    /// Tokens requested by assertion, client credentials or login.
    pub minted: u64,
    /// Tokens requested with a refresh token.
    pub refreshed: u64,
    /// Callers that waited for a request that another caller had started.
    pub waits: u64,
    /// Requests, or attempts at one, that returned no token.
    pub failures: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: Counter,
    pub(super) adopted: Counter,
    pub(super) minted: Counter,
    pub(super) refreshed: Counter,
    pub(super) waits: Counter,
    pub(super) failures: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn counts(&self) -> Counts {
        Counts {
            hits: self.hits.read(),
            adopted: self.adopted.read(),
            minted: self.minted.read(),
            refreshed: self.refreshed.read(),
            waits: self.waits.read(),
            failures: self.failures.read(),
        }
    }
}
