//! Tokens, as C sees them.

use std::collections::BTreeMap;
use std::ffi::c_char;

use countersign_core::{Secret, Source, Token};

use crate::boundary::{call, object, text, value};
use crate::error::Failure;
use crate::handle::{find, free, handle, share};
use crate::text::{Terminated, lend, terminated};
use crate::{csign_error, csign_status};

/// Where a token came from.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum csign_source {
    /// A new token, by assertion, client credentials or a login.
    MINTED = 1,
    /// A new token, with a refresh token.
    REFRESHED = 2,
    /// This process's memory.
    CACHE = 3,
    /// The store.
    STORE = 4,
}

/// An access token. Immutable, and safe to share among threads.
///
/// It doesn't change when the client gets another token. It is wiped when its last owner frees it:
/// see csign_token_share.
pub struct csign_token {
    _opaque: [u8; 0],
}

pub(crate) struct Shown {
    token: Token,
    value: Terminated,
    authorization: Terminated,
    token_type: Terminated,
    scope: Option<Terminated>,
    extra: BTreeMap<String, Terminated>,
    extra_json: Terminated,
    /// The names and values of the headers; none if they can't be made.
    headers: Vec<(Terminated, Terminated)>,
}

handle!(csign_token, Token, "token", Shown);

impl Shown {
    pub(crate) fn new(token: Token) -> Self {
        let json = serde_json::to_string(token.extra()).unwrap_or_default();
        Self {
            value: Terminated::new(token.expose()),
            authorization: Terminated::new(token.authorization().expose()),
            token_type: Terminated::new(token.token_type()),
            scope: token.scope().map(Terminated::new),
            extra: terminated(token.extra()),
            extra_json: Terminated::new(json),
            headers: headers(&token).unwrap_or_default(),
            token,
        }
    }

    /// Returns whether it is made from this very token.
    #[inline]
    pub(crate) fn shows(&self, token: &Token) -> bool {
        // Clones of a token share its text.
        std::ptr::eq(self.token.expose().as_ptr(), token.expose().as_ptr())
    }
}

/// The bare access token, NUL-terminated. A secret: don't log it.
///
/// Borrowed until csign_token_free. NULL if `token` isn't a live handle.
///
/// @param length  receives its length in bytes, without the NUL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_value(
    token: *const csign_token,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| Some(&token.value))
}

/// The value for an HTTP `Authorization` header, nearly always "Bearer ..." (RFC 6750). A secret.
///
/// The APIs of a few vendors expect the token in another header, or further headers beside it:
/// csign_token_header_count returns all of them.
///
/// Borrowed until csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_authorization(
    token: *const csign_token,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| Some(&token.authorization))
}

/// The token's type as the vendor writes it, nearly always "Bearer". Borrowed until
/// csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_type(
    token: *const csign_token,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| Some(&token.token_type))
}

/// The granted scopes, separated by spaces; NULL if the vendor doesn't say.
///
/// Borrowed until csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_scope(
    token: *const csign_token,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| token.scope.as_ref())
}

/// When the token expires, in seconds since 1970-01-01 UTC; -1 if the vendor doesn't say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_expires_at(token: *const csign_token) -> i64 {
    find(token)
        .and_then(|token| token.token.expires_at())
        .unwrap_or(-1)
}

/// Where the token came from; CSIGN_SOURCE_CACHE if `token` isn't a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_source(token: *const csign_token) -> csign_source {
    let source = find(token).map_or(Source::Cache, |token| token.token.source());
    match source {
        Source::Minted => csign_source::MINTED,
        Source::Refreshed => csign_source::REFRESHED,
        Source::Cache => csign_source::CACHE,
        Source::Store => csign_source::STORE,
    }
}

/// A value that the vendor added to the token, such as "instance_url"; NULL if there is none.
///
/// Borrowed until csign_token_free.
///
/// @param name         the value's name, in UTF-8.
/// @param name_length  its length in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_extra(
    token: *const csign_token,
    name: *const c_char,
    name_length: usize,
    length: *mut usize,
) -> *const c_char {
    let name = text!(name, name_length);
    lend!(token, length, |token| token.extra.get(name.ok()?))
}

/// All values that the vendor added, as a JSON object of strings; "{}" if there are none.
///
/// Borrowed until csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_extra_json(
    token: *const csign_token,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| Some(&token.extra_json))
}

/// Counts the headers that an API request needs to carry the token.
///
/// That is one, `Authorization`, unless the vendor's profile says otherwise.
///
///     size_t count = 0;
///     if (csign_token_header_count(token, &count, &error) == CSIGN_STATUS_OK)
///         for (size_t i = 0; i < count; i++)
///             add(csign_token_header_name(token, i, NULL), csign_token_header_value(token, i, NULL));
///
/// @param out_count  receives the number of headers.
/// @param error      receives the error object on failure; may be NULL.
///
/// Errors: a header needs a value that the token doesn't have, such as a tenant's id that
/// csign_client_identity looks up, or one that no header may have. The hint says what to do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_header_count(
    token: *const csign_token,
    out_count: *mut usize,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = value!(out_count)?;
        let token = object(token)?;
        if token.headers.is_empty() {
            // Made again, for the error.
            headers(&token.token)?;
        }
        out.put(token.headers.len());
        Ok(())
    })
}

/// The name of a header, such as "Authorization"; NULL if there are not so many.
///
/// Borrowed until csign_token_free.
///
/// @param index   the header's number, from 0: see csign_token_header_count.
/// @param length  receives the name's length in bytes, without the NUL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_header_name(
    token: *const csign_token,
    index: usize,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| token
        .headers
        .get(index)
        .map(|(name, _)| name))
}

/// The value of a header; NULL if there are not so many. A secret.
///
/// Borrowed until csign_token_free.
///
/// @param index   the header's number, from 0: see csign_token_header_count.
/// @param length  receives the value's length in bytes, without the NUL; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_header_value(
    token: *const csign_token,
    index: usize,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| token
        .headers
        .get(index)
        .map(|(_, value)| value))
}

/// Adds an owner to a token: for example, to keep a token that a listener was lent.
///
/// Copies nothing, and can't fail: returns NULL only if `token` isn't a live handle.
///
/// @return the same handle. Each owner frees it with csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_share(token: *const csign_token) -> *mut csign_token {
    share(token)
}

/// Frees a token. The last owner's call wipes it. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_free(token: *mut csign_token) {
    free(token);
}

fn headers(token: &Token) -> Result<Vec<(Terminated, Terminated)>, Failure> {
    let headers = token.headers()?.into_iter();
    let terminated =
        |(name, value): (&str, Secret)| (Terminated::new(name), Terminated::new(value.expose()));
    Ok(headers.map(terminated).collect())
}
