//! Named points of a refresh, where a test can kill, fail or delay it. Not part of the public API.

use crate::Error;

/// The points, in the order that a refresh passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// The lease is held, nothing was read under it.
    Leased,
    /// The record was read; the intent is about to be written.
    BeforeIntent,
    /// The intent is durable; nothing was sent.
    IntentDurable,
    /// The last look at the lease is done; the request is about to be sent.
    BeforeSend,
    /// The answer is here, not read.
    Answered,
    /// It was read; it is about to be made durable.
    BeforePersist,
    /// It is durable; callers do not see it.
    Persisted,
    /// Callers see it; the lease is held.
    Published,
    /// The store did not take it; it is about to go into the fallback store.
    BeforeFallback,
    /// It is in the fallback store.
    InFallback,
}

impl Point {
    /// All points, in order.
    pub const ALL: &[Self] = &[
        Self::Leased,
        Self::BeforeIntent,
        Self::IntentDurable,
        Self::BeforeSend,
        Self::Answered,
        Self::BeforePersist,
        Self::Persisted,
        Self::Published,
        Self::BeforeFallback,
        Self::InFallback,
    ];
}

/// Is told where a refresh is, and may end the process there, take its time, or fail the step.
pub trait Failpoints: Send + Sync {
    /// A refresh has come to this point.
    ///
    /// # Errors
    ///
    /// Whatever the step that follows should fail with.
    fn at(&self, point: Point) -> Result<(), Error>;
}
