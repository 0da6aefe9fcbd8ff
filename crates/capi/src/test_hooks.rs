//! Provokes what must not happen, for tests of this library and of what binds it.

use crate::client::Client;
use crate::{csign_client, csign_error, csign_status};

/// Panics inside a call on this client. Only in builds for tests.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_test_panic(
    client: *const csign_client,
    error: *mut *mut csign_error,
) -> csign_status {
    // SAFETY: what the header asks of the caller.
    unsafe { Client::panic(client, error) }
}
