//! What the host hands in with a callback.

use std::ffi::c_void;

/// Frees `user_data`. Called once, when nothing will call the callback any more: perhaps on another
/// thread, and perhaps after the object was freed that the callback was given to, where a request is
/// still under way. Also called where the function that takes the callback fails.
pub type csign_destroy_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// The host's data, destroyed once.
#[derive(Debug)]
pub(crate) struct UserData {
    data: *mut c_void,
    destroy: csign_destroy_fn,
}

// SAFETY: the host promises (each callback's documentation asks it) that its data may be used and
// destroyed on any thread.
unsafe impl Send for UserData {}
// SAFETY: as above; callbacks may run concurrently, and say so.
unsafe impl Sync for UserData {}

impl UserData {
    pub(crate) fn new(data: *mut c_void, destroy: csign_destroy_fn) -> Self {
        Self { data, destroy }
    }

    pub(crate) fn as_ptr(&self) -> *mut c_void {
        self.data
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the host gave both, for this one call.
            unsafe { destroy(self.data) };
        }
    }
}
