//! Text that the library owns and lends.

use std::ffi::c_char;
use std::ptr;

use zeroize::Zeroizing;

use crate::handle::{Handle, find, free, handle, new};
use crate::slots::Full;

/// Bytes followed by a NUL that their length does not count; wiped when they go.
pub(crate) struct Terminated(Zeroizing<Vec<u8>>);

impl Terminated {
    pub(crate) fn new(text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() + 1));
        bytes.extend_from_slice(text);
        bytes.push(0);
        Self(bytes)
    }

    /// Lends it: its beginning, and its length where that is asked for.
    ///
    /// # Safety
    ///
    /// `length` is NULL or can be written to.
    pub(crate) unsafe fn lend(&self, length: *mut usize) -> *const c_char {
        if !length.is_null() {
            // SAFETY: not NULL, so the caller promises that it can be written to.
            unsafe { *length = self.0.len() - 1 };
        }
        self.0.as_ptr().cast()
    }
}

/// Lends a text of the object behind a handle: NULL and the length 0 if there is none, or no object.
///
/// # Safety
///
/// `length` is NULL or can be written to.
pub(crate) unsafe fn lend_of<H: Handle>(
    handle: *const H,
    length: *mut usize,
    text: impl FnOnce(&H::Body) -> Option<&Terminated>,
) -> *const c_char {
    let found = find(handle);
    match found.as_ref().and_then(|found| text(found)) {
        // SAFETY: the caller's promise is the same.
        Some(text) => unsafe { text.lend(length) },
        None => {
            if !length.is_null() {
                // SAFETY: not NULL, so the caller promises that it can be written to.
                unsafe { *length = 0 };
            }
            ptr::null()
        }
    }
}

/// Says of a closure what it is, so that the compiler sees what the text is borrowed from.
pub(crate) fn choice<H: Handle, F>(_: *const H, text: F) -> F
where
    F: FnOnce(&H::Body) -> Option<&Terminated>,
{
    text
}

/// The body of an exported function that lends a text. The caller of that function promises that `$length` is NULL or
/// can be written to.
macro_rules! lend {
    ($handle:ident, $length:ident, $text:expr) => {{
        let text = $crate::text::choice($handle, $text);
        // SAFETY: `$length` is as it came from C, and the head of the header asks this of it.
        unsafe { $crate::text::lend_of($handle, $length, text) }
    }};
}
pub(crate) use lend;

/// Text that a call gave out: a signed token, JSON, a URL. Immutable, may be shared by threads, and
/// wiped when it is freed.
pub struct csign_text {
    _opaque: [u8; 0],
}

pub(crate) struct Owned {
    value: Terminated,
}

handle!(csign_text, Text, "text", Owned);

impl Owned {
    pub(crate) fn into_handle(text: impl AsRef<[u8]>) -> Result<*mut csign_text, Full> {
        new(Self {
            value: Terminated::new(text),
        })
    }
}

/// The text, in UTF-8 unless the function that made it says otherwise, followed by a NUL. It is
/// borrowed until csign_text_free. NULL where `text` is no live handle.
///
/// @param text    the text.
/// @param length  where its length in bytes goes, the NUL not counted; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_text_value(
    text: *const csign_text,
    length: *mut usize,
) -> *const c_char {
    lend!(text, length, |text| Some(&text.value))
}

/// Wipes and frees a text. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_text_free(text: *mut csign_text) {
    free(text);
}
