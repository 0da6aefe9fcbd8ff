//! A gate that opens once, and the tasks and threads that wait for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Opens once, which wakes everything that waits for it.
#[derive(Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    is_open: bool,
    next: u64,
    /// One for each waiting task or thread, which removes its own.
    wakers: BTreeMap<u64, Waker>,
}

impl Gate {
    pub(super) fn is_open(&self) -> bool {
        self.state().is_open
    }

    pub(super) fn open(&self) {
        let mut state = self.state();
        state.is_open = true;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_values().for_each(Waker::wake);
    }

    /// Registers a waker, in place of the one that `place` names. Returns `false` if the gate is
    /// open.
    pub(super) fn register(&self, place: &mut Option<u64>, waker: &Waker) -> bool {
        let mut state = self.state();
        if state.is_open {
            return false;
        }
        let own = *place.get_or_insert(state.next);
        state.next = state.next.max(own + 1);
        match state.wakers.get_mut(&own) {
            Some(known) => known.clone_from(waker),
            None => drop(state.wakers.insert(own, waker.clone())),
        }
        true
    }

    /// Removes the waker that `place` names.
    pub(super) fn remove(&self, place: &mut Option<u64>) {
        let waker = place
            .take()
            .and_then(|own| self.state().wakers.remove(&own));
        // Dropped after the lock, because it is the caller's code.
        drop(waker);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
