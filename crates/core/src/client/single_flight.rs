//! One request at a time among threads: who starts it, who waits, and what they get.

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

/// What the threads of a client share.
#[derive(Default)]
pub(super) struct SingleFlight {
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether a request is under way.
    flying: bool,
    /// How many requests are under way on their callers' own threads.
    entered: usize,
    /// Whether no new request may start.
    draining: bool,
    /// How many have ended.
    landings: u64,
    /// How the last one ended.
    outcome: Option<Result<Token, Error>>,
    /// How many have failed since one succeeded.
    failures: u32,
    pause: Option<Pause>,
    rejected: Rejected,
    /// A record that the store did not take.
    unsaved: Option<(Record, Error)>,
    wakers: Vec<Waker>,
    /// Whether a thread watches that no future waits too long.
    watched: bool,
}

/// A time without requests: the server asked for it, or the last ones failed.
struct Pause {
    since: Moment,
    length: Duration,
    asked_for: bool,
    error: Error,
}

const THE_REFRESH: &str = "the refresh";

/// What a caller wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    /// How much must be left of the token; nothing for the connection's `min_valid_s` and a bit,
    /// by which a fleet's clients differ.
    pub(super) min_valid: Option<Duration>,
    /// Whether a new one is wanted though the old one may do.
    pub(super) force: bool,
}

/// What a caller got at once, or the landing it has to wait for.
enum Start {
    Done(Result<Token, Error>),
    Wait(u64),
}

impl Inner {
    /// A token from memory, or from one request that all threads share.
    pub(super) fn obtain(this: &Arc<Self>, want: Want) -> Result<Token, Error> {
        let landings = match Self::start(this, want) {
            Start::Done(result) => return result,
            Start::Wait(landings) => landings,
        };
        let longest = this.max_wait();
        let under_way = |state: &mut State| state.landings == landings;
        let landed = &this.single_flight.landed;
        let waited = landed.wait_timeout_while(this.single_flight.state(), longest, under_way);
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
        // Between the look and the lock a flight may have landed.
        if !want.force
            && let Some(token) = this.remembered(want)
        {
            this.counters.hits.add();
            return Start::Done(Ok(token));
        }
        if let Some(error) = state.paused(now, want.force) {
            return Start::Done(this.still_valid(&state, error));
        }
        let landings = state.landings;
        if state.flying {
            this.counters.waits.add();
        } else if state.draining {
            return Start::Done(this.still_valid(&state, this.drained()));
        } else if let Err(error) = Self::take_off(this, move |inner| inner.refresh(want)) {
            return Start::Done(Err(error));
        } else {
            state.flying = true;
        }
        Start::Wait(landings)
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

    /// The old token, as long as it is valid and no API has refused it; else the error.
    fn still_valid(&self, state: &State, error: Error) -> Result<Token, Error> {
        let token = self.shown.valid_for(Duration::ZERO, self.clock.now());
        let token = token.filter(|token| {
            token.remaining(self.clock.now()) > Duration::ZERO && !state.has_refused(token.secret())
        });
        token.ok_or(error)
    }

    /// Starts the request on a thread of its own: a caller that goes away leaves it flying.
    fn take_off(
        this: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<Token, Error> + Send + 'static,
    ) -> Result<(), Error> {
        let inner = Arc::clone(this);
        let flight = move || {
            let mut landing = Landing {
                inner: &inner,
                outcome: None,
            };
            landing.outcome = Some(work(&inner));
        };
        spawn("countersign-refresh", flight)
    }

    /// Wakes the futures that wait for this landing once so much time has passed: no runtime's timer
    /// is at hand. Ends with the flight.
    fn watch(this: &Arc<Self>, landings: u64, left: Duration) -> Result<(), Error> {
        let inner = Arc::clone(this);
        let watch = move || {
            let under_way = |state: &mut State| state.landings == landings;
            let landed = &inner.single_flight.landed;
            let waited = landed.wait_timeout_while(inner.single_flight.state(), left, under_way);
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

    /// Starts this work on the refresh thread, unless something is in flight already.
    pub(super) fn take_off_once(
        this: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<Token, Error> + Send + 'static,
    ) -> Result<(), Error> {
        let mut state = this.single_flight.state();
        if !state.flying {
            Self::take_off(this, work)?;
            state.flying = true;
        }
        Ok(())
    }
}

/// Tells the waiting threads how a flight ended, even where it ended in a panic.
struct Landing<'a> {
    inner: &'a Inner,
    outcome: Option<Result<Token, Error>>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        if self.inner.check_process().is_err() {
            return;
        }
        let outcome = self.outcome.take().unwrap_or_else(|| {
            let message = "the thread that carried the request panicked";
            Err(Error::new(ErrorKind::Internal, message))
        });
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
        state.flying = false;
        state.landings += 1;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.inner.single_flight.landed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// How long to leave a server alone after a failure: what it asks for, else longer each time.
fn pause_after(error: &Error, failures: u32, now: Moment, jitter: f32) -> Option<Pause> {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(30);
    let grow = |failures: u32| {
        let full = FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST);
        full.mul_f32(0.5 + jitter / 2.0)
    };
    let length = match (error.verdict(), error.kind(), error.retry_after()) {
        // Nothing was sent.
        (_, ErrorKind::NoToken | ErrorKind::Busy | ErrorKind::Store, None) => return None,
        // What was salvaged from a flawed response is presented at once, the first time.
        (Verdict::Retry, ErrorKind::Unreadable, None) if failures == 1 => return None,
        (_, _, Some(asked)) => asked.min(Rest::LONGEST),
        (Verdict::Retry, _, None) => grow(failures - 1),
        // A person may be mending it right now; whoever does not notice is slowed down.
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

    /// Starts anew, as after a login or a logout.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.unsaved = None;
        state.pause = None;
        state.failures = 0;
        state.rejected.clear();
    }

    /// Lets no new request start from now on.
    pub(super) fn start_draining(&self) {
        self.state().draining = true;
    }

    pub(super) fn is_draining(&self) -> bool {
        self.state().draining
    }

    /// Counts a request on its caller's own thread; `false` if none may start.
    pub(super) fn enter(&self) -> bool {
        let mut state = self.state();
        state.entered += usize::from(!state.draining);
        !state.draining
    }

    pub(super) fn leave(&self) {
        self.state().entered -= 1;
        self.landed.notify_all();
    }

    /// Waits until nothing is in flight, for at most so long, and returns whether that is so.
    pub(super) fn wait_until_idle(&self, timeout: Duration) -> bool {
        let busy = |state: &mut State| state.flying || state.entered > 0;
        let waited = self.landed.wait_timeout_while(self.state(), timeout, busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Notes that an API has rejected this access token, with the token if it is the one in memory.
    pub(super) fn reject(&self, access_token: &Secret, token: Option<Token>) {
        self.state().rejected.add(access_token, token);
    }

    /// Takes a rejection back.
    pub(super) fn forgive(&self, access_token: &Secret) {
        self.state().rejected.forgive(access_token);
    }

    pub(super) fn last_rejected(&self) -> Option<Token> {
        self.state().rejected.last().cloned()
    }

    pub(super) fn has_refused(&self, access_token: &Secret) -> bool {
        self.state().has_refused(access_token)
    }

    /// Keeps a record that the store did not take, or lets go of it.
    pub(super) fn keep_unsaved(&self, unsaved: Option<(Record, Error)>) {
        self.state().unsaved = unsaved;
    }

    /// The record that the store did not take.
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
    /// The error to answer with during a pause. Force ends a pause of our own making only.
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

    fn has_refused(&self, access_token: &Secret) -> bool {
        self.rejected.has(access_token)
    }
}

/// A token that is being got: resolves at once where there is a fresh one, and costs no thread
/// but the one that carries the request. Any async runtime can await it.
#[must_use = "nothing is asked for until it is awaited"]
pub struct TokenFuture {
    inner: Arc<Inner>,
    want: Want,
    waits_for: Option<Wait>,
}

/// The landing that a future waits for, and until when.
#[derive(Clone, Copy)]
struct Wait {
    landings: u64,
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
                Start::Wait(landings) => {
                    let until = Instant::now() + self.inner.max_wait();
                    *self.waits_for.insert(Wait { landings, until })
                }
            },
        };
        let inner = Arc::clone(&self.inner);
        let mut state = inner.single_flight.state();
        if state.landings != wait.landings {
            return Poll::Ready(inner.read_outcome(&state));
        }
        let left = wait.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Poll::Ready(inner.still_valid(&state, inner.hangs(THE_REFRESH)));
        }
        if !state.watched {
            if let Err(error) = Inner::watch(&inner, wait.landings, left) {
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
