//! One request at a time among threads: who starts it, who waits, and what they get.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Inner;
use super::record::Record;
use crate::{Error, ErrorKind, Moment, Source, Token, Verdict};

/// What the threads of a keeper share.
#[derive(Default)]
pub(super) struct Flights {
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Default)]
struct State {
    held: Option<Arc<Record>>,
    /// Whether a request is under way.
    flying: bool,
    /// How many have ended.
    landings: u64,
    /// How the last one ended.
    outcome: Option<Result<Token, Error>>,
    /// A server's wish not to be asked for a while.
    pause: Option<Pause>,
    /// A record that the store did not take.
    unsaved: Option<(Arc<Record>, Error)>,
}

struct Pause {
    since: Moment,
    length: Duration,
    error: Error,
}

impl Inner {
    /// A token from memory, or from one request that all threads share.
    pub(super) fn obtain(
        this: &Arc<Self>,
        min_valid: Duration,
        force: bool,
    ) -> Result<Token, Error> {
        let mut state = this.flights.state();
        if !force && let Some(token) = state.fresh(this.clock.now(), min_valid) {
            return Ok(token);
        }
        if let Some(error) = state.paused(this.clock.now()) {
            return state.still_valid(this.clock.now()).ok_or(error);
        }
        let landings = state.landings;
        if !state.flying {
            state.flying = true;
            if let Err(error) = Self::take_off(this, min_valid, force) {
                state.flying = false;
                return Err(error);
            }
        }
        while state.landings == landings {
            state = this
                .flights
                .landed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        match &state.outcome {
            Some(Ok(token)) => Ok(token.clone()),
            Some(Err(error)) => {
                let error = error.clone();
                state.still_valid(this.clock.now()).ok_or(error)
            }
            None => Err(Error::new(
                ErrorKind::Internal,
                "a request ended without an outcome",
            )),
        }
    }

    /// Starts the request on a thread of its own: a caller that goes away leaves it flying.
    fn take_off(this: &Arc<Self>, min_valid: Duration, force: bool) -> Result<(), Error> {
        let inner = Arc::clone(this);
        let flight = move || {
            let mut landing = Landing {
                inner: &inner,
                outcome: None,
            };
            landing.outcome = Some(inner.refresh(min_valid, force));
        };
        std::thread::Builder::new()
            .name("countersign-refresh".into())
            .spawn(flight)
            .map(drop)
            .map_err(|error| {
                let message = format!("no thread could be started for the request: {error}");
                Error::new(ErrorKind::Internal, message).with_verdict(Verdict::Retry)
            })
    }
}

/// Tells the waiting threads how a flight ended, even where it ended in a panic.
struct Landing<'a> {
    inner: &'a Inner,
    outcome: Option<Result<Token, Error>>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| {
            let message = "the thread that carried the request panicked";
            Err(Error::new(ErrorKind::Internal, message))
        });
        let now = self.inner.clock.now();
        let mut state = self.inner.flights.state();
        state.pause = match &outcome {
            Err(error) if error.verdict() == Verdict::Retry => {
                error.retry_after().map(|length| Pause {
                    since: now,
                    length,
                    error: error.clone(),
                })
            }
            _ => None,
        };
        state.outcome = Some(outcome);
        state.flying = false;
        state.landings += 1;
        self.inner.flights.landed.notify_all();
    }
}

impl Flights {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a record where callers see it.
    pub(super) fn publish(&self, record: Record) {
        self.state().held = Some(Arc::new(record));
    }

    /// Takes everything away from callers.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.held = None;
        state.unsaved = None;
        state.pause = None;
    }

    /// Keeps a record that the store did not take, or lets go of it.
    pub(super) fn keep_unsaved(&self, unsaved: Option<(Arc<Record>, Error)>) {
        self.state().unsaved = unsaved;
    }

    /// The record that the store did not take.
    pub(super) fn unsaved_record(&self) -> Option<Arc<Record>> {
        self.state()
            .unsaved
            .as_ref()
            .map(|(record, _)| Arc::clone(record))
    }

    pub(super) fn unsaved(&self) -> Option<Error> {
        self.state()
            .unsaved
            .as_ref()
            .map(|(_, error)| error.clone())
    }

    /// The access token that callers see now.
    pub(super) fn shown(&self) -> Option<crate::Secret> {
        let state = self.state();
        state
            .held
            .as_ref()
            .map(|record| record.token.access_token.clone())
    }
}

impl State {
    fn fresh(&self, now: Moment, min_valid: Duration) -> Option<Token> {
        let record = self.held.as_ref()?;
        (record.token.remaining(now) > min_valid).then(|| from_cache(record))
    }

    fn still_valid(&self, now: Moment) -> Option<Token> {
        self.fresh(now, Duration::ZERO)
    }

    /// The error to answer with while a server wants to be left alone.
    fn paused(&self, now: Moment) -> Option<Error> {
        let pause = self.pause.as_ref()?;
        let passed = Duration::from_millis(now.boot_ms.saturating_sub(pause.since.boot_ms));
        let left = pause
            .length
            .checked_sub(passed)
            .filter(|left| !left.is_zero())?;
        Some(pause.error.clone().with_retry_after(left))
    }
}

fn from_cache(record: &Record) -> Token {
    Token {
        source: Source::Cache,
        ..record.token.clone()
    }
}
