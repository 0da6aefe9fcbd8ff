//! Provokes what must not happen, for tests of this library and its bindings.

use crate::client::{Client, with};
use crate::handle::Handle;
use crate::{
    csign_cancel, csign_client, csign_config, csign_error, csign_key, csign_login, csign_registry,
    csign_result, csign_status, csign_text, csign_token,
};

/// Panics in a call on this client. Only in builds for tests.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_test_panic(
    client: *const csign_client,
    error: *mut *mut csign_error,
) -> csign_status {
    with!(client, error, |_: &Client| panic!("asked for by a test"))
}

/// Hides a function from the headers and bindings: tests/abi declares it itself.
macro_rules! undeclared {
    ($function:item) => {
        $function
    };
}

undeclared! {
    /// Returns the number of objects of all types. Only in builds for tests.
    ///
    /// Leak checkers never report a lost object, because the library's tables refer to all of them.
    #[unsafe(no_mangle)]
    pub extern "C" fn csign_test_objects() -> usize {
        count::<csign_client>()
            + count::<csign_cancel>()
            + count::<csign_config>()
            + count::<csign_error>()
            + count::<csign_key>()
            + count::<csign_login>()
            + count::<csign_registry>()
            + count::<csign_result>()
            + count::<csign_text>()
            + count::<csign_token>()
    }
}

fn count<H: Handle>() -> usize {
    H::table().len()
}
