//! Records calls and responses with their order, for the linearizability check.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_store::{Lease, Owner, Store, StoreKey, Stored, Swap};

/// A call on one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Loads the record.
    Load,
    /// Replaces the value: the expected version, the fence, the new value.
    Swap(Option<u64>, Option<u64>, u64),
    /// Removes the value: the expected version, the fence.
    Tombstone(u64, Option<u64>),
    /// Takes the lease.
    Lease,
    /// Renews the lease with this fence.
    Renew(u64),
    /// Releases the lease with this fence.
    Release(u64),
}

/// The response to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// The record.
    Record(Option<Seen>),
    /// The change was made, and the record has this version.
    Applied(u64),
    /// The change was not made, because this is the record.
    Conflict(Option<Seen>),
    /// The change was not made, because its fence is too old.
    Fenced,
    /// The change was certainly not made.
    NotDone,
    /// The change may have been made.
    Unknown,
    /// The lease was granted with this fence.
    Granted(u64),
    /// Somebody else holds the lease.
    Busy,
    /// Whether a lease was renewed or released.
    Done(bool),
}

/// A record's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The version.
    pub version: u64,
    /// The newest fence.
    pub fence: u64,
    /// The value, which is a number here. `None` after a tombstone.
    pub value: Option<u64>,
}

/// A call with its response. A counter, not a clock, tells when it began and ended.
#[derive(Clone, Debug)]
pub struct Event {
    /// The caller.
    pub owner: String,
    /// The call.
    pub call: Call,
    /// The response.
    pub response: Response,
    /// When the call began.
    pub began: u64,
    /// When the call returned.
    pub ended: u64,
}

/// Collects events from many threads.
#[derive(Debug, Default)]
pub struct Recorder {
    clock: AtomicU64,
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    /// Makes a call and records it with its response. Leases last a minute, which is longer than any
    /// history.
    ///
    /// # Panics
    ///
    /// If a call other than a change fails.
    pub fn record(&self, store: &dyn Store, key: &StoreKey, owner: &Owner, call: Call) -> Response {
        let began = self.tick();
        let response = ask(store, key, owner, call);
        let ended = self.tick();
        let event = Event {
            owner: owner.as_str().to_owned(),
            call,
            response,
            began,
            ended,
        };
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
        response
    }

    /// Returns what was recorded.
    pub fn events(&self) -> Vec<Event> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }
}

fn ask(store: &dyn Store, key: &StoreKey, owner: &Owner, call: Call) -> Response {
    let long = Duration::from_secs(60);
    let swapped = |swap: Swap| match swap {
        Swap::Applied(version) => Response::Applied(version),
        Swap::Conflict(record) => Response::Conflict(record.as_ref().map(seen)),
        Swap::Fenced => Response::Fenced,
        Swap::Unavailable(_) => Response::NotDone,
        Swap::Unknown(_) => Response::Unknown,
    };
    match call {
        Call::Load => Response::Record(store.load(key).unwrap().as_ref().map(seen)),
        Call::Swap(expected, fence, value) => {
            swapped(store.compare_and_swap(key, expected, fence, &value.to_be_bytes()))
        }
        Call::Tombstone(expected, fence) => swapped(store.tombstone(key, expected, fence)),
        Call::Lease => match store.lease(key, owner, long).unwrap() {
            Lease::Granted { fence, .. } => Response::Granted(fence),
            Lease::Busy { .. } => Response::Busy,
        },
        Call::Renew(fence) => Response::Done(store.renew(key, owner, fence, long).unwrap()),
        Call::Release(fence) => Response::Done(store.release(key, owner, fence).unwrap()),
    }
}

fn seen(record: &Stored) -> Seen {
    let number = |value: &[u8]| value.try_into().map_or(u64::MAX, u64::from_be_bytes);
    Seen {
        version: record.version,
        fence: record.fence,
        value: record.value.as_ref().map(|value| number(value)),
    }
}
