//! What was asked and answered, and in which order: the material of the linearizability check.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_store::{Lease, Owner, Store, StoreKey, Stored, Swap};

/// What was asked of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Its contents.
    Load,
    /// To become this value, if it has this version: version, fence, value.
    Swap(Option<u64>, Option<u64>, u64),
    /// To be forgotten, if it has this version: version, fence.
    Tombstone(u64, Option<u64>),
    /// Its lease.
    Lease,
    /// That the lease of this fence lasts longer.
    Renew(u64),
    /// To take the lease of this fence back.
    Release(u64),
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The contents.
    Record(Option<Seen>),
    /// The change was made, under this version.
    Applied(u64),
    /// It was not, for the record is this one.
    Conflict(Option<Seen>),
    /// It was not, for the fence is an old one.
    Fenced,
    /// It was not.
    NotDone,
    /// It was or it was not.
    Unknown,
    /// The lease, with its fence.
    Granted(u64),
    /// Somebody else has the lease.
    Busy,
    /// Whether a lease was renewed or given back.
    Done(bool),
}

/// A record's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The version.
    pub version: u64,
    /// The newest fence.
    pub fence: u64,
    /// The value, a number here; nothing where it was forgotten.
    pub value: Option<u64>,
}

/// One call with its answer, and when both were, counted in beginnings and ends.
#[derive(Clone, Debug)]
pub struct Event {
    /// Who asked.
    pub owner: String,
    /// For what.
    pub call: Call,
    /// What came of it.
    pub answer: Answer,
    /// Before this nothing had been asked.
    pub began: u64,
    /// After this it was answered.
    pub ended: u64,
}

/// Collects events from many threads.
#[derive(Debug, Default)]
pub struct Recorder {
    clock: AtomicU64,
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    /// Asks, and writes down what came of it. Leases are asked for a minute, longer than any
    /// history lasts.
    ///
    /// # Panics
    ///
    /// Where a call other than a change fails.
    pub fn record(&self, store: &dyn Store, key: &StoreKey, owner: &Owner, call: Call) -> Answer {
        let began = self.tick();
        let answer = ask(store, key, owner, call);
        let ended = self.tick();
        let event = Event {
            owner: owner.as_str().to_owned(),
            call,
            answer,
            began,
            ended,
        };
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
        answer
    }

    /// What was recorded.
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

fn ask(store: &dyn Store, key: &StoreKey, owner: &Owner, call: Call) -> Answer {
    let long = Duration::from_secs(60);
    let swapped = |swap: Swap| match swap {
        Swap::Applied(version) => Answer::Applied(version),
        Swap::Conflict(record) => Answer::Conflict(record.as_ref().map(seen)),
        Swap::Fenced => Answer::Fenced,
        Swap::Unavailable(_) => Answer::NotDone,
        Swap::Unknown(_) => Answer::Unknown,
    };
    match call {
        Call::Load => Answer::Record(store.load(key).unwrap().as_ref().map(seen)),
        Call::Swap(expected, fence, value) => {
            swapped(store.compare_and_swap(key, expected, fence, &value.to_be_bytes()))
        }
        Call::Tombstone(expected, fence) => swapped(store.tombstone(key, expected, fence)),
        Call::Lease => match store.lease(key, owner, long).unwrap() {
            Lease::Granted { fence, .. } => Answer::Granted(fence),
            Lease::Busy { .. } => Answer::Busy,
        },
        Call::Renew(fence) => Answer::Done(store.renew(key, owner, fence, long).unwrap()),
        Call::Release(fence) => Answer::Done(store.release(key, owner, fence).unwrap()),
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
