//! A store whose answers get lost: done and not told, or never arrived.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_store::{Error, ErrorKind, Store, Swap};

use crate::Intercepted;

/// Loses the answer of every n-th change: in turn the change was made and not told, was not made
/// and not told, and was refused for certain.
pub fn lossy(below: Arc<dyn Store>, every: u64) -> Arc<dyn Store> {
    let changes = AtomicU64::new(0);
    let error = || {
        let message = "the answer was lost, as the test wants it";
        Error::new(ErrorKind::Unavailable, message)
    };
    Arc::new(Intercepted::new(below).on_change(move |change| {
        let count = changes.fetch_add(1, Ordering::SeqCst) + 1;
        if !count.is_multiple_of(every) {
            return change();
        }
        match count / every % 3 {
            0 => Swap::Unavailable(error()),
            1 => {
                let _ = change();
                Swap::Unknown(error())
            }
            _ => Swap::Unknown(error()),
        }
    }))
}
