//! Signals that cancel calls.

use countersign_core::Cancel;

use crate::boundary::{call, out};
use crate::handle::{find, free, handle, new};
use crate::{csign_error, csign_status, fork};

/// A signal that cancels calls from any thread: csign_call_options passes it to them.
///
/// It can be shared by any number of calls.
pub struct csign_cancel {
    _opaque: [u8; 0],
}

pub(crate) struct Signal {
    pub(crate) cancel: Cancel,
    born: u32,
}

handle!(csign_cancel, Cancel, "cancel", Signal);

/// Creates a signal that is not set yet.
///
/// @param out_cancel  receives the signal; free it with csign_cancel_free.
/// @param error       receives the error object on failure; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_cancel_new(
    out_cancel: *mut *mut csign_cancel,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_cancel)?;
        out.put(new(Signal {
            cancel: Cancel::new(),
            born: fork::generation(),
        })?);
        Ok(())
    })
}

/// Sets the signal: the calls that were started with it end with CSIGN_STATUS_CANCELLED at once, and
/// so do later ones.
///
/// Only the wait ends: a request in flight continues, and its outcome is kept. Setting it again, or
/// after the calls have ended, does nothing; nor does setting it in a child of fork if the parent
/// created it. Any thread and any callback may set it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_cancel_set(cancel: *const csign_cancel) {
    if let Some(signal) = find(cancel)
        // In a child of fork, threads that don't exist may hold its lock.
        && signal.born == fork::now()
    {
        signal.cancel.cancel();
    }
}

/// Frees a signal. NULL is allowed. Calls that were started with it continue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_cancel_free(cancel: *mut csign_cancel) {
    free(cancel);
}
