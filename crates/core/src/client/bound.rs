//! Bounds every call, whatever the store, the transport and the signer do.

#![expect(clippy::disallowed_methods, reason = "starts the threads of all calls")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::{Client, Inner, trace};
use crate::{Connection, Error, ErrorKind, Verdict};

impl Client {
    /// Returns the longest time that a call of this client takes.
    ///
    /// It is five times the connection's `timeout_ms` plus 60 s of real time. Most calls return
    /// much sooner.
    ///
    /// The bound holds for every method that may use the store or send a request, and for every
    /// [`Pending`](crate::Pending), whatever the store, the transport, the signer and other
    /// processes do. Work that is unfinished by then continues, and its outcome is stored.
    /// [`Client::drain`] has its own bound, the timeout that you pass.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::testing;
    ///
    /// let client = testing::client([]).client;
    /// let timeout = client.connection().network().timeout;
    /// assert_eq!(client.max_wait(), 5 * timeout + Duration::from_secs(60));
    /// ```
    pub fn max_wait(&self) -> Duration {
        self.0.max_wait()
    }
}

impl Inner {
    /// Returns the longest time that a call takes.
    ///
    /// It covers everything that a call may wait for: a lease, the deadline of a lost attempt, two
    /// requests and the store.
    pub(super) fn max_wait(&self) -> Duration {
        self.shared
            .max_wait
            .unwrap_or_else(|| max_wait(&self.shared.connection))
    }

    /// Builds the error for a caller that has waited for [`Inner::max_wait`].
    pub(super) fn hangs(&self, what: &str) -> Error {
        hangs(&self.shared.connection, what, self.max_wait())
    }

    /// Builds the error for a caller whose own timeout is over.
    pub(super) fn timed_out(&self, what: &str, timeout: Duration) -> Error {
        let (label, timeout) = (self.label(), timeout.as_secs_f32());
        let message =
            format!("{label}: {what} did not finish within the call's timeout, {timeout} s");
        Error::new(ErrorKind::Timeout, message)
            .with_provider(&self.shared.connection.profile().id)
            .with_hint(
                "call again, or pass a longer timeout: the work continues, and its outcome is kept",
            )
    }
}

/// Returns the longest time that a call takes, unless a test overrides it.
pub(crate) fn max_wait(connection: &Connection) -> Duration {
    connection.network().timeout * 5 + Duration::from_secs(60)
}

/// Builds the error for a caller that has waited this long.
pub(crate) fn hangs(connection: &Connection, what: &str, waited: Duration) -> Error {
    let (label, waited) = (connection.label(), waited.as_secs_f32());
    let message = format!("{label}: {what} did not finish within {waited} s");
    Error::new(ErrorKind::Busy, message)
        .with_provider(&connection.profile().id)
        .with_hint("check the disk or server that `store` names, and the program's own transport, signer or store if it has one")
}

/// Runs work, and turns a panic into an error.
pub(super) fn caught<T>(what: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let panicked = |_| Err(Error::new(ErrorKind::Internal, format!("{what} panicked")));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

/// Runs work on a thread of its own, which nobody joins.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    // Boxed, so that the code which starts a thread is there once.
    start(name, Box::new(work))
}

fn start(name: &str, work: Box<dyn FnOnce() + Send>) -> Result<(), Error> {
    let thread = std::thread::Builder::new().name(name.into());
    thread
        .spawn(trace::inherit(work))
        .map(drop)
        .map_err(|error| {
            let message = format!("cannot start a thread for the request: {error}");
            Error::new(ErrorKind::Internal, message).with_verdict(Verdict::Retry)
        })
}
