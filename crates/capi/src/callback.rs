//! What the host hands in with a callback.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// Frees `user_data`. Called once, when nothing will call the callback any more: perhaps on another
/// thread, and perhaps after the object was freed that the callback was given to, where a request is
/// still under way. Also called where the function that takes the callback fails.
pub type csign_destroy_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Says why the running callback fails: an exception, say, that cannot leave it. Call this inside a
/// csign_sign_fn or csign_open_fn, on the thread that it runs on, before it returns anything but 0.
/// csign_error_cause then returns `cause` for the error of that call, and for no other.
///
/// @param cause    kept with the error; a second one replaces the first.
/// @param destroy  frees `cause`; may be NULL. Called once, on any thread, when the last error with
///                 this cause is freed, or at once if no callback is running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_callback_set_cause(cause: *mut c_void, destroy: csign_destroy_fn) {
    let cause = UserData::new(cause, destroy);
    // A destructor of the host's may run in here; it must not unwind, and ours do not.
    let _ = catch_unwind(AssertUnwindSafe(|| set_cause(cause)));
}

/// What a failed callback of the host's left: the source of the error that comes of it.
#[derive(Debug)]
pub(crate) struct Cause {
    /// What the callback returned.
    pub(crate) status: i32,
    /// What it gave [`csign_callback_set_cause`].
    pub(crate) data: Option<UserData>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the callback returned {}", self.status)
    }
}

impl std::error::Error for Cause {}

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

thread_local! {
    /// The innermost callback of the host's that runs on this thread.
    static CALLING: Cell<*const Calling> = const { Cell::new(ptr::null()) };
}

/// A callback that runs for a client, perhaps inside another one's.
struct Calling {
    client: u64,
    /// What the callback says made it fail.
    cause: RefCell<Option<UserData>>,
    outer: *const Calling,
}

/// Runs a callback of the host's for this client.
pub(crate) fn calling_out<T>(client: u64, callback: impl FnOnce() -> T) -> T {
    calling_out_for_cause(client, callback).0
}

/// As [`calling_out`], and returns what the callback says made it fail.
pub(crate) fn calling_out_for_cause<T>(
    client: u64,
    callback: impl FnOnce() -> T,
) -> (T, Option<UserData>) {
    struct Restore(*const Calling);
    impl Drop for Restore {
        fn drop(&mut self) {
            CALLING.set(self.0);
        }
    }
    let outer = CALLING.get();
    let calling = Calling {
        client,
        cause: RefCell::new(None),
        outer,
    };
    let restore = Restore(outer);
    CALLING.set(&raw const calling);
    let returned = callback();
    drop(restore);
    (returned, calling.cause.into_inner())
}

/// Keeps what made the innermost running callback fail; drops it if none is running.
fn set_cause(cause: UserData) {
    // SAFETY: on this thread's stack, and off the chain before its `calling_out` returns.
    if let Some(calling) = unsafe { CALLING.get().as_ref() } {
        let former = calling.cause.replace(Some(cause));
        // After the borrow: its destroy function is the host's.
        drop(former);
    }
}

/// Whether a callback of the host's runs for this client on this thread, be it around another client's.
pub(crate) fn is_calling_out(client: u64) -> bool {
    let mut calling = CALLING.get();
    // SAFETY: each is on this thread's stack, and off the chain before its `calling_out` returns.
    while let Some(this) = unsafe { calling.as_ref() } {
        if this.client == client {
            return true;
        }
        calling = this.outer;
    }
    false
}
