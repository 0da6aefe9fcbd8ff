//! How often a client did what.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the client was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Tokens handed out from memory by [`Client::token`](crate::Client::token) and its kin;
    /// [`Client::fresh`](crate::Client::fresh) does not count, to stay fast.
    pub hits: u64,
    /// Tokens taken over from the store.
    pub adopted: u64,
    /// Tokens asked for by assertion, client credentials or login.
    pub minted: u64,
    /// Tokens got with a refresh token.
    pub refreshed: u64,
    /// Callers that waited for a request that another one had started.
    pub waits: u64,
    /// Requests, or attempts at one, that brought no token.
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
