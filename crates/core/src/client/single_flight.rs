//! Single flight: one request at a time, whose outcome all threads share.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Inner;
use super::bound::{caught, spawn};
use super::history::Rest;
use super::record::Record;
use super::rejected::Rejected;
use super::slot::{Begun, Slot};
use crate::{Error, ErrorKind, Moment, Secret, Token, Verdict};

/// The state that the threads of a client share.
#[derive(Default)]
pub(super) struct SingleFlight {
    state: Mutex<State>,
    /// Notified when a request ends, for [`SingleFlight::wait_until_idle`].
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// The request in flight, and its outcome once it has ended.
    in_flight: Option<Arc<Slot<Token>>>,
    /// How many requests are in flight on their callers' own threads.
    entered: usize,
    /// How many requests have failed since the last success.
    failures: u32,
    pause: Option<Pause>,
    rejected: Rejected,
    /// A record that the store rejected.
    unsaved: Option<(Record, Error)>,
}

/// A time without requests, because the server asked for it or the last requests failed.
struct Pause {
    since: Moment,
    length: Duration,
    /// Whether the server asked for it.
    asked_for: bool,
    error: Error,
}

/// A caller's requirements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    /// How much of the token's lifetime must be left. `None` means the connection's `min_valid_s`
    /// plus jitter.
    pub(super) min_valid: Option<Duration>,
    /// Whether to request a new token even if the cached one is valid.
    pub(super) force: bool,
}

impl Inner {
    /// Names a token request in errors.
    pub(super) const THE_REFRESH: &str = "the refresh";

    /// Returns the cached token, or the request to wait for, which it may start.
    pub(super) fn start(this: &Arc<Self>, want: Want) -> Begun<Token> {
        if !want.force
            && let Some(token) = this.remembered(want)
        {
            this.counters.hits.add();
            return Begun::Done(Ok(token));
        }
        if let Err(error) = this.check_process() {
            return Begun::Done(Err(error));
        }
        let now = this.shared.clock.now();
        let mut state = this.single_flight.state();
        // A request may have ended before the lock was taken.
        if !want.force
            && let Some(token) = this.remembered(want)
        {
            this.counters.hits.add();
            return Begun::Done(Ok(token));
        }
        if let Some(error) = state.paused(now, want.force) {
            return Begun::Done(this.still_valid_in(&state, error));
        }
        if let Some(slot) = &state.in_flight {
            this.counters.waits.add();
            return Begun::Wait(Arc::clone(slot));
        }
        if this.is_draining() {
            return Begun::Done(this.still_valid_in(&state, this.drained()));
        }
        match Self::start_thread(this, move |inner| inner.refresh(want)) {
            Ok(slot) => Begun::Wait(Arc::clone(state.in_flight.insert(slot))),
            Err(error) => Begun::Done(Err(error)),
        }
    }

    fn remembered(&self, want: Want) -> Option<Token> {
        let now = self.shared.clock.now();
        match want.min_valid {
            Some(min_valid) => self.shown.valid_for(min_valid, now),
            None => {
                let token = self.shown.any()?;
                self.shown.valid_for(self.early(&token), now)
            }
        }
    }

    /// Returns the cached token if it is still valid and no API has rejected it, or else the error.
    pub(super) fn still_valid(&self, error: Error) -> Result<Token, Error> {
        self.still_valid_in(&self.single_flight.state(), error)
    }

    fn still_valid_in(&self, state: &State, error: Error) -> Result<Token, Error> {
        let token = self
            .shown
            .valid_for(Duration::ZERO, self.shared.clock.now());
        let token = token.filter(|token| {
            token.remaining(self.shared.clock.now()) > Duration::ZERO
                && !state.was_rejected(token.secret())
        });
        token.ok_or(error)
    }

    /// Starts the request on a thread of its own, so that a caller that goes away doesn't end it.
    fn start_thread(
        this: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<Token, Error> + Send + 'static,
    ) -> Result<Arc<Slot<Token>>, Error> {
        let slot = Arc::new(Slot::default());
        let (inner, filled) = (Arc::clone(this), Arc::clone(&slot));
        let request = move || {
            let outcome = caught("the request", || work(&inner));
            inner.publish(&filled, outcome);
        };
        spawn("countersign-refresh", request)?;
        Ok(slot)
    }

    /// Starts this work on the refresh thread, unless a request is in flight.
    pub(super) fn start_unless_busy(
        this: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<Token, Error> + Send + 'static,
    ) -> Result<(), Error> {
        let mut state = this.single_flight.state();
        if state.in_flight.is_none() {
            state.in_flight = Some(Self::start_thread(this, work)?);
        }
        Ok(())
    }

    /// Records a request's outcome, and gives it to the callers that wait for it.
    fn publish(&self, slot: &Slot<Token>, outcome: Result<Token, Error>) {
        if self.check_process().is_err() {
            return;
        }
        let now = self.shared.clock.now();
        let mut state = self.single_flight.state();
        match &outcome {
            Ok(_) => {
                state.failures = 0;
                state.pause = None;
            }
            Err(error) => {
                self.counters.failures.add();
                state.failures = state.failures.saturating_add(1);
                state.pause = pause_after(error, state.failures, now, self.shared.jitter);
            }
        }
        state.in_flight = None;
        drop(state);
        slot.fill(outcome);
        self.single_flight.ended.notify_all();
    }
}

/// Returns the pause after a failure: as long as the server asks for, or else longer each time.
fn pause_after(error: &Error, failures: u32, now: Moment, jitter: f32) -> Option<Pause> {
    const FIRST: Duration = Duration::from_millis(250);
    const MAX: Duration = Duration::from_secs(30);
    let grow = |failures: u32| {
        let full = FIRST.saturating_mul(1 << failures.min(10)).min(MAX);
        full.mul_f32(0.5 + jitter / 2.0)
    };
    let length = match (error.verdict(), error.kind(), error.retry_after()) {
        // Nothing was sent.
        (_, ErrorKind::NoToken | ErrorKind::Busy | ErrorKind::Store, None) => return None,
        // The first time, a token that was salvaged from a malformed response is sent at once.
        (Verdict::Retry, ErrorKind::Unreadable, None) if failures == 1 => return None,
        (_, _, Some(asked)) => asked.min(Rest::MAX),
        (Verdict::Retry, _, None) => grow(failures - 1),
        // A person may be fixing it right now. Programs that keep calling are slowed down.
        _ if failures > 3 => grow(failures - 4),
        _ => return None,
    };
    Some(Pause {
        since: now,
        length,
        asked_for: error.retry_after().is_some(),
        error: error.clone(),
    })
}

impl SingleFlight {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resets the state after a login or a logout.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.unsaved = None;
        state.pause = None;
        state.failures = 0;
        state.rejected.clear();
    }

    /// Counts a request on its caller's own thread. Returns `false` if none may start.
    pub(super) fn enter(&self, is_draining: impl FnOnce() -> bool) -> bool {
        let mut state = self.state();
        let may_start = !is_draining();
        state.entered += usize::from(may_start);
        may_start
    }

    pub(super) fn leave(&self) {
        self.state().entered -= 1;
        self.ended.notify_all();
    }

    /// Waits up to `timeout` until nothing is in flight, and returns whether that is so.
    pub(super) fn wait_until_idle(&self, timeout: Duration) -> bool {
        let is_busy = |state: &mut State| state.in_flight.is_some() || state.entered > 0;
        let waited = self
            .ended
            .wait_timeout_while(self.state(), timeout, is_busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Records that an API rejected this access token, with the token if it is the cached one.
    pub(super) fn reject(&self, access_token: &Secret, token: Option<Token>) {
        self.state().rejected.add(access_token, token);
    }

    /// Removes a rejection.
    pub(super) fn forgive(&self, access_token: &Secret) {
        self.state().rejected.forgive(access_token);
    }

    pub(super) fn last_rejected(&self) -> Option<Token> {
        self.state().rejected.last().cloned()
    }

    pub(super) fn was_rejected(&self, access_token: &Secret) -> bool {
        self.state().was_rejected(access_token)
    }

    /// Sets or clears the record that the store rejected.
    pub(super) fn keep_unsaved(&self, unsaved: Option<(Record, Error)>) {
        self.state().unsaved = unsaved;
    }

    /// Returns the record that the store rejected.
    pub(super) fn unsaved_record(&self) -> Option<Record> {
        self.state()
            .unsaved
            .as_ref()
            .map(|(record, _)| record.clone())
    }

    pub(super) fn unsaved(&self) -> Option<Error> {
        self.state()
            .unsaved
            .as_ref()
            .map(|(_, error)| error.clone())
    }
}

impl State {
    /// Returns the error for callers during a pause.
    ///
    /// `force` overrides a pause unless the server asked for it.
    fn paused(&self, now: Moment, force: bool) -> Option<Error> {
        let pause = self
            .pause
            .as_ref()
            .filter(|pause| pause.asked_for || !force)?;
        let passed = Duration::from_millis(now.boot_ms.saturating_sub(pause.since.boot_ms));
        let left = pause
            .length
            .checked_sub(passed)
            .filter(|left| !left.is_zero())?;
        Some(pause.error.clone().with_retry_after(left))
    }

    fn was_rejected(&self, access_token: &Secret) -> bool {
        self.rejected.has(access_token)
    }
}
