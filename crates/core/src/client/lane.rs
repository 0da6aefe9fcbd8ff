//! Reads that all callers ask for in the same way: at most one runs at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Inner;
use super::bound::{caught, spawn};
use super::slot::{Begun, Slot};
use crate::Error;

/// Runs one read at a time, however many callers wait for it.
///
/// A caller never gets the outcome of a read that began before its call: callers that come while
/// one runs share the next one. So a read sees every change that its caller knows of.
pub(super) struct Lane<T>(Mutex<State<T>>);

struct State<T> {
    /// The number of the thread that reads, and since when.
    running: Option<(u64, Instant)>,
    threads: u64,
    /// What the callers wait for that came while a read was running.
    next: Option<Arc<Slot<T>>>,
}

/// What a lane runs.
pub(super) struct Read<T: 'static> {
    /// Names the read in errors.
    pub(super) what: &'static str,
    pub(super) lane: fn(&Inner) -> &Lane<T>,
    pub(super) run: fn(&Arc<Inner>) -> Result<T, Error>,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self(Mutex::new(State {
            running: None,
            threads: 0,
            next: None,
        }))
    }
}

impl<T> Lane<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone + Send + 'static> Read<T> {
    /// Starts the read, or joins the next one.
    pub(super) fn begin(&'static self, this: &Arc<Inner>) -> Begun<T> {
        if this.check_process().is_err() {
            // In a forked child every slow call fails at once, so no thread is needed.
            return Begun::Done((self.run)(this));
        }
        let mut state = (self.lane)(this).state();
        let slot = Arc::clone(state.next.get_or_insert_default());
        // A read that hangs doesn't keep later callers from trying.
        let hangs = |(_, since): (u64, Instant)| since.elapsed() >= this.max_wait();
        if state.running.is_none_or(hangs) {
            let inner = Arc::clone(this);
            let (own, first) = (state.threads, Arc::clone(&slot));
            state.next = None;
            let started = spawn("countersign-call", move || self.serve(inner, own, first));
            if let Err(error) = started {
                return Begun::Done(Err(error));
            }
            state.threads += 1;
            state.running = Some((own, Instant::now()));
        }
        Begun::Wait(slot)
    }

    /// Reads until nobody waits for another read.
    fn serve(&self, inner: Arc<Inner>, own: u64, mut slot: Arc<Slot<T>>) {
        loop {
            let outcome = caught(self.what, || (self.run)(&inner));
            let mut state = (self.lane)(&inner).state();
            let is_current = state.running.is_some_and(|(thread, _)| thread == own);
            let next = state.next.take_if(|_| is_current);
            if is_current {
                state.running = next.as_ref().map(|_| (own, Instant::now()));
            }
            drop(state);
            match next {
                Some(next) => std::mem::replace(&mut slot, next).fill(outcome),
                None => {
                    // If this is the last handle, the client is dropped before the caller returns.
                    drop(inner);
                    return slot.fill(outcome);
                }
            }
        }
    }
}
