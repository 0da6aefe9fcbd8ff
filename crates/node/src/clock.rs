//! A clock for tests, which runs like the system's but can be ahead of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_core::{Clock, Moment, SystemClock};
use napi_derive::napi;

/// The system's clock, plus the time by which a test has advanced it.
///
/// It isn't a callback: the library reads the clock while it holds locks that Node's thread may
/// wait for.
#[derive(Debug)]
pub(crate) struct AdvancedClock {
    system: SystemClock,
    ahead_ms: AtomicU64,
}

impl Clock for AdvancedClock {
    fn now(&self) -> Moment {
        let now = self.system.now();
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        Moment {
            unix_ms: now.unix_ms.saturating_add_unsigned(ahead_ms),
            boot_ms: now.boot_ms.saturating_add(ahead_ms),
        }
    }
}

/// The clock, as the package's TypeScript sees it.
#[napi]
pub struct NativeClock {
    pub(crate) clock: Arc<AdvancedClock>,
}

#[napi]
impl NativeClock {
    /// Creates a clock that shows the system's time.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self {
            clock: Arc::new(AdvancedClock {
                system: SystemClock::new(),
                ahead_ms: AtomicU64::new(0),
            }),
        }
    }

    /// Advances the clock.
    #[napi(catch_unwind)]
    pub fn advance(&self, ms: f64) {
        self.clock.ahead_ms.fetch_add(ms as u64, Ordering::Relaxed);
    }

    /// Returns the time in milliseconds since 1970.
    #[napi(catch_unwind)]
    pub fn now(&self) -> f64 {
        self.clock.now().unix_ms as f64
    }
}
