//! The line between C and Rust: what comes in is checked, what goes out is written once, and a panic
//! ends here.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use crate::error::{Failure, Report};
use crate::handle::{Handle, find};
use crate::slots::Found;
use crate::{csign_error, csign_status};

/// Runs the body of a call, which runs once. What it returns becomes the status, and the error object
/// if the caller wants one.
///
/// # Safety
///
/// `error` is NULL or can be written to.
// Once in the library, for all bodies.
#[inline(never)]
pub(crate) unsafe fn run(
    error: *mut *mut csign_error,
    body: &mut dyn FnMut() -> Result<(), Failure>,
) -> csign_status {
    // SAFETY: the caller's promise is the same.
    unsafe { run_inline(error, body) }
}

/// As [`run`], for what copies cached tokens.
///
/// # Safety
///
/// As [`run`].
#[inline]
pub(crate) unsafe fn run_inline(
    error: *mut *mut csign_error,
    body: impl FnOnce() -> Result<(), Failure>,
) -> csign_status {
    let outcome = catch_unwind(AssertUnwindSafe(body));
    match outcome.unwrap_or_else(|panic| Err(panicked(&*panic))) {
        Ok(()) => csign_status::OK,
        // SAFETY: the caller's promise is the same.
        Err(failure) => unsafe { report(error, failure) },
    }
}

#[cold]
fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let why = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Failure::bug(csign_status::PANIC, format!("countersign panicked: {why}"))
}

/// # Safety
///
/// As [`run`].
#[cold]
unsafe fn report(error: *mut *mut csign_error, failure: Failure) -> csign_status {
    let status = failure.status;
    if !error.is_null() {
        // SAFETY: not NULL, so the caller promises that it can be written to.
        unsafe { *error = Report::into_handle(failure) };
    }
    status
}

/// Makes of a body that can run once one that [`run`] takes.
pub(crate) fn once(
    body: impl FnOnce() -> Result<(), Failure>,
) -> impl FnMut() -> Result<(), Failure> {
    let mut body = Some(body);
    move || body.take().map_or(Ok(()), |body| body())
}

/// The most that any text or file handed in can be: larger ones are a length gone wrong.
const MOST_BYTES: usize = 16 << 20;

/// Bytes that the caller lends for the call.
///
/// # Safety
///
/// `data` is NULL or points to `length` bytes that stay as they are during the call.
pub(crate) unsafe fn read_bytes<'a>(
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
/// As [`read_bytes`].
pub(crate) unsafe fn read_text<'a>(
    name: &str,
    data: *const std::ffi::c_char,
    length: usize,
) -> Result<&'a str, Failure> {
    // SAFETY: the caller's promise is the same.
    let bytes = unsafe { read_bytes(name, data.cast(), length) }?;
    std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("`{name}` is not UTF-8 (at byte {})", error.valid_up_to());
        Failure::misuse(csign_status::BAD_UTF8, message)
    })
}

/// Where a call writes what it makes.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    ///
    /// `place` is NULL or can be written to, until the call returns.
    pub(crate) unsafe fn new(name: &str, place: *mut T) -> Result<Self, Failure> {
        match place.is_null() {
            true => Err(null(name)),
            false => Ok(Self(place)),
        }
    }

    #[inline]
    pub(crate) fn put(self, value: T) {
        // SAFETY: not NULL, so whoever called `new` promised that it can be written to.
        unsafe { self.0.write(value) };
    }
}

impl<T> Out<*mut T> {
    /// As [`Out::new`], and writes NULL at once, so that a caller who does not look at the status
    /// stumbles close to the mistake.
    ///
    /// # Safety
    ///
    /// As [`Out::new`].
    pub(crate) unsafe fn handle(name: &str, place: *mut *mut T) -> Result<Self, Failure> {
        // SAFETY: the caller's promise is the same.
        let out = unsafe { Self::new(name, place) }?;
        // SAFETY: not NULL, so the caller promises that it can be written to.
        unsafe { out.0.write(ptr::null_mut()) };
        Ok(out)
    }
}

/// A buffer of the caller's, and where the length of what belongs there goes.
pub(crate) struct Buffer {
    name: &'static str,
    data: *mut u8,
    capacity: usize,
    length: Out<usize>,
}

impl Buffer {
    /// # Safety
    ///
    /// Until the call returns: `data` is NULL or has room for `capacity` bytes, and `length` is NULL or can be written
    /// to.
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
            // SAFETY: the caller's promise is the same.
            length: unsafe { Out::new("length", length) }?,
        })
    }

    /// Copies bytes there. Says how many there are even if they do not fit.
    #[inline]
    pub(crate) fn fill(self, from: &[u8]) -> Result<(), Failure> {
        self.length.put(from.len());
        if from.len() > self.capacity {
            return Err(too_small(self.name, from.len(), self.capacity));
        }
        if self.data.is_null() {
            return Err(null(self.name));
        }
        // SAFETY: whoever called `new` promised room for `capacity` bytes, which these are not more than; the caller's
        // buffer and what is ours do not overlap.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), self.data, from.len()) };
        Ok(())
    }

    /// As [`Buffer::fill`], and a NUL after the text if there is room.
    #[inline]
    pub(crate) fn fill_text(self, from: &str) -> Result<(), Failure> {
        let (data, capacity) = (self.data, self.capacity);
        self.fill(from.as_bytes())?;
        if from.len() < capacity {
            // SAFETY: whoever called `new` promised room for `capacity` bytes, and `fill` found that it is not NULL.
            unsafe { data.add(from.len()).write(0) };
        }
        Ok(())
    }

    /// Says that there is nothing.
    pub(crate) fn leave_empty(self) {
        self.length.put(0);
    }
}

#[cold]
fn too_small(name: &str, needed: usize, capacity: usize) -> Failure {
    let message = format!("`{name}` has room for {capacity} bytes, and {needed} are needed");
    Failure::misuse(csign_status::BUFFER_TOO_SMALL, message)
}

#[cold]
pub(crate) fn null(name: &str) -> Failure {
    let message = format!("`{name}` is NULL");
    Failure::misuse(csign_status::NULL_ARGUMENT, message)
}

/// Returns the object behind a handle, which stays alive until that is dropped.
#[inline]
pub(crate) fn object<H: Handle>(handle: *const H) -> Result<Found<H::Body>, Failure> {
    find(handle).ok_or_else(|| no_object(handle))
}

#[cold]
pub(crate) fn no_object<H: Handle>(handle: *const H) -> Failure {
    if handle.is_null() {
        return null(H::NAME);
    }
    let message = format!("`{}` was freed, or is a handle of another type", H::NAME);
    Failure::misuse(csign_status::BAD_HANDLE, message)
}

// What an exported function does with its arguments. The macros are for those functions alone, and for arguments as they
// came from C: what makes each sound is that the head of the header asks it of every caller.

/// Runs the body of an exported function; see [`run`].
macro_rules! call {
    ($error:ident, $body:expr) => {{
        let mut body = $crate::boundary::once($body);
        // SAFETY: the header: `error` is NULL or can be written to.
        unsafe { $crate::boundary::run($error, &mut body) }
    }};
}

/// Reads an argument that is bytes; see [`read_bytes`].
macro_rules! bytes {
    ($data:ident, $length:ident) => {
        // SAFETY: the header: bytes come as a pointer and their number, and stay as they are during the call.
        unsafe { $crate::boundary::read_bytes(stringify!($data), $data, $length) }
    };
}

/// Reads an argument that is text; see [`read_text`].
macro_rules! text {
    ($data:ident, $length:ident) => {
        // SAFETY: the header: text comes as a pointer and its length in bytes, and stays as it is during the call.
        unsafe {
            let name = stringify!($data).trim_start_matches("r#");
            $crate::boundary::read_text(name, $data, $length)
        }
    };
}

/// As [`text!`]; `None` if it is empty.
macro_rules! optional {
    ($data:ident, $length:ident) => {
        $crate::boundary::text!($data, $length)
            .map(|text| Some(text).filter(|text| !text.is_empty()))
    };
}

/// Clears an argument that says where a handle goes; see [`Out::handle`].
macro_rules! out {
    ($place:ident) => {
        // SAFETY: the header: an output is NULL or can be written to.
        unsafe { $crate::boundary::Out::handle(stringify!($place), $place) }
    };
}

/// Takes an argument that says where a plain value goes; see [`Out::new`].
macro_rules! value {
    ($place:ident) => {
        // SAFETY: the header: an output is NULL or can be written to.
        unsafe { $crate::boundary::Out::new(stringify!($place), $place) }
    };
}

/// Takes the three arguments that are a buffer; see [`Buffer`].
macro_rules! buffer {
    ($data:ident, $capacity:ident, $length:ident) => {
        // SAFETY: the header: a buffer has room for as much as is said, and a length is NULL or can be written to.
        unsafe {
            $crate::boundary::Buffer::new(stringify!($data), $data.cast(), $capacity, $length)
        }
    };
}

pub(crate) use {buffer, bytes, call, optional, out, text, value};
