//! Records, and the outcome of changing one.

use std::fmt;

use zeroize::Zeroizing;

use crate::Error;

/// A record as it was read.
#[derive(Clone)]
pub struct Stored {
    /// The version. Each change increments it.
    pub version: u64,
    /// The newest fence that a change was made with.
    pub fence: u64,
    /// The value, or `None` after [`Store::tombstone`](crate::Store::tombstone).
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

/// The outcome of a change.
#[derive(Debug)]
#[must_use]
pub enum Swap {
    /// The change is as durable as the store promises, and the record has this version.
    Applied(u64),
    /// Somebody else changed the record first; nothing was written.
    Conflict(Option<Stored>),
    /// A newer holder of the lease changed the record; nothing was written.
    Fenced,
    /// The change was certainly not made.
    Unavailable(Error),
    /// The change may have been made. Load the record to find out.
    Unknown(Error),
}

/// Returns a record's version and fence after a change, if the change is allowed.
pub(crate) fn admit(
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
