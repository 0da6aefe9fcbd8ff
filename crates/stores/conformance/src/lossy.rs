//! A store whose responses get lost, after a change was made or before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_store::{Error, ErrorKind, Store, Swap};

use crate::Intercepted;

/// Loses the response to every n-th change. In turn, the change was made and its outcome is unknown,
/// was not made and its outcome is unknown, or was certainly not made.
pub fn lossy(below: Arc<dyn Store>, every: u64) -> Arc<dyn Store> {
    let changes = AtomicU64::new(0);
    let error = || {
        let message = "the test lost the response";
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
