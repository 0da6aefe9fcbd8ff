//! The bound of every call: whatever store, transport and signer do, a caller is not kept longer.

#![expect(
    clippy::disallowed_methods,
    reason = "where every thread of a call is started"
)]

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::{Client, Inner};
use crate::{Connection, Error, ErrorKind, Verdict};

impl Client {
    /// Returns the longest that a call of this client takes, by real time: five times the connection's
    /// `timeout_ms` plus 60 s.
    ///
    /// It holds for every method that may use the store or send a request, whatever the store, the
    /// transport, the signer and other processes do, and for futures of [`Client::token_async`]. What
    /// is still under way then goes on by itself, and its outcome is stored. [`Client::drain`] has its
    /// own bound, the timeout it is given.
    pub fn max_wait(&self) -> Duration {
        self.0.max_wait()
    }
}

impl Inner {
    /// The sum of what a call may have to wait for: a lease, the end of a lost attempt, two requests
    /// and the store, each of which has a bound of its own.
    pub(super) fn max_wait(&self) -> Duration {
        self.max_wait.unwrap_or_else(|| max_wait(&self.connection))
    }

    /// Does `work` on a thread of its own, and waits for it no longer than a call may take. `what` is
    /// for the error if that is too long.
    pub(super) fn bounded<T: Send + 'static>(
        this: &Arc<Self>,
        what: &str,
        work: impl FnOnce(&Arc<Self>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if this.check_process().is_err() {
            // It begins nothing in a child of fork that could take long.
            return work(this);
        }
        let (tell, told) = mpsc::sync_channel(1);
        let inner = Arc::clone(this);
        let call = move || {
            let outcome = work(&inner);
            // What the caller may not wait for is done before it is told.
            drop(inner);
            // Nobody listens any more if it took too long.
            let _ = tell.send(outcome);
        };
        spawn("countersign-call", call)?;
        match told.recv_timeout(this.max_wait()) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => Err(this.hangs(what)),
            Err(RecvTimeoutError::Disconnected) => {
                let message = format!("the thread that carried {what} panicked");
                Err(Error::new(ErrorKind::Internal, message))
            }
        }
    }

    /// The error for a caller who has waited as long as a call may take.
    pub(super) fn hangs(&self, what: &str) -> Error {
        hangs(&self.connection, what, self.max_wait())
    }
}

/// Returns the longest that a call takes, unless a test says otherwise.
pub(crate) fn max_wait(connection: &Connection) -> Duration {
    connection.network().timeout * 5 + Duration::from_secs(60)
}

/// The error for a caller who has waited this long.
pub(crate) fn hangs(connection: &Connection, what: &str, waited: Duration) -> Error {
    let (label, waited) = (connection.label(), waited.as_secs_f32());
    let message = format!("{label}: {what} under way did not end within {waited} s");
    Error::new(ErrorKind::Busy, message)
        .with_provider(&connection.profile().id)
        .with_hint("check the disk or server that `store` names, and what the program's own transport, signer or store waits for")
}

/// Starts work on a thread of its own, which nobody joins.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let thread = std::thread::Builder::new().name(name.into());
    thread.spawn(work).map(drop).map_err(|error| {
        let message = format!("no thread could be started for the request: {error}");
        Error::new(ErrorKind::Internal, message).with_verdict(Verdict::Retry)
    })
}
