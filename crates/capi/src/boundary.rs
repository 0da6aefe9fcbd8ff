//! The line between C and Rust: what comes in is checked, what goes out is written once, and a panic
//! ends here.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign::{Error, ErrorKind, Verdict, jose};

use crate::callback::UserData;
use crate::error::Report;
use crate::{csign_error, csign_status};

/// Why a call failed.
pub(crate) struct Failure {
    pub(crate) status: csign_status,
    pub(crate) error: Error,
}

/// Runs the body of a call. What it gives becomes the status, and the error object where the caller
/// wants one.
///
/// # Safety
///
/// `error` is NULL or can be written to.
pub(crate) unsafe fn call(
    error: *mut *mut csign_error,
    body: impl FnOnce() -> Result<(), Failure>,
) -> csign_status {
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let why = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Err(Failure::bug(
            csign_status::PANIC,
            format!("countersign panicked: {why}"),
        ))
    });
    match outcome {
        Ok(()) => csign_status::OK,
        Err(failure) => {
            let status = failure.status;
            if !error.is_null() {
                // SAFETY: not NULL, so the caller promises that it can be written to.
                unsafe { *error = Report::into_raw(failure) };
            }
            status
        }
    }
}

impl Failure {
    /// A mistake of the calling program. No setting can put it right.
    pub(crate) fn misuse(status: csign_status, message: impl Into<String>) -> Self {
        let error = Error::new(ErrorKind::Setting, message).with_verdict(Verdict::Unexpected);
        Self { status, error }
    }

    /// A mistake of ours.
    pub(crate) fn bug(status: csign_status, message: impl Into<String>) -> Self {
        let error = Error::new(ErrorKind::Internal, message).with_verdict(Verdict::Unexpected);
        Self { status, error }
    }

    pub(crate) fn hint(self, hint: &str) -> Self {
        Self {
            error: self.error.with_hint(hint),
            ..self
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            status: error.kind().into(),
            error,
        }
    }
}

impl From<jose::Error> for Failure {
    fn from(error: jose::Error) -> Self {
        Error::from(error).into()
    }
}

/// The most that any text or file handed in can be: larger ones are a length gone wrong.
const MOST_BYTES: usize = 16 << 20;

/// Bytes that the caller lends for the call.
///
/// # Safety
///
/// `data` is NULL or points to `length` bytes that stay as they are during the call.
pub(crate) unsafe fn bytes<'a>(
    name: &str,
    data: *const u8,
    length: usize,
) -> Result<&'a [u8], Failure> {
    if length == 0 {
        // `from_raw_parts` must not be given NULL even for nothing.
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(null(name));
    }
    if length > MOST_BYTES {
        let message = format!("`{name}_length` is {length}, and nothing handed in is that long");
        return Err(Failure::misuse(csign_status::BAD_ARGUMENT, message).hint(
            "check the length; text needs no NUL at its end, and the length does not count one",
        ));
    }
    // SAFETY: not NULL, and the caller promises `length` bytes.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

/// Text that the caller lends for the call.
///
/// # Safety
///
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(
    name: &str,
    data: *const std::ffi::c_char,
    length: usize,
) -> Result<&'a str, Failure> {
    // SAFETY: the caller's promise is the same.
    let bytes = unsafe { bytes(name, data.cast(), length) }?;
    std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("`{name}` is not UTF-8 (at byte {})", error.valid_up_to());
        Failure::misuse(csign_status::BAD_UTF8, message)
    })
}

/// As [`text`]; nothing where it is empty.
///
/// # Safety
///
/// As [`bytes`].
pub(crate) unsafe fn optional<'a>(
    name: &str,
    data: *const std::ffi::c_char,
    length: usize,
) -> Result<Option<&'a str>, Failure> {
    // SAFETY: the caller's promise is the same.
    let text = unsafe { text(name, data, length) }?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Where a handle goes that the call makes. It holds NULL until then, so that a caller who does not
/// look at the status stumbles close to the mistake.
pub(crate) struct Out<T>(*mut *mut T);

impl<T> Out<T> {
    /// # Safety
    ///
    /// `place` is NULL or can be written to.
    pub(crate) unsafe fn new(name: &str, place: *mut *mut T) -> Result<Self, Failure> {
        if place.is_null() {
            return Err(null(name));
        }
        // SAFETY: not NULL, so the caller promises that it can be written to.
        unsafe { *place = ptr::null_mut() };
        Ok(Self(place))
    }

    pub(crate) fn put(self, handle: *mut T) {
        // SAFETY: `new` wrote to the same place.
        unsafe { *self.0 = handle };
    }
}

/// Sets where a handle goes to NULL, for calls that may fail before they look at it.
///
/// # Safety
///
/// `place` is NULL or can be written to.
pub(crate) unsafe fn clear<T>(place: *mut *mut T) {
    if !place.is_null() {
        // SAFETY: not NULL, so the caller promises that it can be written to.
        unsafe { *place = ptr::null_mut() };
    }
}

/// Writes a plain value out.
///
/// # Safety
///
/// `place` is NULL or can be written to.
pub(crate) unsafe fn put<T>(name: &str, place: *mut T, value: T) -> Result<(), Failure> {
    if place.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL, so the caller promises that it can be written to.
    unsafe { place.write(value) };
    Ok(())
}

pub(crate) fn null(name: &str) -> Failure {
    let message = format!("`{name}` is NULL");
    Failure::misuse(csign_status::NULL_ARGUMENT, message)
}

/// What stands behind every handle: first a word that says its type and goes away when it is freed.
///
/// A handle that was freed, or one of another type, is found out as long as its memory has not been
/// given to something else. That is no promise, but it turns most such mistakes into a status.
#[repr(C)]
pub(crate) struct Marked<T> {
    mark: Mark,
    pub(crate) body: T,
}

#[repr(C)]
struct Mark {
    /// An allocator keeps its lists in the first words of what is free.
    spare: [u64; 2],
    word: AtomicU64,
}

/// A type that C holds a handle of.
pub(crate) trait Handle: Sized {
    /// What stands behind the handle.
    type Body;
    /// Tells the type from all others.
    const WORD: u64;
    /// What a message calls it.
    const NAME: &'static str;
}

impl<T> Marked<T> {
    fn of<H: Handle<Body = T>>(body: T) -> Self {
        let mark = Mark {
            spare: [0; 2],
            word: AtomicU64::new(H::WORD),
        };
        Self { mark, body }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.spare = [0; 2];
        self.word.store(0, Ordering::Relaxed);
    }
}

/// A handle that its holder frees.
pub(crate) fn new<H: Handle>(body: H::Body) -> *mut H {
    Box::into_raw(Box::new(Marked::of::<H>(body))).cast()
}

/// The object behind a handle.
///
/// # Safety
///
/// `handle` is NULL or points to what one of our functions gave out; whoever holds it keeps it alive
/// during the call.
#[inline]
pub(crate) unsafe fn object<'a, H: Handle>(handle: *const H) -> Result<&'a H::Body, Failure> {
    if handle.is_null() {
        return Err(null(H::NAME));
    }
    // SAFETY: whatever we gave out begins with a `Mark`.
    let mark = unsafe { &*handle.cast::<Mark>() };
    if mark.word.load(Ordering::Relaxed) != H::WORD {
        return Err(not_alive(H::NAME));
    }
    // SAFETY: it is alive and of this type, as its mark says.
    Ok(unsafe { &(*handle.cast::<Marked<H::Body>>()).body })
}

#[cold]
fn not_alive(name: &str) -> Failure {
    let message = format!("`{name}` was freed, or is a handle of another type");
    Failure::misuse(csign_status::BAD_HANDLE, message)
}

/// As [`object`], to change it.
///
/// # Safety
///
/// As [`object`], and nobody else uses it during the call.
pub(crate) unsafe fn object_mut<'a, H: Handle>(handle: *mut H) -> Result<&'a mut H::Body, Failure> {
    // SAFETY: the caller's promise covers it.
    unsafe { object(handle.cast_const()) }?;
    // SAFETY: it is alive, and nobody else uses it.
    Ok(unsafe { &mut (*handle.cast::<Marked<H::Body>>()).body })
}

/// Frees what a handle stands for; nothing where it is NULL, freed already or of another type.
///
/// # Safety
///
/// As [`object`]; made by [`new`], and nobody uses it during the call or after.
pub(crate) unsafe fn free<H: Handle>(handle: *mut H) {
    // SAFETY: the caller's promise covers it.
    if unsafe { object(handle.cast_const()) }.is_err() {
        return;
    }
    // SAFETY: alive, of this type, and made by `new`.
    let boxed = unsafe { Box::from_raw(handle.cast::<Marked<H::Body>>()) };
    // A destructor of the host's may run in here; it must not unwind, and ours do not.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(boxed)));
}

/// An object that several handles share: each is one share of it.
pub(crate) struct Shared<H: Handle>(pub(crate) Arc<Marked<H::Body>>);

impl<H: Handle> Shared<H> {
    pub(crate) fn new(body: H::Body) -> Self {
        Self(Arc::new(Marked::of::<H>(body)))
    }

    /// A handle that is a share.
    pub(crate) fn into_handle(self) -> *mut H {
        Arc::into_raw(self.0).cast_mut().cast()
    }

    /// A handle that is lent.
    pub(crate) fn lent(&self) -> *const H {
        Arc::as_ptr(&self.0).cast()
    }

    /// Another share of what a handle stands for; NULL where it is NULL, freed already or of another type.
    ///
    /// # Safety
    ///
    /// As [`object`]; made by [`Shared::into_handle`] or [`Shared::lent`].
    pub(crate) unsafe fn share(handle: *const H) -> *mut H {
        // SAFETY: the caller's promise covers it.
        if unsafe { object(handle) }.is_err() {
            return ptr::null_mut();
        }
        // SAFETY: alive, of this type, and in an `Arc`, as whatever `Shared` gives out is.
        unsafe { Arc::increment_strong_count(handle.cast::<Marked<H::Body>>()) };
        handle.cast_mut()
    }

    /// Gives a share back; nothing where the handle is NULL, freed already or of another type.
    ///
    /// # Safety
    ///
    /// As [`object`]; made by [`Shared::into_handle`], and its holder does not use it after.
    pub(crate) unsafe fn release(handle: *mut H) {
        // SAFETY: the caller's promise covers it.
        if unsafe { object(handle.cast_const()) }.is_ok() {
            // SAFETY: alive, of this type, and made by `into_handle`.
            drop(unsafe { Arc::from_raw(handle.cast_const().cast::<Marked<H::Body>>()) });
        }
    }
}

impl<H: Handle> Clone for Shared<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H: Handle> std::ops::Deref for Shared<H> {
    type Target = H::Body;

    fn deref(&self) -> &H::Body {
        &self.0.body
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
pub(crate) fn set_cause(cause: UserData) {
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

/// Copies bytes into a buffer of the caller's, and says how many there are even where it is too small.
///
/// # Safety
///
/// `buffer` is NULL or has room for `capacity` bytes; `length` can be written to.
#[inline]
pub(crate) unsafe fn copy_out(
    name: &str,
    from: &[u8],
    buffer: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> Result<(), Failure> {
    // SAFETY: the caller promises that it can be written to.
    unsafe { *length = from.len() };
    if from.len() > capacity {
        return Err(too_small(name, from.len(), capacity));
    }
    if buffer.is_null() {
        return Err(null(name));
    }
    // SAFETY: the buffer has room for `capacity` bytes, and is not ours.
    unsafe { ptr::copy_nonoverlapping(from.as_ptr(), buffer, from.len()) };
    Ok(())
}

#[cold]
fn too_small(name: &str, needed: usize, capacity: usize) -> Failure {
    let message = format!("`{name}` has room for {capacity} bytes, and {needed} are needed");
    Failure::misuse(csign_status::BUFFER_TOO_SMALL, message)
}
