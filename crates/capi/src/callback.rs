//! Callbacks: the functions and data that the host passes in.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// Frees `user_data`. Called once, when nothing will call the callback any more.
///
/// May be called on another thread, and after the callback's object was freed if a request is still
/// in progress. Also called if the function that takes the callback fails.
pub type csign_destroy_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Says why the running callback fails: for example, an exception that must not leave it.
///
/// Call it in a csign_sign_fn or csign_open_fn, on the callback's thread, before returning anything
/// but 0. csign_error_cause then returns `cause` for the error of that call, and for no other.
///
/// @param cause    kept with the error; a second one replaces the first.
/// @param destroy  frees `cause`; may be NULL. Called once, on any thread, when the last error with
///                 this cause is freed, or at once if no callback is running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_callback_set_cause(cause: *mut c_void, destroy: csign_destroy_fn) {
    let cause = UserData::new(cause, destroy);
    // The host's destructor may run in here. It must not unwind, and ours don't.
    let _ = catch_unwind(AssertUnwindSafe(|| set_cause(cause)));
}

/// Why the host's callback failed: the source of the error that results.
#[derive(Debug)]
pub(crate) struct Cause {
    /// The callback's return value.
    pub(crate) status: i32,
    /// The cause that it set with [`csign_callback_set_cause`].
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

// SAFETY: each callback's documentation says that its data is used and destroyed on any thread.
unsafe impl Send for UserData {}
// SAFETY: each callback's documentation says whether it runs concurrently.
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
            // SAFETY: the host passed both for this one call.
            unsafe { destroy(self.data) };
        }
    }
}

thread_local! {
    /// The innermost running callback of this thread.
    static CALLING: Cell<*const Calling> = const { Cell::new(ptr::null()) };
}

/// A running callback of a client, perhaps inside another client's.
struct Calling {
    client: u64,
    /// Whether it gets a result. The client isn't in use then, but the thread has other work.
    is_done: bool,
    /// Why the callback says it fails.
    cause: RefCell<Option<UserData>>,
    outer: *const Calling,
}

/// Runs a callback of the host for this client.
pub(crate) fn calling_out<T>(client: u64, callback: impl FnOnce() -> T) -> T {
    calling_out_for_cause(client, callback).0
}

/// Like [`calling_out`], and returns the cause that the callback set.
pub(crate) fn calling_out_for_cause<T>(
    client: u64,
    callback: impl FnOnce() -> T,
) -> (T, Option<UserData>) {
    calling(client, false, callback)
}

/// Runs a callback that gets the result of a call of this client.
pub(crate) fn calling_done(client: u64, callback: impl FnOnce()) {
    calling(client, true, callback);
}

fn calling<T>(client: u64, is_done: bool, callback: impl FnOnce() -> T) -> (T, Option<UserData>) {
    struct Restore(*const Calling);
    impl Drop for Restore {
        fn drop(&mut self) {
            CALLING.set(self.0);
        }
    }
    let outer = CALLING.get();
    let calling = Calling {
        client,
        is_done,
        cause: RefCell::new(None),
        outer,
    };
    let restore = Restore(outer);
    CALLING.set(&raw const calling);
    let returned = callback();
    drop(restore);
    (returned, calling.cause.into_inner())
}

/// Stores the cause of the innermost running callback; drops it if none is running.
fn set_cause(cause: UserData) {
    // SAFETY: on this thread's stack, and unlinked before its `calling_out` returns.
    if let Some(calling) = unsafe { CALLING.get().as_ref() } {
        let former = calling.cause.replace(Some(cause));
        // Dropped after the borrow, because it calls the host.
        drop(former);
    }
}

/// Returns whether this thread runs a callback of this client, even inside another client's, that
/// uses the client.
pub(crate) fn is_calling_out(client: u64) -> bool {
    is_calling(client, false)
}

/// Returns whether this thread runs a callback that gets a result of this client.
pub(crate) fn is_calling_done(client: u64) -> bool {
    is_calling(client, true)
}

fn is_calling(client: u64, is_done: bool) -> bool {
    let mut calling = CALLING.get();
    // SAFETY: each is on this thread's stack, and unlinked before its `calling_out` returns.
    while let Some(this) = unsafe { calling.as_ref() } {
        if this.client == client && this.is_done == is_done {
            return true;
        }
        calling = this.outer;
    }
    false
}
