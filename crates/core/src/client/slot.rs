//! The outcome of work on another thread, for all callers that wait for it.

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use super::gate::Gate;
use crate::{Error, ErrorKind};

/// A caller's result, or what it has to wait for.
pub(super) enum Begun<T> {
    Done(Result<T, Error>),
    Wait(Arc<Slot<T>>),
}

/// The outcome of work on another thread, once that has ended.
pub(super) struct Slot<T> {
    pub(super) gate: Gate,
    outcome: Mutex<Option<Result<T, Error>>>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            gate: Gate::default(),
            outcome: Mutex::new(None),
        }
    }
}

impl<T: Clone> Slot<T> {
    pub(super) fn fill(&self, outcome: Result<T, Error>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.gate.open();
    }

    pub(super) fn outcome(&self) -> Result<T, Error> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = || Err(Error::new(ErrorKind::Internal, "the work has no outcome"));
        outcome.clone().unwrap_or_else(lost)
    }
}
