//! What every store of countersign has to hold, as functions that any store can be handed to:
//! records and their versions, leases and their fences, contention, lost answers, and a
//! linearizability check of recorded histories. Beside it, the real servers that the fleet's
//! stores are tested against, started on this machine and ended with their guard.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use countersign_store::MemoryStore;
//! use countersign_store_conformance::{Backend, CHECKS};
//!
//! let store = Arc::new(MemoryStore::new());
//! let backend = Backend::of_one_process(move || store.clone());
//! let (_name, check) = CHECKS[0];
//! check(&backend);
//! ```

#![forbid(unsafe_code)]

mod checks;
mod history;
mod intercepted;
mod latency;
mod linear;
mod lossy;
pub mod servers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_store::{Store, StoreKey};

pub use crate::checks::{CHECKS, Kills, survives_kills, survives_lost_answers};
pub use crate::history::{Answer, Call, Event, Recorder};
pub use crate::intercepted::Intercepted;
pub use crate::latency::{Latency, latency};
pub use crate::linear::explain;
pub use crate::lossy::lossy;

/// A store under test: how another process, or another machine, would open it.
pub struct Backend {
    open: Box<dyn Fn() -> Arc<dyn Store> + Send + Sync>,
    /// Whether each handle stands for a process of its own, whose end is the end of its leases'
    /// holder.
    independent: bool,
}

impl Backend {
    /// A store whose handles have nothing in common but what they store.
    pub fn new(open: impl Fn() -> Arc<dyn Store> + Send + Sync + 'static) -> Self {
        Self {
            open: Box::new(open),
            independent: true,
        }
    }

    /// A store that lives in one process: every handle is the same.
    pub fn of_one_process(open: impl Fn() -> Arc<dyn Store> + Send + Sync + 'static) -> Self {
        Self {
            open: Box::new(open),
            independent: false,
        }
    }

    /// A handle.
    pub fn open(&self) -> Arc<dyn Store> {
        (self.open)()
    }
}

/// Runs every check, and says which did not hold.
///
/// # Panics
///
/// Where one did not hold: that is its purpose.
pub fn run(backend: &Backend) {
    let failed: Vec<_> = CHECKS
        .iter()
        .filter(|(_, check)| catch_unwind(AssertUnwindSafe(|| check(backend))).is_err())
        .map(|(name, _)| *name)
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} checks do not hold: {failed:?}",
        failed.len(),
        CHECKS.len()
    );
}

/// A key that no other check, run or process uses: stores may be shared and are never emptied.
pub(crate) fn fresh_key() -> StoreKey {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let words = [
        since.as_nanos().to_string(),
        std::process::id().to_string(),
        COUNT.fetch_add(1, Ordering::Relaxed).to_string(),
    ];
    StoreKey::of(words.iter().map(String::as_str))
}
