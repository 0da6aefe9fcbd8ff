//! The boundary between C and Rust: validates inputs, writes outputs, and catches panics.

use std::any::Any;
use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use crate::error::{Failure, Report};
use crate::handle::{Handle, find};
use crate::slots::Found;
use crate::{csign_error, csign_status};

/// Runs the body of a call once. Converts its result to a status, and to an error object if the
/// caller asked for one.
///
/// # Safety
///
/// `error` is NULL or valid for writes.
// Not inlined, so that the library contains it once.
#[inline(never)]
pub(crate) unsafe fn run(
    error: *mut *mut csign_error,
    body: &mut dyn FnMut() -> Result<(), Failure>,
) -> csign_status {
    // SAFETY: the caller makes the same promise.
    unsafe { run_inline(error, body) }
}

/// Like [`run`], but inlined, for functions that copy cached tokens.
///
/// # Safety
///
/// See [`run`].
#[inline]
pub(crate) unsafe fn run_inline(
    error: *mut *mut csign_error,
    body: impl FnOnce() -> Result<(), Failure>,
) -> csign_status {
    let outcome = catch_unwind(AssertUnwindSafe(body));
    match outcome.unwrap_or_else(|panic| Err(panicked(&*panic))) {
        Ok(()) => csign_status::OK,
        // SAFETY: the caller makes the same promise.
        Err(failure) => unsafe { report(error, failure) },
    }
}

#[cold]
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let why = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Failure::bug(csign_status::PANIC, format!("countersign panicked: {why}"))
}

/// # Safety
///
/// See [`run`].
#[cold]
unsafe fn report(error: *mut *mut csign_error, failure: Failure) -> csign_status {
    let status = failure.status;
    if !error.is_null() {
        // SAFETY: not NULL, so by the caller it is valid for writes.
        unsafe { *error = Report::into_handle(failure) };
    }
    status
}

/// Converts a closure that runs once to one that [`run`] takes.
pub(crate) fn once(
    body: impl FnOnce() -> Result<(), Failure>,
) -> impl FnMut() -> Result<(), Failure> {
    let mut body = Some(body);
    move || body.take().map_or(Ok(()), |body| body())
}

/// The maximum length of an input. Longer ones are a length gone wrong.
const MAX_BYTES: usize = 16 << 20;

/// Reads bytes that the caller lends for the call.
///
/// # Safety
///
/// `data` is NULL, or points to `length` bytes that don't change during the call.
pub(crate) unsafe fn read_bytes<'a>(
    name: &str,
    data: *const u8,
    length: usize,
) -> Result<&'a [u8], Failure> {
    if length == 0 {
        // `from_raw_parts` rejects NULL even for a length of 0.
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(null(name));
    }
    if length > MAX_BYTES {
        let message = format!("`{name}_length` is {length}; the maximum is {MAX_BYTES}");
        return Err(Failure::misuse(csign_status::BAD_ARGUMENT, message)
            .hint("pass the length in bytes, without a trailing NUL"));
    }
    // SAFETY: not NULL, so by the caller it points to `length` bytes.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

/// The length of a text that ends with a NUL: `CSIGN_NUL` in the header.
const NUL: usize = usize::MAX;

/// Returns the length of a text, which [`NUL`] leaves to its terminator.
///
/// # Safety
///
/// `data` is NULL, or points to `length` bytes or, if that is [`NUL`], to text that ends with a NUL.
unsafe fn text_length(name: &str, data: *const c_char, length: usize) -> Result<usize, Failure> {
    match (length, data.is_null()) {
        (NUL, true) => Err(null(name)),
        // SAFETY: not NULL, so by the caller it ends with a NUL.
        (NUL, false) => Ok(unsafe { CStr::from_ptr(data) }.count_bytes()),
        _ => Ok(length),
    }
}

/// Reads text that the caller lends for the call.
///
/// # Safety
///
/// See [`text_length`]. The text doesn't change during the call.
pub(crate) unsafe fn read_text<'a>(
    name: &str,
    data: *const c_char,
    length: usize,
) -> Result<&'a str, Failure> {
    // SAFETY: the caller makes the same promise.
    let length = unsafe { text_length(name, data, length) }?;
    // SAFETY: by the caller, or counted up to the NUL.
    let bytes = unsafe { read_bytes(name, data.cast(), length) }?;
    std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("`{name}` is not UTF-8 (at byte {})", error.valid_up_to());
        Failure::misuse(csign_status::BAD_UTF8, message)
    })
}

/// Where a call writes a result.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    ///
    /// `place` is NULL, or valid for writes until the call returns.
    pub(crate) unsafe fn new(name: &str, place: *mut T) -> Result<Self, Failure> {
        match place.is_null() {
            true => Err(null(name)),
            false => Ok(Self(place)),
        }
    }

    #[inline]
    pub(crate) fn put(self, value: T) {
        // SAFETY: not NULL, so by `new` it is valid for writes.
        unsafe { self.0.write(value) };
    }
}

impl<T> Out<*mut T> {
    /// Like [`Out::new`], and writes NULL at once, so that a caller who doesn't check the status
    /// fails early.
    ///
    /// # Safety
    ///
    /// See [`Out::new`].
    pub(crate) unsafe fn handle(name: &str, place: *mut *mut T) -> Result<Self, Failure> {
        // SAFETY: the caller makes the same promise.
        let out = unsafe { Self::new(name, place) }?;
        // SAFETY: not NULL, so by the caller it is valid for writes.
        unsafe { out.0.write(ptr::null_mut()) };
        Ok(out)
    }
}

/// A buffer of the caller, and where the length of its content goes.
pub(crate) struct Buffer {
    name: &'static str,
    data: *mut u8,
    capacity: usize,
    length: Out<usize>,
}

impl Buffer {
    /// # Safety
    ///
    /// Until the call returns, `data` is NULL or has room for `capacity` bytes, and `length` is
    /// NULL or valid for writes.
    #[inline]
    pub(crate) unsafe fn new(
        name: &'static str,
        data: *mut u8,
        capacity: usize,
        length: *mut usize,
    ) -> Result<Self, Failure> {
        Ok(Self {
            name,
            data,
            capacity,
            // SAFETY: the caller makes the same promise.
            length: unsafe { Out::new("length", length) }?,
        })
    }

    /// Copies bytes to the buffer. Writes the length even if they don't fit.
    #[inline]
    pub(crate) fn fill(self, from: &[u8]) -> Result<(), Failure> {
        self.length.put(from.len());
        if from.len() > self.capacity {
            return Err(too_small(self.name, from.len(), self.capacity));
        }
        if self.data.is_null() {
            return Err(null(self.name));
        }
        // SAFETY: by `new` there is room for `capacity` bytes, and there are no more than that. The
        // caller's buffer and our memory don't overlap.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), self.data, from.len()) };
        Ok(())
    }

    /// Like [`Buffer::fill`], and adds a NUL if there is room.
    #[inline]
    pub(crate) fn fill_text(self, from: &str) -> Result<(), Failure> {
        let (data, capacity) = (self.data, self.capacity);
        self.fill(from.as_bytes())?;
        if from.len() < capacity {
            // SAFETY: by `new` there is room for `capacity` bytes, and `fill` rejects NULL.
            unsafe { data.add(from.len()).write(0) };
        }
        Ok(())
    }

    /// Writes a length of 0.
    pub(crate) fn leave_empty(self) {
        self.length.put(0);
    }
}

#[cold]
fn too_small(name: &str, needed: usize, capacity: usize) -> Failure {
    let message = format!("`{name}` has room for {capacity} bytes, but {needed} are needed");
    Failure::misuse(csign_status::BUFFER_TOO_SMALL, message)
}

#[cold]
pub(crate) fn null(name: &str) -> Failure {
    let message = format!("`{name}` is NULL");
    Failure::misuse(csign_status::NULL_ARGUMENT, message)
}

/// Returns a handle's object. It stays alive until the returned guard is dropped.
#[inline]
pub(crate) fn object<H: Handle>(handle: *const H) -> Result<Found<H::Body>, Failure> {
    find(handle).ok_or_else(|| no_object(handle))
}

#[cold]
pub(crate) fn no_object<H: Handle>(handle: *const H) -> Failure {
    if handle.is_null() {
        return null(H::NAME);
    }
    let message = format!("`{}` was freed, or is not a handle of this type", H::NAME);
    Failure::misuse(csign_status::BAD_HANDLE, message)
}

// The macros handle the arguments of exported functions, and only as C passed them: each is sound
// because the header requires it of every caller.

/// Runs the body of an exported function; see [`run`].
macro_rules! call {
    ($error:ident, $body:expr) => {{
        let mut body = $crate::boundary::once($body);
        // SAFETY: by the header, `error` is NULL or valid for writes.
        unsafe { $crate::boundary::run($error, &mut body) }
    }};
}

/// Reads a bytes argument; see [`read_bytes`].
macro_rules! bytes {
    ($data:ident, $length:ident) => {
        // SAFETY: by the header, there are this many bytes, and they don't change during the call.
        unsafe { $crate::boundary::read_bytes(stringify!($data), $data, $length) }
    };
}

/// Reads a text argument; see [`read_text`].
macro_rules! text {
    ($data:ident, $length:ident) => {
        // SAFETY: by the header, the text has this length, and doesn't change during the call.
        unsafe {
            let name = stringify!($data).trim_start_matches("r#");
            $crate::boundary::read_text(name, $data, $length)
        }
    };
}

/// Like [`text!`]; `None` if the text is empty.
macro_rules! optional {
    ($data:ident, $length:ident) => {
        $crate::boundary::text!($data, $length)
            .map(|text| Some(text).filter(|text| !text.is_empty()))
    };
}

/// Clears a parameter that receives a handle; see [`Out::handle`].
macro_rules! out {
    ($place:ident) => {
        // SAFETY: by the header, an output is NULL or valid for writes.
        unsafe { $crate::boundary::Out::handle(stringify!($place), $place) }
    };
}

/// Checks a parameter that receives a plain value; see [`Out::new`].
macro_rules! value {
    ($place:ident) => {
        // SAFETY: by the header, an output is NULL or valid for writes.
        unsafe { $crate::boundary::Out::new(stringify!($place), $place) }
    };
}

/// Checks the three parameters of a buffer; see [`Buffer`].
macro_rules! buffer {
    ($data:ident, $capacity:ident, $length:ident) => {
        // SAFETY: by the header, the buffer has this capacity, and `length` is NULL or valid for
        // writes.
        unsafe {
            $crate::boundary::Buffer::new(stringify!($data), $data.cast(), $capacity, $length)
        }
    };
}

pub(crate) use {buffer, bytes, call, optional, out, text, value};
