//! The test suite that every store of countersign must pass.
//!
//! Its checks cover records and their versions, leases and their fences, contention, lost
//! responses, and the linearizability of recorded histories. The module [`servers`] starts real
//! servers on this machine to test stores with.
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

pub use crate::checks::{CHECKS, Kills, survives_kills, survives_lost_responses};
pub use crate::history::{Call, Event, Recorder, Response};
pub use crate::intercepted::Intercepted;
pub use crate::latency::{Latency, latency};
pub use crate::linear::explain;
pub use crate::lossy::lossy;

/// A store under test. Each handle opens it the way another process or machine would.
pub struct Backend {
    open: Box<dyn Fn() -> Arc<dyn Store> + Send + Sync>,
    /// Whether each handle stands for a separate process, so that dropping it ends the holder of its
    /// leases.
    independent: bool,
    /// Whether the store knows who holds a lease.
    names_holders: bool,
}

impl Backend {
    /// A store whose handles share nothing except what they store.
    pub fn new(open: impl Fn() -> Arc<dyn Store> + Send + Sync + 'static) -> Self {
        Self {
            open: Box::new(open),
            independent: true,
            names_holders: true,
        }
    }

    /// A store that exists in one process only: all handles are the same.
    pub fn of_one_process(open: impl Fn() -> Arc<dyn Store> + Send + Sync + 'static) -> Self {
        Self {
            open: Box::new(open),
            independent: false,
            names_holders: true,
        }
    }

    /// The store doesn't know who holds a lease, so [`Store::holder`] always returns `None`.
    #[must_use]
    pub fn without_holders(self) -> Self {
        Self {
            names_holders: false,
            ..self
        }
    }

    /// Opens another handle.
    pub fn open(&self) -> Arc<dyn Store> {
        (self.open)()
    }
}

/// Runs all checks.
///
/// # Panics
///
/// If any of them fails, after running all. The message lists the failed ones.
pub fn run(backend: &Backend) {
    let failed: Vec<_> = CHECKS
        .iter()
        .filter(|(_, check)| catch_unwind(AssertUnwindSafe(|| check(backend))).is_err())
        .map(|(name, _)| *name)
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} checks failed: {failed:?}",
        failed.len(),
        CHECKS.len()
    );
}

/// Returns a key that no other check, run or process uses. Stores may be shared, and are never
/// emptied.
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
