//! Failpoints: named points of a refresh where a test can kill, fail or delay it. Not part of the
//! public API.

use crate::Error;

/// The points, in the order in which a refresh passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// The lease is held; nothing was read under it.
    Leased,
    /// The record was read; the intent is about to be written.
    BeforeIntent,
    /// The intent is durable; nothing was sent.
    IntentDurable,
    /// The lease was checked for the last time; the request is about to be sent.
    BeforeSend,
    /// The response arrived; it was not read.
    Received,
    /// The response was read; its tokens are about to be stored.
    BeforePersist,
    /// The tokens are durable; callers don't see them yet.
    Persisted,
    /// Callers see the token; the lease is still held.
    Published,
    /// The store rejected the tokens; they are about to be written to the fallback store.
    BeforeFallback,
    /// The tokens are in the fallback store.
    InFallback,
}

impl Point {
    /// All points, in order.
    pub const ALL: &[Self] = &[
        Self::Leased,
        Self::BeforeIntent,
        Self::IntentDurable,
        Self::BeforeSend,
        Self::Received,
        Self::BeforePersist,
        Self::Persisted,
        Self::Published,
        Self::BeforeFallback,
        Self::InFallback,
    ];
}

/// Observes a refresh. It may end the process at a point, delay the refresh, or fail the next step.
pub trait Failpoints: Send + Sync {
    /// Called when a refresh reaches this point.
    ///
    /// # Errors
    ///
    /// The error that the next step should fail with.
    fn at(&self, point: Point) -> Result<(), Error>;
}
