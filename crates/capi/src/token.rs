//! A token, as C sees it.

use std::collections::BTreeMap;
use std::ffi::c_char;

use countersign::{Source, Token};

use crate::boundary::text;
use crate::handle::{find, free, handle, share};
use crate::text::{Terminated, lend};

/// Where a token came from this time.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum csign_source {
    /// Asked for anew: by assertion, client credentials or a login.
    MINTED = 1,
    /// Got with a refresh token.
    REFRESHED = 2,
    /// From this process's memory.
    CACHE = 3,
    /// From the store.
    STORE = 4,
}

/// An access token. Immutable; may be shared by threads. It stays what it is when the client gets
/// another, and is wiped when nobody has it any more: see csign_token_share.
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
}

handle!(csign_token, Token, "token", Shown);

impl Shown {
    pub(crate) fn new(token: Token) -> Self {
        let json = serde_json::to_string(token.extra()).unwrap_or_default();
        let mut extra = BTreeMap::new();
        for (name, value) in token.extra() {
            extra.insert(name.clone(), Terminated::new(value));
        }
        Self {
            value: Terminated::new(token.expose()),
            authorization: Terminated::new(token.authorization().expose()),
            token_type: Terminated::new(token.token_type()),
            scope: token.scope().map(Terminated::new),
            extra,
            extra_json: Terminated::new(json),
            token,
        }
    }

    /// Whether it shows this very token.
    #[inline]
    pub(crate) fn shows(&self, token: &Token) -> bool {
        // Clones of a token share its text.
        std::ptr::eq(self.token.expose().as_ptr(), token.expose().as_ptr())
    }
}

/// The bare access token, followed by a NUL. A secret: do not log it. Borrowed until
/// csign_token_free. NULL where `token` is no live handle.
///
/// @param length  where its length in bytes goes, the NUL not counted; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_value(
    token: *const csign_token,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| Some(&token.value))
}

/// The value for an HTTP `Authorization` header, nearly always "Bearer ..." (RFC 6750). A secret.
/// Borrowed until csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_authorization(
    token: *const csign_token,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| Some(&token.authorization))
}

/// How the token is presented, as the vendor writes it, nearly always "Bearer". Borrowed until
/// csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_type(
    token: *const csign_token,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| Some(&token.token_type))
}

/// The scopes granted, separated by spaces; NULL if the vendor does not say. Borrowed until
/// csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_scope(
    token: *const csign_token,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| token.scope.as_ref())
}

/// When the token ends, in seconds since 1970-01-01 UTC; -1 where the vendor does not say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_expires_at(token: *const csign_token) -> i64 {
    find(token)
        .and_then(|token| token.token.expires_at())
        .unwrap_or(-1)
}

/// Where the token came from this time; CSIGN_SOURCE_CACHE where `token` is no live handle.
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

/// What the vendor adds to the token, by name, such as "instance_url"; NULL where it does not. Borrowed
/// until csign_token_free.
///
/// @param name         the name, in UTF-8.
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

/// All that the vendor adds, as a JSON object of texts; "{}" where that is nothing. Borrowed until
/// csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_extra_json(
    token: *const csign_token,
    length: *mut usize,
) -> *const c_char {
    lend!(token, length, |token| Some(&token.extra_json))
}

/// Another share of a token, for another owner: such as one that a listener was lent and wants to keep. Takes no copy,
/// and cannot fail: NULL comes only where `token` is no live handle.
///
/// @return the same handle, to be freed once more: each share with csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_share(token: *const csign_token) -> *mut csign_token {
    share(token)
}

/// Lets go of a token; the last one wipes it. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_token_free(token: *mut csign_token) {
    free(token);
}
