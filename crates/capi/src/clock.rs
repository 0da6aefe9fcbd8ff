//! The host's clock.

use std::ffi::c_void;
use std::fmt;
use std::sync::Arc;

use countersign_core::{Clock, Moment, SystemClock};

use crate::callback::{UserData, calling_out};

/// Returns the time.
///
/// Returns 0. With any other value, the machine's clocks are used. May be called on any thread and
/// concurrently, often, and while a lock is held: it must be quick, and must not call the client.
///
/// @param unix_ms  receives the milliseconds since 1970-01-01 UTC.
/// @param boot_ms  receives the milliseconds since the machine started, including sleep; they never
///                 decrease.
pub type csign_clock_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, unix_ms: *mut i64, boot_ms: *mut u64) -> i32,
>;

/// The host's clock, as one client uses it.
pub(crate) struct HostClock {
    pub(crate) read: unsafe extern "C" fn(*mut c_void, *mut i64, *mut u64) -> i32,
    pub(crate) user_data: Arc<UserData>,
    pub(crate) client: u64,
}

impl Clock for HostClock {
    fn now(&self) -> Moment {
        let (mut unix_ms, mut boot_ms) = (0, 0);
        let status = calling_out(self.client, || {
            // SAFETY: the host passed function and data together, and both places are ours.
            unsafe { (self.read)(self.user_data.as_ptr(), &mut unix_ms, &mut boot_ms) }
        });
        match status {
            0 => Moment { unix_ms, boot_ms },
            _ => SystemClock::new().now(),
        }
    }
}

impl fmt::Debug for HostClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostClock").finish_non_exhaustive()
    }
}
