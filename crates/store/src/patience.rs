//! Waiting for a lease, with a timeout.

use std::time::{Duration, Instant};

use crate::{Error, ErrorKind, Lease, Owner, Store, StoreKey};

/// Takes a lease and returns its fence. If the lease is held, waits for it up to `patience`.
///
/// # Errors
///
/// [`ErrorKind::Busy`] if the lease was held the whole time; the message names the holder if the
/// store knows it. Otherwise as [`Store::lease`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use countersign_store::{MemoryStore, Owner, Store, StoreKey, wait_for_lease};
///
/// let (store, key) = (MemoryStore::new(), StoreKey::of(["mine"]));
/// let (me, you) = (Owner::of_this_process("me"), Owner::of_this_process("you"));
/// let (ttl, patience) = (Duration::from_secs(30), Duration::from_millis(10));
/// let fence = wait_for_lease(&store, &key, &me, ttl, patience)?;
/// let busy = wait_for_lease(&store, &key, &you, ttl, patience).unwrap_err();
/// assert!(busy.message().contains(&format!("process {} on ", std::process::id())));
/// store.release(&key, &me, fence)?;
/// assert!(wait_for_lease(&store, &key, &you, ttl, patience)? > fence);
/// # Ok::<(), countersign_store::Error>(())
/// ```
pub fn wait_for_lease(
    store: &dyn Store,
    key: &StoreKey,
    owner: &Owner,
    ttl: Duration,
    patience: Duration,
) -> Result<u64, Error> {
    let patience = Patience::new(patience);
    loop {
        match store.lease(key, owner, ttl)? {
            Lease::Granted { fence, .. } => return Ok(fence),
            Lease::Busy { retry_in } if patience.pause(retry_in) => {}
            Lease::Busy { .. } => {
                let record = format!("record {}…", &key.to_hex()[..12]);
                return Err(patience.busy(store, key, &record));
            }
        }
    }
}

/// A timeout for taking a lease, for callers that do more between attempts than [`wait_for_lease`].
///
/// It is measured in real time and includes the store's calls.
#[derive(Debug)]
pub struct Patience {
    began: Instant,
    longest: Duration,
}

impl Patience {
    /// Starts the timeout.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_store::Patience;
    ///
    /// let patience = Patience::new(Duration::ZERO);
    /// assert!(!patience.pause(Duration::from_millis(5)));
    /// ```
    pub fn new(longest: Duration) -> Self {
        Self {
            began: Instant::now(),
            longest,
        }
    }

    /// Sleeps before the next attempt. Returns `false` immediately if the time is up.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_store::Patience;
    ///
    /// let patience = Patience::new(Duration::from_millis(20));
    /// let mut attempts = 1;
    /// while patience.pause(Duration::from_millis(5)) {
    ///     attempts += 1;
    /// }
    /// assert!(attempts > 1);
    /// ```
    pub fn pause(&self, retry_in: Duration) -> bool {
        let left = self.longest.saturating_sub(self.began.elapsed());
        if left.is_zero() {
            return false;
        }
        let nap = retry_in.clamp(Duration::from_millis(1), Duration::from_millis(50));
        std::thread::sleep(nap.min(left));
        true
    }

    /// Builds the error to return when the time is up. The message starts with `what`, and names
    /// the holder and since when it has held the lease, if the store knows.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_store::{MemoryStore, Owner, Patience, Store, StoreKey};
    ///
    /// let (store, key) = (MemoryStore::new(), StoreKey::of(["mine"]));
    /// store.lease(&key, &Owner::new("web-1:17:import"), Duration::from_secs(30))?;
    /// let error = Patience::new(Duration::from_secs(5)).busy(&store, &key, "connection `mine`");
    /// assert!(error.message().starts_with("connection `mine`: process 17 on web-1 since "));
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    pub fn busy(&self, store: &dyn Store, key: &StoreKey, what: &str) -> Error {
        let waited = self.longest.as_secs_f32();
        let (message, hint) = match store.holder(key) {
            Ok(Some(holder)) => (
                format!(
                    "{what}: {holder} holds its lease and did not release it within {waited} s"
                ),
                "try again; if this keeps happening, kill that process: it hangs",
            ),
            _ => (
                format!("{what}: another holder did not release its lease within {waited} s"),
                "try again; if this keeps happening, look for a hung process",
            ),
        };
        Error::new(ErrorKind::Busy, message).with_hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pausing_stops_when_the_time_is_up() {
        let patience = Patience::new(Duration::from_millis(30));
        let mut pauses = 0;
        while patience.pause(Duration::ZERO) {
            pauses += 1;
        }
        assert!((1..=30).contains(&pauses), "{pauses}");
        assert!(patience.began.elapsed() >= Duration::from_millis(30));
        assert!(!patience.pause(Duration::from_secs(60)));
        // If one call takes longer than the timeout, it is the last.
        let patience = Patience {
            began: Instant::now() - Duration::from_secs(1),
            longest: Duration::from_millis(1),
        };
        assert!(!patience.pause(Duration::from_millis(1)));
    }
}
