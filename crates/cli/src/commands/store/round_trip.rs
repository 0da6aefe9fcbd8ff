//! One write and read of a store, as a refresh makes them.

use std::time::Duration;

use countersign::{
    Clock, Error, ErrorKind, Lease, Owner, Store, StoreKey, Swap, SystemClock, Verdict,
};

/// How it ended, unless the store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoundTrip {
    Done,
    /// Somebody else is trying the same.
    Busy,
    LeaseLost,
}

/// Writes, reads, changes and forgets a record under its lease. `below` is the store without
/// encryption: what an earlier run left behind may be under another key.
///
/// # Errors
///
/// What the store says.
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
    let tried = write_and_forget(store, below, key, fence);
    let released = store.release(key, &owner, fence);
    tried?;
    Ok(match released? {
        true => RoundTrip::Done,
        false => RoundTrip::LeaseLost,
    })
}

fn write_and_forget(
    store: &dyn Store,
    below: &dyn Store,
    key: &StoreKey,
    fence: u64,
) -> Result<(), Error> {
    let probe = b"countersign store doctor was here";
    let left = below.load(key)?.map(|stored| stored.version);
    let version = applied(store.compare_and_swap(key, left, Some(fence), probe))?;
    let read = store.load(key)?.and_then(|stored| stored.value);
    let same = read.is_some_and(|value| value.as_slice() == probe);
    applied(store.tombstone(key, version, Some(fence)))?;
    match same {
        true => Ok(()),
        false => Err(strange("what was written is not what was read")),
    }
}

fn applied(swap: Swap) -> Result<u64, Error> {
    match swap {
        Swap::Applied(version) => Ok(version),
        Swap::Unavailable(error) | Swap::Unknown(error) => Err(error.into()),
        Swap::Conflict(_) | Swap::Fenced => Err(strange("a change under a lease was refused")),
    }
}

fn strange(message: &str) -> Error {
    Error::new(ErrorKind::Store, message).with_verdict(Verdict::Unexpected)
}
