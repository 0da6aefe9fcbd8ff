//! Text that the library owns and lends.

use std::ffi::c_char;
use std::ptr;

use zeroize::Zeroizing;

use crate::boundary::{Handle, free, new, object};

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

/// Lends a text that may be absent: then NULL, and the length 0.
///
/// # Safety
///
/// `length` is NULL or can be written to.
pub(crate) unsafe fn lend(text: Option<&Terminated>, length: *mut usize) -> *const c_char {
    match text {
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

/// Text that a call gave out: a signed token, JSON, a URL. Immutable, may be shared by threads, and
/// wiped when it is freed.
pub struct csign_text {
    _opaque: [u8; 0],
}

pub(crate) struct Owned {
    value: Terminated,
}

impl Handle for csign_text {
    type Body = Owned;
    const WORD: u64 = u64::from_le_bytes(*b"csgntext");
    const NAME: &'static str = "text";
}

impl Owned {
    pub(crate) fn into_raw(text: impl AsRef<[u8]>) -> *mut csign_text {
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
    // SAFETY: what the header asks of the caller.
    let value = unsafe { object(text) }.ok().map(|text| &text.value);
    // SAFETY: what the header asks of the caller.
    unsafe { lend(value, length) }
}

/// Wipes and frees a text. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_text_free(text: *mut csign_text) {
    // SAFETY: what the header asks of the caller.
    unsafe { free(text) }
}
