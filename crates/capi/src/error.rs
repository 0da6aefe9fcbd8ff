//! The error object: what happened, what to do, and what the server said.

use std::error::Error as _;
use std::ffi::{c_char, c_void};
use std::ptr;

use countersign_core::{Error, ErrorKind, Verdict, jose};

use crate::callback::Cause;
use crate::handle::{find, free, handle, new};
use crate::slots::Full;
use crate::text::{Terminated, lend};
use crate::{csign_status, csign_verdict};

/// Why a call failed.
pub(crate) struct Failure {
    pub(crate) status: csign_status,
    pub(crate) error: Error,
}

impl Failure {
    /// A mistake of the calling program. No setting can fix it.
    pub(crate) fn misuse(status: csign_status, message: impl Into<String>) -> Self {
        let error = Error::new(ErrorKind::Setting, message).with_verdict(Verdict::Unexpected);
        Self { status, error }
    }

    /// A bug of ours.
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

impl From<Full> for Failure {
    fn from(_: Full) -> Self {
        Self::bug(csign_status::INTERNAL, "too many objects are in use")
            .hint("free objects that the program no longer uses")
    }
}

/// Why a call failed. Immutable, and safe to share among threads. Contains no secret.
pub struct csign_error {
    _opaque: [u8; 0],
}

pub(crate) struct Report {
    status: csign_status,
    error: Error,
    message: Terminated,
    kind: Terminated,
    hint: Option<Terminated>,
    setting: Option<Terminated>,
    oauth_error: Option<Terminated>,
    oauth_description: Option<Terminated>,
    url: Option<Terminated>,
    trace_id: Option<Terminated>,
    provider: Option<Terminated>,
}

handle!(csign_error, Error, "error", Report);

impl Report {
    fn cause(&self) -> Option<&Cause> {
        self.error.source()?.downcast_ref()
    }

    /// Creates an error object; NULL if the table is full.
    pub(crate) fn into_handle(failure: Failure) -> *mut csign_error {
        new(Self::new(failure)).unwrap_or(ptr::null_mut())
    }

    pub(crate) fn new(failure: Failure) -> Self {
        let Failure { status, error } = failure;
        let text = |text: Option<&str>| text.map(Terminated::new);
        let misuse = (1..20).contains(&(status as i32));
        Self {
            status,
            message: Terminated::new(error.message()),
            kind: Terminated::new(if misuse {
                "usage"
            } else {
                error.kind().as_str()
            }),
            hint: text(error.hint()),
            setting: text(error.setting_name()),
            oauth_error: text(error.oauth_error()),
            oauth_description: text(error.oauth_description()),
            url: text(error.url()),
            trace_id: text(error.trace_id()),
            provider: text(error.provider()),
            error,
        }
    }
}

/// The status of the failed call; CSIGN_STATUS_BAD_HANDLE if `error` isn't a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_status(error: *const csign_error) -> csign_status {
    find(error).map_or(csign_status::BAD_HANDLE, |error| error.status)
}

/// What to do about the error; CSIGN_VERDICT_UNEXPECTED if `error` isn't a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_verdict(error: *const csign_error) -> csign_verdict {
    find(error).map_or(csign_verdict::UNEXPECTED, |error| {
        error.error.verdict().into()
    })
}

/// The kind of error, such as "consent_required", or "usage" if the API was used incorrectly. The
/// same in every language. Borrowed until csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_kind(
    error: *const csign_error,
    length: *mut usize,
) -> *const c_char {
    lend!(error, length, |error| Some(&error.kind))
}

/// One sentence that says what failed. Borrowed until csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_message(
    error: *const csign_error,
    length: *mut usize,
) -> *const c_char {
    lend!(error, length, |error| Some(&error.message))
}

/// One sentence that says what to do; NULL if there is no hint. Borrowed until csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_hint(
    error: *const csign_error,
    length: *mut usize,
) -> *const c_char {
    lend!(error, length, |error| error.hint.as_ref())
}

/// The name of the setting to check; NULL if no setting caused the error. Borrowed until
/// csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_setting(
    error: *const csign_error,
    length: *mut usize,
) -> *const c_char {
    lend!(error, length, |error| error.setting.as_ref())
}

/// The HTTP status of the response; 0 if there was no response.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_http_status(error: *const csign_error) -> i32 {
    let status = find(error).and_then(|error| error.error.http_status());
    status.map_or(0, i32::from)
}

/// The server's `error` (RFC 6749 section 5.2); NULL if there is none. Borrowed until
/// csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_oauth_error(
    error: *const csign_error,
    length: *mut usize,
) -> *const c_char {
    lend!(error, length, |error| error.oauth_error.as_ref())
}

/// The server's `error_description` without secrets; NULL if there is none. Borrowed until
/// csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_oauth_description(
    error: *const csign_error,
    length: *mut usize,
) -> *const c_char {
    lend!(error, length, |error| error.oauth_description.as_ref())
}

/// How long to wait before trying again, in milliseconds; -1 if that is unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_retry_after_ms(error: *const csign_error) -> i64 {
    let wait = find(error).and_then(|error| error.error.retry_after());
    wait.map_or(-1, |wait| {
        i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
    })
}

/// The URL that a person should open, such as a consent page; NULL if there is none. An error that
/// requires a login has none: call csign_client_start_login. Borrowed until csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_url(
    error: *const csign_error,
    length: *mut usize,
) -> *const c_char {
    lend!(error, length, |error| error.url.as_ref())
}

/// The vendor's trace ID of the failed request, for the vendor's support; NULL if there is none.
/// Borrowed until csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_trace_id(
    error: *const csign_error,
    length: *mut usize,
) -> *const c_char {
    lend!(error, length, |error| error.trace_id.as_ref())
}

/// The provider's ID; NULL if the error isn't about a provider. Borrowed until csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_provider(
    error: *const csign_error,
    length: *mut usize,
) -> *const c_char {
    lend!(error, length, |error| error.provider.as_ref())
}

/// The pointer that the failed callback passed to csign_callback_set_cause; NULL if there is none.
///
/// Borrowed until csign_error_free. Callers that shared one request have the same cause in their
/// errors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_cause(error: *const csign_error) -> *mut c_void {
    let data = find(error).and_then(|error| Some(error.cause()?.data.as_ref()?.as_ptr()));
    data.unwrap_or(ptr::null_mut())
}

/// The number that the failed callback returned; 0 if no callback caused the error.
///
/// Use it if you can't call csign_callback_set_cause because your callback's code runs on another
/// thread: the number identifies the cause as well.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_callback_status(error: *const csign_error) -> i32 {
    let status = find(error).and_then(|error| Some(error.cause()?.status));
    status.unwrap_or(0)
}

/// Frees an error. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_error_free(error: *mut csign_error) {
    free(error);
}
