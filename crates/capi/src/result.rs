//! The result of a call that was started, as its callback gets it.

use std::ffi::c_void;
use std::ptr;

use countersign_core::{Extra, Revocation, Token};

use crate::error::{Failure, Report};
use crate::handle::{Lent, find, free, handle};
use crate::text::Owned;
use crate::token::Shown;
use crate::{csign_error, csign_revocation, csign_status, csign_text, csign_token};

/// Receives the result of a call that was started, such as csign_client_token_start.
///
/// Called exactly once if the start function returned CSIGN_STATUS_OK, and never otherwise: also
/// after csign_client_close or csign_client_free, and at once when the call is cancelled. So it can
/// free user_data; there is no `destroy`. The exceptions are a process that exits first, and a child
/// of fork for calls that its parent started.
///
/// It is called on a thread of the library that serves all calls of the process one after the other,
/// never inside the start function. Return soon: pass the result to the thread or event loop that
/// needs it. Unlike other callbacks, it may start calls of any client, and free its client. Calls of
/// the same client that wait return CSIGN_STATUS_REENTERED; calls of other clients that wait delay all
/// later results.
///
/// @param result  the result, which the callback frees, now or later, with csign_result_free. NULL
///                if more objects than the library can count are in use.
pub type csign_done_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, result: *mut csign_result)>;

/// The result of a call that was started. Immutable, and safe to share among threads.
///
/// What its functions return is borrowed until csign_result_free. csign_token_share keeps a token for
/// longer.
pub struct csign_result {
    _opaque: [u8; 0],
}

pub(crate) struct Returned {
    status: csign_status,
    error: Option<Lent<csign_error>>,
    token: Option<Lent<csign_token>>,
    text: Option<Lent<csign_text>>,
    revocation: Option<csign_revocation>,
    refresh_token_expires_at: i64,
}

handle!(csign_result, Result, "result", Returned);

/// What a call that was started returns.
pub(crate) enum Value {
    Token(Token),
    /// A JSON object of strings.
    Object(Extra),
    /// Other text.
    Text(String),
    Revocation(Revocation),
    Time(Option<i64>),
}

impl Returned {
    pub(crate) fn new(outcome: Result<Value, Failure>) -> Self {
        Self::of(outcome).unwrap_or_else(Self::failed)
    }

    fn of(outcome: Result<Value, Failure>) -> Result<Self, Failure> {
        let mut returned = Self {
            status: csign_status::OK,
            error: None,
            token: None,
            text: None,
            revocation: None,
            refresh_token_expires_at: -1,
        };
        match outcome? {
            Value::Token(token) => returned.token = Some(Lent::new(Shown::new(token))?),
            Value::Object(members) => returned.text = Some(Lent::new(Owned::object(&members))?),
            Value::Text(text) => returned.text = Some(Lent::new(Owned::new(text))?),
            Value::Time(time) => returned.refresh_token_expires_at = time.unwrap_or(-1),
            Value::Revocation(revocation) => {
                returned.revocation = Some(csign_revocation::from(&revocation));
                if let Revocation::Failed(reason) = revocation {
                    returned.error = Some(Lent::new(Report::new(reason.into()))?);
                }
            }
        }
        Ok(returned)
    }

    fn failed(failure: Failure) -> Self {
        Self {
            status: failure.status,
            error: Lent::new(Report::new(failure)).ok(),
            token: None,
            text: None,
            revocation: None,
            refresh_token_expires_at: -1,
        }
    }
}

/// The call's status; CSIGN_STATUS_BAD_HANDLE if `result` isn't a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_result_status(result: *const csign_result) -> csign_status {
    find(result).map_or(csign_status::BAD_HANDLE, |result| result.status)
}

/// Why the call failed, or with CSIGN_REVOCATION_FAILED why the vendor did not revoke the token;
/// otherwise NULL.
///
/// Borrowed until csign_result_free: don't free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_result_error(result: *const csign_result) -> *const csign_error {
    let found = find(result);
    let error = found.as_ref().and_then(|found| found.error.as_ref());
    error.map_or(ptr::null(), Lent::handle)
}

/// The token of a call that returns one; otherwise NULL.
///
/// Borrowed until csign_result_free: don't free it. To keep it for longer, call csign_token_share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_result_token(result: *const csign_result) -> *const csign_token {
    let found = find(result);
    let token = found.as_ref().and_then(|found| found.token.as_ref());
    token.map_or(ptr::null(), Lent::handle)
}

/// The text of a call that returns one, such as csign_client_identity_start; otherwise NULL.
///
/// Borrowed until csign_result_free: don't free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_result_text(result: *const csign_result) -> *const csign_text {
    let found = find(result);
    let text = found.as_ref().and_then(|found| found.text.as_ref());
    text.map_or(ptr::null(), Lent::handle)
}

/// What happened to the token at the vendor, after csign_client_forget_start and
/// csign_client_force_forget_start; CSIGN_REVOCATION_FAILED for any other call or failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_result_revocation(result: *const csign_result) -> csign_revocation {
    let revocation = find(result).and_then(|result| result.revocation);
    revocation.unwrap_or(csign_revocation::FAILED)
}

/// When the refresh token expires, after csign_client_refresh_token_expires_at_start, in seconds since
/// 1970-01-01 UTC; -1 if that is unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_result_refresh_token_expires_at(result: *const csign_result) -> i64 {
    find(result).map_or(-1, |result| result.refresh_token_expires_at)
}

/// Wipes and frees a result, and what it lends. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_result_free(result: *mut csign_result) {
    free(result);
}
