//! Single flight: one request at a time, whose outcome all threads share.

use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::Inner;
use super::bound::spawn;
use super::history::Rest;
use super::record::Record;
use super::rejected::Rejected;
use crate::{Error, ErrorKind, Moment, Secret, Token, Verdict};

/// The state that the threads of a client share.
#[derive(Default)]
pub(super) struct SingleFlight {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether a request is in flight.
    in_flight: bool,
    /// How many requests are in flight on their callers' own threads.
    entered: usize,
    /// Whether no new request may start.
    draining: bool,
    /// How many requests have ended.
    finished: u64,
    /// The outcome of the last request.
    outcome: Option<Result<Token, Error>>,
    /// How many requests have failed since the last success.
    failures: u32,
    pause: Option<Pause>,
    rejected: Rejected,
    /// A record that the store rejected.
    unsaved: Option<(Record, Error)>,
    wakers: Vec<Waker>,
    /// Whether a thread ensures that no future waits too long.
    watched: bool,
}

/// A time without requests, because the server asked for it or the last requests failed.
struct Pause {
    since: Moment,
    length: Duration,
    /// Whether the server asked for it.
    asked_for: bool,
    error: Error,
}

const THE_REFRESH: &str = "the refresh";

/// A caller's requirements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    /// How much of the token's lifetime must be left. `None` means the connection's `min_valid_s`
    /// plus jitter.
    pub(super) min_valid: Option<Duration>,
    /// Whether to request a new token even if the cached one is valid.
    pub(super) force: bool,
}

/// A caller's result, or the request that it has to wait for.
enum Start {
    Done(Result<Token, Error>),
    /// The number of requests that had ended when the wait began.
    Wait(u64),
}

impl Inner {
    /// Returns the cached token, or the outcome of one request that all threads share.
    pub(super) fn obtain(this: &Arc<Self>, want: Want) -> Result<Token, Error> {
        let finished = match Self::start(this, want) {
            Start::Done(result) => return result,
            Start::Wait(finished) => finished,
        };
        let is_in_flight = |state: &mut State| state.finished == finished;
        let ended = &this.single_flight.ended;
        let waited =
            ended.wait_timeout_while(this.single_flight.state(), this.max_wait(), is_in_flight);
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        match waited.timed_out() {
            true => this.still_valid(&state, this.hangs(THE_REFRESH)),
            false => this.read_outcome(&state),
        }
    }

    fn start(this: &Arc<Self>, want: Want) -> Start {
        if !want.force
            && let Some(token) = this.remembered(want)
        {
            this.counters.hits.add();
            return Start::Done(Ok(token));
        }
        if let Err(error) = this.check_process() {
            return Start::Done(Err(error));
        }
        let now = this.clock.now();
        let mut state = this.single_flight.state();
        // A request may have ended before the lock was taken.
        if !want.force
            && let Some(token) = this.remembered(want)
        {
            this.counters.hits.add();
            return Start::Done(Ok(token));
        }
        if let Some(error) = state.paused(now, want.force) {
            return Start::Done(this.still_valid(&state, error));
        }
        let finished = state.finished;
        if state.in_flight {
            this.counters.waits.add();
        } else if state.draining {
            return Start::Done(this.still_valid(&state, this.drained()));
        } else if let Err(error) = Self::start_thread(this, move |inner| inner.refresh(want)) {
            return Start::Done(Err(error));
        } else {
            state.in_flight = true;
        }
        Start::Wait(finished)
    }

    fn remembered(&self, want: Want) -> Option<Token> {
        let now = self.clock.now();
        match want.min_valid {
            Some(min_valid) => self.shown.valid_for(min_valid, now),
            None => {
                let token = self.shown.any()?;
                self.shown.valid_for(self.early(&token), now)
            }
        }
    }

    fn read_outcome(&self, state: &State) -> Result<Token, Error> {
        match &state.outcome {
            Some(Ok(token)) => Ok(token.clone()),
            Some(Err(error)) => self.still_valid(state, error.clone()),
            None => Err(Error::new(
                ErrorKind::Internal,
                "a request ended without an outcome",
            )),
        }
    }

    /// Returns the cached token if it is still valid and no API has rejected it, or else the error.
    fn still_valid(&self, state: &State, error: Error) -> Result<Token, Error> {
        let token = self.shown.valid_for(Duration::ZERO, self.clock.now());
        let token = token.filter(|token| {
            token.remaining(self.clock.now()) > Duration::ZERO
                && !state.was_rejected(token.secret())
        });
        token.ok_or(error)
    }

    /// Starts the request on a thread of its own, so that a caller that goes away doesn't end it.
    fn start_thread(
        this: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<Token, Error> + Send + 'static,
    ) -> Result<(), Error> {
        let inner = Arc::clone(this);
        let request = move || {
            let mut completion = Completion {
                inner: &inner,
                outcome: None,
            };
            completion.outcome = Some(work(&inner));
        };
        spawn("countersign-refresh", request)
    }

    /// Wakes the futures that wait for this request after `left`, unless it ends earlier.
    ///
    /// This takes a thread, because no runtime's timer is available.
    fn watch(this: &Arc<Self>, finished: u64, left: Duration) -> Result<(), Error> {
        let inner = Arc::clone(this);
        let watch = move || {
            let is_in_flight = |state: &mut State| state.finished == finished;
            let ended = &inner.single_flight.ended;
            let waited = ended.wait_timeout_while(inner.single_flight.state(), left, is_in_flight);
            let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state.watched = false;
            let wakers = match waited.timed_out() {
                true => std::mem::take(&mut state.wakers),
                false => Vec::new(),
            };
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        };
        spawn("countersign-bound", watch)
    }

    /// Starts this work on the refresh thread, unless a request is in flight.
    pub(super) fn start_unless_busy(
        this: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<Token, Error> + Send + 'static,
    ) -> Result<(), Error> {
        let mut state = this.single_flight.state();
        if !state.in_flight {
            Self::start_thread(this, work)?;
            state.in_flight = true;
        }
        Ok(())
    }
}

/// Publishes a request's outcome to the waiting threads when dropped, even after a panic.
struct Completion<'a> {
    inner: &'a Inner,
    outcome: Option<Result<Token, Error>>,
}

impl Drop for Completion<'_> {
    fn drop(&mut self) {
        if self.inner.check_process().is_err() {
            return;
        }
        let outcome = self
            .outcome
            .take()
            .unwrap_or_else(|| Err(Error::new(ErrorKind::Internal, "the request panicked")));
        let now = self.inner.clock.now();
        let mut state = self.inner.single_flight.state();
        match &outcome {
            Ok(_) => {
                state.failures = 0;
                state.pause = None;
            }
            Err(error) => {
                self.inner.counters.failures.add();
                state.failures = state.failures.saturating_add(1);
                state.pause = pause_after(error, state.failures, now, self.inner.jitter);
            }
        }
        state.outcome = Some(outcome);
        state.in_flight = false;
        state.finished += 1;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.inner.single_flight.ended.notify_all();
        wakers.into_iter().for_each(Waker::wake);
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

    /// Stops new requests from now on.
    pub(super) fn start_draining(&self) {
        self.state().draining = true;
    }

    pub(super) fn is_draining(&self) -> bool {
        self.state().draining
    }

    /// Counts a request on its caller's own thread. Returns `false` if none may start.
    pub(super) fn enter(&self) -> bool {
        let mut state = self.state();
        state.entered += usize::from(!state.draining);
        !state.draining
    }

    pub(super) fn leave(&self) {
        self.state().entered -= 1;
        self.ended.notify_all();
    }

    /// Waits up to `timeout` until nothing is in flight, and returns whether that is so.
    pub(super) fn wait_until_idle(&self, timeout: Duration) -> bool {
        let is_busy = |state: &mut State| state.in_flight || state.entered > 0;
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

/// A future that resolves to a token, on any async runtime.
///
/// It resolves at once if there is a fresh token. Otherwise it waits for the request's own thread
/// without blocking the runtime's.
#[must_use = "requests nothing unless awaited"]
pub struct TokenFuture {
    inner: Arc<Inner>,
    want: Want,
    waits_for: Option<Wait>,
}

/// The request that a future waits for, and until when.
#[derive(Clone, Copy)]
struct Wait {
    finished: u64,
    until: Instant,
}

impl TokenFuture {
    pub(super) fn new(inner: &Arc<Inner>, want: Want) -> Self {
        Self {
            inner: Arc::clone(inner),
            want,
            waits_for: None,
        }
    }
}

impl Future for TokenFuture {
    type Output = Result<Token, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = match self.waits_for {
            Some(wait) => match self.inner.check_process() {
                Ok(()) => wait,
                Err(error) => return Poll::Ready(Err(error)),
            },
            None => match Inner::start(&self.inner, self.want) {
                Start::Done(result) => return Poll::Ready(result),
                Start::Wait(finished) => {
                    let until = Instant::now() + self.inner.max_wait();
                    *self.waits_for.insert(Wait { finished, until })
                }
            },
        };
        let inner = Arc::clone(&self.inner);
        let mut state = inner.single_flight.state();
        if state.finished != wait.finished {
            return Poll::Ready(inner.read_outcome(&state));
        }
        let left = wait.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Poll::Ready(inner.still_valid(&state, inner.hangs(THE_REFRESH)));
        }
        if !state.watched {
            if let Err(error) = Inner::watch(&inner, wait.finished, left) {
                return Poll::Ready(inner.still_valid(&state, error));
            }
            state.watched = true;
        }
        if !state
            .wakers
            .iter()
            .any(|waker| waker.will_wake(context.waker()))
        {
            state.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}

impl std::fmt::Debug for TokenFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenFuture")
            .field("want", &self.want)
            .finish_non_exhaustive()
    }
}
