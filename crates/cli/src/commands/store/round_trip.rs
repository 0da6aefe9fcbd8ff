//! Writes and reads a record as a refresh does, to test a store.

use std::time::Duration;

use countersign_core::{
    Clock, Error, ErrorKind, Lease, Owner, Store, StoreKey, Swap, SystemClock, Verdict,
};

/// The outcome, unless the store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoundTrip {
    Done,
    /// Another process holds the lease, for the same test.
    Busy,
    LeaseLost,
}

/// Writes, reads and deletes a record under its lease.
///
/// `below` is the store without encryption: an earlier run may have left a record that is encrypted
/// with another key.
///
/// # Errors
///
/// The store's errors, and if the store returns something else than was written.
pub(crate) fn round_trip(
    store: &dyn Store,
    below: &dyn Store,
    key: &StoreKey,
) -> Result<RoundTrip, Error> {
    let now = SystemClock::new().now().unix_ms;
    let owner = Owner::new(format!("doctor-{}-{now}", std::process::id()));
    let fence = match store.lease(key, &owner, Duration::from_secs(30))? {
        Lease::Granted { fence, .. } => fence,
        Lease::Busy { .. } => return Ok(RoundTrip::Busy),
    };
    let written = write_and_delete(store, below, key, fence);
    let released = store.release(key, &owner, fence);
    written?;
    Ok(match released? {
        true => RoundTrip::Done,
        false => RoundTrip::LeaseLost,
    })
}

fn write_and_delete(
    store: &dyn Store,
    below: &dyn Store,
    key: &StoreKey,
    fence: u64,
) -> Result<(), Error> {
    let written = b"written by countersign store doctor";
    let left = below.load(key)?.map(|stored| stored.version);
    let version = applied(store.compare_and_swap(key, left, Some(fence), written))?;
    let read = store.load(key)?.and_then(|stored| stored.value);
    let same = read.is_some_and(|value| value.as_slice() == written);
    applied(store.tombstone(key, version, Some(fence)))?;
    match same {
        true => Ok(()),
        false => Err(unexpected(
            "the store returned something else than was written",
        )),
    }
}

fn applied(swap: Swap) -> Result<u64, Error> {
    match swap {
        Swap::Applied(version) => Ok(version),
        Swap::Unavailable(error) | Swap::Unknown(error) => Err(error.into()),
        Swap::Conflict(_) | Swap::Fenced => {
            Err(unexpected("the store rejected a write under a lease"))
        }
    }
}

fn unexpected(message: &str) -> Error {
    Error::new(ErrorKind::Store, message).with_verdict(Verdict::Unexpected)
}
