//! Shutdown of a client whose requests must not be cut off.

use std::time::Duration;

use crate::boundary::{call, object};
use crate::{csign_client, csign_error, csign_status, fork};

/// Waits for requests in flight, for at most timeout_ms, and starts no new ones from now on.
///
/// Call it before csign_client_free and before the process exits: a process that exits while it
/// spends a rotating refresh token may lose the grant.
///
/// A refresh that has sent nothing yet is abandoned. If the store rejected a new token earlier,
/// that token is offered to the store once more. Afterwards a cached token is still returned while
/// it is valid, and calls that need a request fail with CSIGN_STATUS_BUSY at once. Draining can't
/// be undone: create a new client instead. It also works on a closed client, and calling it again
/// waits again.
///
/// @param timeout_ms  how long to wait, in milliseconds; 0 only stops new requests.
/// @param error       receives the error object on failure; may be NULL.
///
/// Errors: CSIGN_STATUS_BUSY if a request is still in flight when the time is up;
/// CSIGN_STATUS_STORE if a new token is only in memory; CSIGN_STATUS_REENTERED in a callback of
/// this client; CSIGN_STATUS_FORKED in a child of fork.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_drain(
    client: *const csign_client,
    timeout_ms: u64,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let client = object(client)?;
        // Closed and poisoned clients may have a request in flight too. In a child of fork, its thread
        // doesn't exist.
        if client.born != fork::now() {
            return Err(client.unusable());
        }
        client.may_wait()?;
        client.inner.drain(Duration::from_millis(timeout_ms))?;
        Ok(())
    })
}
