//! Keeping a token fresh ahead of its callers, on a thread that the caller owns.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::single_flight::Want;
use super::{Client, Inner};
use crate::Verdict;

/// Ends [`Client::keep_fresh`], from any thread. Cloning gives another handle to the same.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// A handle that stops nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops whatever runs with it, now and later.
    pub fn stop(&self) {
        let (stopped, changed) = &*self.0;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Waits so long, or until it is stopped; tells whether it is.
    fn wait(&self, time: Duration) -> bool {
        let (stopped, changed) = &*self.0;
        let guard = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(guard, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Client {
    /// Refreshes ahead of the callers, so that none of them waits, until told to stop or
    /// [drained](Client::drain). It takes the thread it is called on; the client itself starts
    /// none for this.
    ///
    /// A refresh that fails is tried again after a while, longer each time; one that needs a
    /// person ends the loop, since callers are told the same.
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
    /// // … the program does its work with `client.token()` …
    /// stop.stop();
    /// thread.join().unwrap();
    /// # }
    /// ```
    pub fn keep_fresh(&self, stop: &Stop) {
        const LOOK: Duration = Duration::from_millis(500);
        // However long a server wants to be left alone: a login may bring a token before that.
        const LONGEST: Duration = Duration::from_secs(15 * 60);
        let mut pause = Duration::ZERO;
        while !stop.wait(pause) && !self.0.is_draining() {
            pause = match Inner::obtain(&self.0, self.0.ahead()) {
                Ok(_) => LOOK,
                Err(error) if error.verdict() == Verdict::Retry => {
                    error.retry_after().unwrap_or(LOOK).clamp(LOOK, LONGEST)
                }
                Err(_) => return,
            };
        }
    }
}

impl Inner {
    /// A bit earlier than callers need it.
    fn ahead(&self) -> Want {
        let early = self.shown.any().map(|token| {
            let spread = token.facts().lifetime.length / 20;
            self.early(&token) + spread.min(Duration::from_secs(60))
        });
        Want {
            min_valid: early,
            force: false,
        }
    }
}
