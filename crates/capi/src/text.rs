//! Text that the library owns and lends.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::ptr;

use countersign_core::Extra;
use serde_json::json;
use zeroize::Zeroizing;

use crate::boundary::text;
use crate::handle::{Handle, find, free, handle, new};
use crate::slots::Full;

/// Bytes followed by a NUL that their length doesn't count. Wiped on drop.
pub(crate) struct Terminated(Zeroizing<Vec<u8>>);

impl Terminated {
    pub(crate) fn new(text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() + 1));
        bytes.extend_from_slice(text);
        bytes.push(0);
        Self(bytes)
    }

    /// Returns a pointer to the text, and writes its length unless `length` is NULL.
    ///
    /// # Safety
    ///
    /// `length` is NULL or valid for writes.
    pub(crate) unsafe fn lend(&self, length: *mut usize) -> *const c_char {
        if !length.is_null() {
            // SAFETY: not NULL, so by the caller it is valid for writes.
            unsafe { *length = self.0.len() - 1 };
        }
        self.0.as_ptr().cast()
    }
}

/// Lends a text of a handle's object. NULL and length 0 if there is no such text or object.
///
/// # Safety
///
/// `length` is NULL or valid for writes.
pub(crate) unsafe fn lend_of<H: Handle>(
    handle: *const H,
    length: *mut usize,
    text: impl FnOnce(&H::Body) -> Option<&Terminated>,
) -> *const c_char {
    let found = find(handle);
    match found.as_ref().and_then(|found| text(found)) {
        // SAFETY: the caller makes the same promise.
        Some(text) => unsafe { text.lend(length) },
        None => {
            if !length.is_null() {
                // SAFETY: not NULL, so by the caller it is valid for writes.
                unsafe { *length = 0 };
            }
            ptr::null()
        }
    }
}

/// Gives a closure its type, so that the compiler sees what the text is borrowed from.
pub(crate) fn choice<H: Handle, F>(_: *const H, text: F) -> F
where
    F: FnOnce(&H::Body) -> Option<&Terminated>,
{
    text
}

/// The body of an exported function that lends a text.
macro_rules! lend {
    ($handle:ident, $length:ident, $text:expr) => {{
        let text = $crate::text::choice($handle, $text);
        // SAFETY: by the header, `length` is NULL or valid for writes.
        unsafe { $crate::text::lend_of($handle, $length, text) }
    }};
}
pub(crate) use lend;

/// Text that a call returned: a signed token, JSON, a URL.
///
/// Immutable, and safe to share among threads. Wiped when it is freed.
pub struct csign_text {
    _opaque: [u8; 0],
}

pub(crate) struct Owned {
    value: Terminated,
    /// The members, if the text is a JSON object of strings.
    fields: BTreeMap<String, Terminated>,
}

handle!(csign_text, Text, "text", Owned);

impl Owned {
    pub(crate) fn new(text: impl AsRef<[u8]>) -> Self {
        Self {
            value: Terminated::new(text),
            fields: BTreeMap::new(),
        }
    }

    /// Creates a JSON object of strings, whose members can be read by name.
    pub(crate) fn object(members: &Extra) -> Self {
        Self {
            value: Terminated::new(json!(members).to_string()),
            fields: terminated(members),
        }
    }

    pub(crate) fn into_handle(text: impl AsRef<[u8]>) -> Result<*mut csign_text, Full> {
        new(Self::new(text))
    }

    pub(crate) fn object_into_handle(members: &Extra) -> Result<*mut csign_text, Full> {
        new(Self::object(members))
    }
}

/// Converts a vendor's values to what C can borrow.
pub(crate) fn terminated(values: &Extra) -> BTreeMap<String, Terminated> {
    let pairs = values.iter();
    pairs
        .map(|(name, value)| (name.clone(), Terminated::new(value)))
        .collect()
}

/// Returns the text, NUL-terminated, and in UTF-8 unless its function's documentation says
/// otherwise.
///
/// Borrowed until csign_text_free. NULL if `text` isn't a live handle.
///
/// @param text    the text.
/// @param length  receives its length in bytes, without the NUL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_text_value(
    text: *const csign_text,
    length: *mut usize,
) -> *const c_char {
    lend!(text, length, |text| Some(&text.value))
}

/// Returns a field of what csign_client_identity returned, such as "base_uri", so that you don't need
/// a JSON parser.
///
/// Borrowed until csign_text_free. NULL if there is no such field, or the text is another one.
///
/// @param name    the field's name.
/// @param length  receives its length in bytes, without the NUL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_text_field(
    text: *const csign_text,
    name: *const c_char,
    name_length: usize,
    length: *mut usize,
) -> *const c_char {
    let name = text!(name, name_length);
    lend!(text, length, |text| text.fields.get(name.ok()?))
}

/// Wipes and frees a text. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_text_free(text: *mut csign_text) {
    free(text);
}
