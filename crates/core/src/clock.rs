//! The clock: wall time and time since boot, read together.

#![expect(clippy::disallowed_methods, reason = "the system clock")]

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of the current time. Programs use [`SystemClock`]; tests use [`ManualClock`].
pub trait Clock: Send + Sync + fmt::Debug {
    /// Reads both clocks.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Clock, Moment};
    ///
    /// /// The clock of a simulation.
    /// #[derive(Debug)]
    /// struct Frozen;
    ///
    /// impl Clock for Frozen {
    ///     fn now(&self) -> Moment {
    ///         Moment { unix_ms: 1_700_000_000_000, boot_ms: 60_000 }
    ///     }
    /// }
    /// assert_eq!(Frozen.now().unix_s(), 1_700_000_000);
    /// ```
    fn now(&self) -> Moment;

    /// Returns the wall clock's time in milliseconds since 1970. It may be a few milliseconds late.
    ///
    /// Each read of a cached token calls this, so it should be fast.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Clock, SystemClock};
    ///
    /// let clock = SystemClock::new();
    /// assert!(clock.coarse_unix_ms() <= clock.now().unix_ms);
    /// ```
    fn coarse_unix_ms(&self) -> i64 {
        self.now().unix_ms
    }
}

/// One reading of both clocks.
///
/// A person or NTP can set the wall clock back or forward. Nobody can set the boot clock, and it
/// continues while the machine sleeps, but it starts over with each boot. Expiry is judged by both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970-01-01 UTC.
    pub unix_ms: i64,
    /// Milliseconds since this machine started, including sleep.
    pub boot_ms: u64,
}

impl Moment {
    /// Returns whole seconds since 1970-01-01 UTC: a NumericDate (RFC 7519 section 2).
    ///
    /// ```
    /// use countersign_core::Moment;
    ///
    /// let moment = Moment { unix_ms: 1_700_000_000_900, boot_ms: 0 };
    /// assert_eq!(moment.unix_s(), 1_700_000_000);
    /// ```
    pub fn unix_s(self) -> i64 {
        self.unix_ms.div_euclid(1000)
    }
}

/// The machine's clocks: `CLOCK_REALTIME` and `CLOCK_BOOTTIME`.
///
/// Outside Linux, [`std::time::Instant`] replaces `CLOCK_BOOTTIME`. It stops during sleep on some
/// systems, where only the wall clock shows that time has passed.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    #[cfg(not(target_os = "linux"))]
    started: std::time::Instant,
}

impl SystemClock {
    /// Creates the clock.
    ///
    /// ```
    /// use countersign_core::{Clock, SystemClock};
    ///
    /// assert!(SystemClock::new().now().unix_s() > 1_700_000_000);
    /// ```
    pub fn new() -> Self {
        Self {
            #[cfg(not(target_os = "linux"))]
            started: std::time::Instant::now(),
        }
    }

    #[cfg(target_os = "linux")]
    fn since_boot_ms(&self) -> u64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
    }

    #[cfg(not(target_os = "linux"))]
    fn since_boot_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let unix_ms = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_millis() as i64,
            Err(before) => -(before.duration().as_millis() as i64),
        };
        Moment {
            unix_ms,
            boot_ms: self.since_boot_ms(),
        }
    }

    #[cfg(target_os = "linux")]
    fn coarse_unix_ms(&self) -> i64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

/// A clock that only moves when you move it, for tests that don't sleep.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use countersign_core::{Clock, ManualClock};
///
/// let clock = ManualClock::at(1_700_000_000);
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now().unix_s(), 1_700_000_090);
/// clock.set_wall(1_700_000_000);
/// assert_eq!(clock.now().boot_ms, 90_000);
/// ```
#[derive(Debug)]
pub struct ManualClock(Mutex<Moment>);

impl ManualClock {
    /// Creates a clock that shows this Unix time, in seconds.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Clock, ManualClock};
    ///
    /// let clock = ManualClock::at(1_700_000_000);
    /// assert_eq!(clock.now().unix_s(), 1_700_000_000);
    /// assert_eq!(clock.now(), clock.now());
    /// ```
    pub fn at(unix_s: i64) -> Self {
        Self(Mutex::new(Moment {
            unix_ms: unix_s * 1000,
            boot_ms: 0,
        }))
    }

    /// Moves both clocks forward.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::{Clock, ManualClock};
    ///
    /// let clock = ManualClock::at(1_700_000_000);
    /// clock.advance(Duration::from_millis(1500));
    /// assert_eq!(clock.now().unix_ms, 1_700_000_001_500);
    /// assert_eq!(clock.now().boot_ms, 1500);
    /// ```
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        now.unix_ms += by.as_millis() as i64;
        now.boot_ms += by.as_millis() as u64;
    }

    /// Sets only the wall clock, as a person or NTP would.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Clock, ManualClock};
    ///
    /// let clock = ManualClock::at(1_700_000_000);
    /// // Somebody sets the clock back by a day. No time has passed.
    /// clock.set_wall(1_700_000_000 - 86_400);
    /// assert_eq!(clock.now().unix_s(), 1_699_913_600);
    /// assert_eq!(clock.now().boot_ms, 0);
    /// ```
    pub fn set_wall(&self, unix_s: i64) {
        self.lock().unix_ms = unix_s * 1000;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Moment> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.lock()
    }
}
