//! The grants of a client's principals that are in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Inner;
use crate::GrantId;

/// The grants in memory. All handles of one ID share one of them.
///
/// There are at most `max`, except if more are in use. A grant that was evicted is read from the
/// store again.
pub(super) struct Principals {
    state: Mutex<State>,
    max: usize,
}

#[derive(Default)]
struct State {
    grants: HashMap<GrantId, Entry>,
    /// Every ID of `grants` once, in the order in which they are considered for eviction.
    order: VecDeque<GrantId>,
}

struct Entry {
    inner: Arc<Inner>,
    /// Whether it was asked for since it was last considered.
    used: bool,
}

impl Principals {
    /// How many grants are considered for eviction when one is added.
    const CANDIDATES: usize = 8;

    pub(super) fn new(max: usize) -> Self {
        Self {
            state: Mutex::default(),
            max: max.max(1),
        }
    }

    /// Returns the grant of this ID, which `make` creates if it isn't in memory.
    pub(super) fn get(&self, id: &GrantId, make: impl FnOnce() -> Inner) -> Arc<Inner> {
        let mut state = self.state();
        if let Some(entry) = state.grants.get_mut(id.as_str()) {
            entry.used = true;
            return Arc::clone(&entry.inner);
        }
        let evicted = state.make_room(self.max);
        let inner = Arc::new(make());
        let entry = Entry {
            inner: Arc::clone(&inner),
            used: false,
        };
        state.grants.insert(id.clone(), entry);
        state.order.push_back(id.clone());
        drop(state);
        // Wiping tokens needs no lock.
        drop(evicted);
        inner
    }

    /// Returns all grants in memory.
    pub(super) fn all(&self) -> Vec<Arc<Inner>> {
        let state = self.state();
        let entries = state.grants.values();
        entries.map(|entry| Arc::clone(&entry.inner)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Removes grants that nobody uses until there is room for another one, if there are any among
    /// the next candidates.
    fn make_room(&mut self, max: usize) -> Vec<Entry> {
        let mut evicted = Vec::new();
        for _ in 0..Principals::CANDIDATES {
            if self.grants.len() < max {
                break;
            }
            let Some(id) = self.order.pop_front() else {
                break;
            };
            let Some(entry) = self.grants.get_mut(id.as_str()) else {
                continue;
            };
            if std::mem::take(&mut entry.used) || !entry.is_idle() {
                self.order.push_back(id);
                continue;
            }
            evicted.extend(self.grants.remove(id.as_str()));
        }
        evicted
    }
}

impl Entry {
    /// Returns whether nobody has a handle, no request is in flight, and nothing would be lost.
    fn is_idle(&self) -> bool {
        // Requests in flight and handles own a share. New ones are only created under the lock.
        Arc::strong_count(&self.inner) == 1 && self.inner.single_flight.unsaved().is_none()
    }
}
