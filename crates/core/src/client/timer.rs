//! Wakes futures at their deadlines, because no runtime's timer is available.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use super::bound::spawn;
use crate::Error;

/// The deadlines of a client's futures. One thread serves all of them, while there are any.
#[derive(Default)]
pub(super) struct Timer(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    wakers: BTreeMap<Key, Waker>,
    is_running: bool,
}

/// A deadline, and a number that tells it from others at the same time.
pub(super) type Key = (Instant, u64);

impl Timer {
    /// Has this waker woken at `until`, in place of the one that `place` names.
    pub(super) fn register(
        &self,
        place: &mut Option<Key>,
        until: Instant,
        waker: &Waker,
    ) -> Result<(), Error> {
        let mut state = self.0.state();
        if !state.is_running {
            let shared = Arc::clone(&self.0);
            spawn("countersign-timer", move || shared.run())?;
            state.is_running = true;
        }
        let own = *place.get_or_insert((until, state.next));
        state.next = state.next.max(own.1 + 1);
        match state.wakers.get_mut(&own) {
            Some(known) => known.clone_from(waker),
            None => drop(state.wakers.insert(own, waker.clone())),
        }
        let is_first = state.wakers.keys().next() == Some(&own);
        drop(state);
        if is_first {
            self.0.changed.notify_one();
        }
        Ok(())
    }

    /// Removes the waker that `place` names. Without any, the thread ends.
    pub(super) fn remove(&self, place: &mut Option<Key>) {
        let Some(own) = place.take() else {
            return;
        };
        let mut state = self.0.state();
        let waker = state.wakers.remove(&own);
        let is_empty = state.wakers.is_empty();
        drop(state);
        drop(waker);
        if is_empty {
            self.0.changed.notify_one();
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            let later = state.wakers.split_off(&(now, u64::MAX));
            let due = std::mem::replace(&mut state.wakers, later);
            if !due.is_empty() {
                drop(state);
                due.into_values().for_each(Waker::wake);
                state = self.state();
                continue;
            }
            let Some((until, _)) = state.wakers.keys().next() else {
                state.is_running = false;
                return;
            };
            let left = until.saturating_duration_since(now);
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
