//! A call in progress: a future, which a thread can also wait for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::thread::Thread;
use std::time::{Duration, Instant};
use std::{fmt, mem};

use super::bound::{caught, spawn};
use super::cancel::Cancel;
use super::gate::Gate;
use super::single_flight::Want;
use super::slot::{Begun, Slot};
use super::{Inner, timer};
use crate::{Error, ErrorKind, Token};

/// A call of a [`Client`](crate::Client): a future on any async runtime, or [`Pending::wait`].
///
/// It does nothing until it is first polled. The work then runs on a thread of its own. Dropping
/// the future ends the wait, not the work: its outcome is still stored.
#[must_use = "does nothing unless awaited"]
pub struct Pending<T> {
    inner: Arc<Inner>,
    /// Names the work in errors.
    what: &'static str,
    timeout: Option<Duration>,
    cancel: Option<Cancel>,
    /// Replaces an error by the cached token, if that is still valid.
    rescue: fn(&Inner, Error) -> Result<T, Error>,
    progress: Progress<T>,
}

/// The future of [`Client::token_async`](crate::Client::token_async).
pub type TokenFuture = Pending<Token>;

enum Progress<T> {
    New(Work<T>),
    Waiting(Arc<Slot<T>>, Wait),
    Ended,
}

/// How a call begins.
enum Work<T> {
    /// Not boxed, because the cached token may be all that the caller wants.
    Token(fn(&Arc<Inner>, Want) -> Begun<T>, Want),
    Any(Box<Begin<T>>),
}

type Begin<T> = dyn FnOnce(&Arc<Inner>) -> Begun<T> + Send;

/// A wait for a slot, and where it is registered.
struct Wait {
    until: Instant,
    at_gate: Option<u64>,
    at_cancel: Option<u64>,
    at_timer: Option<timer::Key>,
}

/// How a wait ended.
enum End {
    Filled,
    Cancelled,
    TimedOut,
    Forked(Error),
    /// No thread could be started.
    Failed(Error),
}

/// Who ends the wait at its deadline.
#[derive(Clone, Copy, PartialEq)]
enum Alarm {
    /// The client's timer.
    Timer,
    /// The waiting thread itself.
    Own,
}

impl Wait {
    fn new(until: Instant) -> Self {
        Self {
            until,
            at_gate: None,
            at_cancel: None,
            at_timer: None,
        }
    }

    fn poll(
        &mut self,
        inner: &Inner,
        gate: &Gate,
        cancel: Option<&Cancel>,
        waker: &Waker,
        alarm: Alarm,
    ) -> Poll<End> {
        if let Err(error) = inner.check_process() {
            return Poll::Ready(End::Forked(error));
        }
        if !gate.register(&mut self.at_gate, waker) {
            return Poll::Ready(End::Filled);
        }
        if let Some(cancel) = cancel
            && !cancel.0.register(&mut self.at_cancel, waker)
        {
            return Poll::Ready(End::Cancelled);
        }
        if self.until <= Instant::now() {
            return Poll::Ready(End::TimedOut);
        }
        if alarm == Alarm::Timer
            && let Err(error) = inner
                .shared
                .timer
                .register(&mut self.at_timer, self.until, waker)
        {
            return Poll::Ready(End::Failed(error));
        }
        Poll::Pending
    }

    /// Removes the wakers. In a forked child, missing threads may hold the locks.
    fn end(&mut self, inner: &Inner, gate: &Gate, cancel: Option<&Cancel>) {
        if inner.check_process().is_ok() {
            gate.remove(&mut self.at_gate);
            inner.shared.timer.remove(&mut self.at_timer);
            if let Some(cancel) = cancel {
                cancel.0.remove(&mut self.at_cancel);
            }
        }
    }
}

impl Pending<Token> {
    pub(super) fn token(inner: &Arc<Inner>, want: Want) -> Self {
        let work = Work::Token(Inner::start, want);
        Self::new(inner, Inner::THE_REFRESH, work, Inner::still_valid)
    }

    /// Creates a call that waits for a request in flight.
    fn joined(inner: &Arc<Inner>, want: Want, slot: Arc<Slot<Token>>) -> Self {
        let mut call = Self::token(inner, want);
        call.await_slot(slot);
        call
    }
}

impl<T: Clone + Send + 'static> Pending<T> {
    /// Creates a call that `begin` starts on the caller's thread. `what` names it in errors.
    pub(super) fn of(
        inner: &Arc<Inner>,
        what: &'static str,
        begin: impl FnOnce(&Arc<Inner>) -> Begun<T> + Send + 'static,
    ) -> Self {
        Self::new(inner, what, Work::Any(Box::new(begin)), |_, error| {
            Err(error)
        })
    }

    fn new(
        inner: &Arc<Inner>,
        what: &'static str,
        work: Work<T>,
        rescue: fn(&Inner, Error) -> Result<T, Error>,
    ) -> Self {
        Self {
            inner: Arc::clone(inner),
            what,
            timeout: None,
            cancel: None,
            rescue,
            progress: Progress::New(work),
        }
    }

    /// Sets how long to wait, from the first poll on.
    ///
    /// It can only shorten [`Client::max_wait`](crate::Client::max_wait). When it is over, the call
    /// fails with [`ErrorKind::Timeout`], unless it is for a token and the cached one is still
    /// valid. The work continues.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::{ErrorKind, testing};
    ///
    /// let test = testing::client([Ok(testing::token_response("t1", 3600))]);
    /// test.transport.hold();
    /// let error = test.client.token_async().timeout(Duration::from_millis(1)).wait().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Timeout);
    /// // The request continues, and its token is there for the next call.
    /// test.transport.release();
    /// assert_eq!(test.client.token()?.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Ends the wait with [`ErrorKind::Cancelled`] once this signal is set.
    ///
    /// If it is already set, the call does nothing. Otherwise the work continues.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Cancel, ErrorKind, testing};
    ///
    /// let test = testing::client([Ok(testing::token_response("t1", 3600))]);
    /// test.transport.hold();
    /// let cancel = Cancel::new();
    /// std::thread::scope(|scope| {
    ///     let waiting = scope.spawn(|| test.client.token_async().cancel_with(&cancel).wait());
    ///     test.transport.wait_for_requests(1);
    ///     cancel.cancel();
    ///     assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    /// });
    /// test.transport.release();
    /// assert_eq!(test.client.token()?.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn cancel_with(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// Blocks the calling thread until there is a result.
    ///
    /// # Errors
    ///
    /// Those of the call, [`ErrorKind::Timeout`] and [`ErrorKind::Cancelled`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::testing;
    ///
    /// let client = testing::client([Ok(testing::token_response("t1", 3600))]).client;
    /// let token = client.token_async().timeout(Duration::from_secs(10)).wait()?;
    /// assert_eq!(token.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn wait(mut self) -> Result<T, Error> {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        loop {
            if let Poll::Ready(result) = self.advance(&waker, Alarm::Own) {
                return result;
            }
            if let Progress::Waiting(_, wait) = &self.progress {
                std::thread::park_timeout(wait.until.saturating_duration_since(Instant::now()));
            }
        }
    }

    fn advance(&mut self, waker: &Waker, alarm: Alarm) -> Poll<Result<T, Error>> {
        if let Progress::New(_) = self.progress
            && let Some(result) = self.begin()
        {
            return Poll::Ready(result);
        }
        let Progress::Waiting(slot, wait) = &mut self.progress else {
            let message = "a call was polled after it had ended";
            return Poll::Ready(Err(Error::new(ErrorKind::Internal, message)));
        };
        let inner = &self.inner;
        let cancel = self.cancel.as_ref();
        let result = match ready!(wait.poll(inner, &slot.gate, cancel, waker, alarm)) {
            End::Filled => slot.outcome().or_else(|error| (self.rescue)(inner, error)),
            End::Cancelled => Err(inner.cancelled(self.what)),
            End::TimedOut => (self.rescue)(inner, self.timed_out()),
            End::Forked(error) => Err(error),
            End::Failed(error) => (self.rescue)(inner, error),
        };
        self.end();
        Poll::Ready(result)
    }

    /// Starts the work, and returns its result if that is known at once.
    fn begin(&mut self) -> Option<Result<T, Error>> {
        let Progress::New(work) = mem::replace(&mut self.progress, Progress::Ended) else {
            return None;
        };
        if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return Some(Err(self.inner.cancelled(self.what)));
        }
        let begun = match work {
            Work::Token(start, want) => start(&self.inner, want),
            Work::Any(begin) => begin(&self.inner),
        };
        match begun {
            Begun::Done(result) => Some(result),
            Begun::Wait(slot) => {
                self.await_slot(slot);
                None
            }
        }
    }

    fn timed_out(&self) -> Error {
        match self.timeout {
            Some(timeout) if timeout < self.inner.max_wait() => {
                self.inner.timed_out(self.what, timeout)
            }
            _ => self.inner.hangs(self.what),
        }
    }
}

impl<T> Pending<T> {
    fn await_slot(&mut self, slot: Arc<Slot<T>>) {
        let max_wait = self.inner.max_wait();
        let left = self.timeout.map_or(max_wait, |own| own.min(max_wait));
        self.progress = Progress::Waiting(slot, Wait::new(Instant::now() + left));
    }

    fn end(&mut self) {
        if let Progress::Waiting(slot, wait) = &mut self.progress {
            wait.end(&self.inner, &slot.gate, self.cancel.as_ref());
        }
        self.progress = Progress::Ended;
    }
}

impl<T: Clone + Send + 'static> Future for Pending<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.advance(context.waker(), Alarm::Timer)
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("what", &self.what)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Returns the cached token, or the outcome of one request that all threads share.
    pub(super) fn obtain(this: &Arc<Self>, want: Want) -> Result<Token, Error> {
        match Self::start(this, want) {
            Begun::Done(result) => result,
            Begun::Wait(slot) => Pending::joined(this, want, slot).wait(),
        }
    }

    /// Runs `work` on a thread of its own, and waits for it for at most [`Inner::max_wait`].
    ///
    /// `what` names the work in errors.
    pub(super) fn bounded<T: Clone + Send + 'static>(
        this: &Arc<Self>,
        what: &'static str,
        work: impl FnOnce(&Arc<Self>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        Self::on_own_thread(this, what, work).wait()
    }

    /// Returns a call that runs `work` on a thread of its own.
    pub(super) fn on_own_thread<T: Clone + Send + 'static>(
        this: &Arc<Self>,
        what: &'static str,
        work: impl FnOnce(&Arc<Self>) -> Result<T, Error> + Send + 'static,
    ) -> Pending<T> {
        Pending::of(this, what, move |inner| Self::start_work(inner, what, work))
    }

    /// Starts `work` on a thread of its own.
    pub(super) fn start_work<T: Clone + Send + 'static>(
        this: &Arc<Self>,
        what: &'static str,
        work: impl FnOnce(&Arc<Self>) -> Result<T, Error> + Send + 'static,
    ) -> Begun<T> {
        if this.check_process().is_err() {
            // In a forked child every slow call fails at once, so no thread is needed.
            return Begun::Done(work(this));
        }
        let slot = Arc::new(Slot::default());
        let filled = Arc::clone(&slot);
        let inner = Arc::clone(this);
        let call = move || {
            let outcome = caught(what, || work(&inner));
            // If this is the last handle, the client is dropped before the caller returns.
            drop(inner);
            filled.fill(outcome);
        };
        match spawn("countersign-call", call) {
            Ok(()) => Begun::Wait(slot),
            Err(error) => Begun::Done(Err(error)),
        }
    }
}
