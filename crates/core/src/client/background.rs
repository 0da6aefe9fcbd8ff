//! Refreshes a token before callers need it, on the caller's thread.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::single_flight::Want;
use super::{Client, Inner};
use crate::Verdict;

/// Stops [`Client::keep_fresh`] from any thread. Clones are handles to the same stop signal.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Creates a stop signal that is not set yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops every call that was given this signal, and every later one.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Stop, testing};
    ///
    /// let client = testing::client([]).client;
    /// let stop = Stop::new();
    /// stop.stop();
    /// // Returns at once and sends nothing.
    /// client.keep_fresh(&stop);
    /// assert_eq!(client.counts().minted, 0);
    /// ```
    pub fn stop(&self) {
        let (stopped, changed) = &*self.0;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Waits this long or until stopped. Returns whether it was stopped.
    fn wait(&self, time: Duration) -> bool {
        let (stopped, changed) = &*self.0;
        let guard = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(guard, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Client {
    /// Refreshes the token before callers need it, until stopped or [drained](Client::drain).
    ///
    /// This blocks the calling thread; the client starts none for it. A failed refresh is retried,
    /// with longer and longer pauses. The loop ends if a retry can't help, such as when a person
    /// has to log in: callers of [`Client::token`] get the same error.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use countersign_core::{Client, Stop};
    ///
    /// # fn example(client: Client) {
    /// let stop = Stop::new();
    /// let (background, until) = (client.clone(), stop.clone());
    /// let thread = std::thread::spawn(move || background.keep_fresh(&until));
    /// // … the program calls `client.token()` …
    /// stop.stop();
    /// thread.join().unwrap();
    /// # }
    /// ```
    pub fn keep_fresh(&self, stop: &Stop) {
        const INTERVAL: Duration = Duration::from_millis(500);
        // Even if the server asks for a longer pause: a login may store a token before that.
        const MAX_PAUSE: Duration = Duration::from_secs(15 * 60);
        let mut pause = Duration::ZERO;
        while !stop.wait(pause) && !self.0.is_draining() {
            pause = match Inner::obtain(&self.0, self.0.ahead()) {
                Ok(_) => INTERVAL,
                Err(error) if error.verdict() == Verdict::Retry => {
                    let asked = error.retry_after().unwrap_or(INTERVAL);
                    asked.clamp(INTERVAL, MAX_PAUSE)
                }
                Err(_) => return,
            };
        }
    }
}

impl Inner {
    /// Requests a token a little earlier than callers would.
    fn ahead(&self) -> Want {
        let early = self.shown.any().map(|token| {
            let spread = token.data().lifetime.length / 20;
            self.early(&token) + spread.min(Duration::from_secs(60))
        });
        Want {
            min_valid: early,
            force: false,
        }
    }
}
