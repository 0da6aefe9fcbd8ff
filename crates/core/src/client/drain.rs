//! Shuts a client down: waits for requests in flight and starts no new ones.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::grant::Whose;
use super::{Client, Inner};
use crate::{Error, ErrorKind, Token};

impl Client {
    /// Stops new requests, and waits up to `timeout` for the requests in flight.
    ///
    /// It returns within `timeout`, whatever hangs.
    ///
    /// Call it before the process exits. A process that ends while a rotating refresh token is
    /// being spent may lose the grant, because nobody is left to store the new one. Draining covers
    /// refreshes, code exchanges, revocations and identity requests, on whatever thread they run.
    /// A refresh that has sent nothing yet gives up instead of sending. If the store rejected a new
    /// token earlier, the client tries to store it once more.
    ///
    /// Afterwards the client still returns the cached token while it is valid. Calls that need a
    /// request fail with [`ErrorKind::Busy`] at once. This can't be undone: build a new client
    /// instead. A timeout of zero only stops new requests. Calling `drain` again waits again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`] if a request is still in flight after `timeout`, and the store's error
    /// if a new token is only in memory.
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::testing;
    /// # let client = testing::client([Ok(testing::token_response("t0ken", 3600))]).client;
    /// use std::time::Duration;
    ///
    /// client.token()?;
    /// client.drain(Duration::from_secs(10))?;
    /// assert_eq!(client.token()?.expose(), "t0ken");
    /// assert!(client.refresh_now().is_ok(), "the cached token is still valid");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn drain(&self, timeout: Duration) -> Result<(), Error> {
        const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
        let timeout = timeout.min(MAX_TIMEOUT);
        // Real time: the threads waited for are real, whatever clock was injected.
        let until = Instant::now() + timeout;
        self.0.check_process()?;
        // A request starts under the lock of its grant, which each wait takes after this. So it is
        // either waited for or sees that the client drains.
        self.0.shared.draining.store(true, Ordering::SeqCst);
        let left = || until.saturating_duration_since(Instant::now());
        let grants = Inner::with_principals(&self.0);
        let mut busy = Vec::new();
        for inner in &grants {
            let is_idle = inner.single_flight.wait_until_idle(left());
            if is_idle && inner.single_flight.unsaved().is_some() {
                Inner::save_before_exit(inner)?;
            } else if !is_idle {
                busy.push(inner);
            }
        }
        if let Some(inner) = busy.first() {
            return Err(inner.still_in_flight(timeout));
        }
        for inner in &grants {
            match (
                inner.single_flight.wait_until_idle(left()),
                inner.single_flight.unsaved(),
            ) {
                (true, None) => {}
                (true, Some(error)) => return Err(error),
                (false, _) => return Err(inner.still_in_flight(timeout)),
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Returns the client's own grant and those of its principals that are in memory.
    fn with_principals(this: &Arc<Self>) -> Vec<Arc<Self>> {
        let mut all = vec![Arc::clone(this)];
        if let Whose::Connection(principals) = &this.whose {
            all.extend(principals.all());
        }
        all
    }

    /// Counts a request on the caller's own thread as in flight, unless draining has started.
    pub(super) fn enter(&self) -> Result<InFlight<'_>, Error> {
        self.check_process()?;
        match self.single_flight.enter(|| self.is_draining()) {
            true => Ok(InFlight(self)),
            false => Err(self.drained()),
        }
    }

    /// Builds the error for a call that needs a request after draining has started.
    pub(super) fn drained(&self) -> Error {
        let connection = self.label();
        let message =
            format!("{connection}: the client is shutting down and sends no new requests");
        Error::new(ErrorKind::Busy, message)
            .with_provider(&self.shared.connection.profile().id)
            .with_hint("build a new client; this one sent nothing")
    }

    /// Tries once more to store the token that the store rejected. Runs on the refresh thread.
    pub(super) fn save_unsaved(&self) -> Result<Token, Error> {
        let lease = self.shared.leases.take(*self.persistence.key(), || None)?;
        let loaded = self.load_recovered(&lease)?;
        let token = loaded.record.and_then(|record| record.token);
        token.ok_or_else(|| self.drained())
    }

    /// Returns whether a refresh that has sent nothing yet should give up.
    pub(super) fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::SeqCst)
    }

    fn save_before_exit(this: &Arc<Self>) -> Result<(), Error> {
        Self::start_unless_busy(this, Self::save_unsaved)
    }

    fn still_in_flight(&self, timeout: Duration) -> Error {
        let connection = self.label();
        let waited = timeout.as_millis();
        let limit = self.shared.connection.network().timeout.as_millis();
        let message = format!("{connection}: a request is still in flight after {waited} ms");
        Error::new(ErrorKind::Busy, message)
            .with_provider(&self.shared.connection.profile().id)
            .with_hint(format!(
                "drain again with a timeout of at least timeout_ms ({limit} ms)"
            ))
    }
}

/// A request on the caller's own thread, such as a code exchange.
pub(super) struct InFlight<'a>(&'a Inner);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.0.check_process().is_ok() {
            self.0.single_flight.leave();
        }
    }
}
