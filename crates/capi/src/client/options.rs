//! The options of a call: how long it may take, and what cancels it.

use std::time::Duration;

use countersign_core::{Cancel, Pending, Token};

use super::{Client, with};
use crate::boundary::{object, out};
use crate::error::Failure;
use crate::{csign_cancel, csign_client, csign_error, csign_status, csign_token};

/// How long a call may wait, and for what. NULL in place of it means the defaults.
///
///     csign_call_options options = CSIGN_CALL_OPTIONS_INIT;
///     options.timeout_ms = 2000;
#[repr(C)]
#[derive(Clone, Copy)]
pub struct csign_call_options {
    /// sizeof(csign_call_options), so that later versions can add members. Members that a library
    /// doesn't know must be 0.
    pub size: usize,
    /// How long the token must still be valid, in milliseconds; 0 for the setting min_valid_s. Only
    /// for csign_client_token_with and csign_client_token_start.
    pub min_valid_ms: u64,
    /// How long the call may take, in milliseconds; 0 for as long as any call: see csign_client.
    ///
    /// When it is over, the call ends with CSIGN_STATUS_TIMEOUT, unless it is for a token and the
    /// cached one is still valid. A request in flight continues, and its outcome is kept.
    pub timeout_ms: u64,
    /// Ends the call with CSIGN_STATUS_CANCELLED when it is set; may be NULL. If it is already set, the
    /// call does nothing. It may be freed as soon as the function has returned.
    pub cancel: *const csign_cancel,
}

/// Reads the options of a call; see [`Options::read`].
macro_rules! options {
    ($options:ident) => {
        // SAFETY: by the header, NULL or initialized with the size of the caller's struct.
        unsafe { $crate::client::options::Options::read($options) }
    };
}
pub(super) use options;

/// Like csign_client_token, with options for this call: how long it may take, and what cancels it.
///
///     csign_call_options options = CSIGN_CALL_OPTIONS_INIT;
///     options.timeout_ms = 2000;
///     status = csign_client_token_with(client, &options, &token, &error);
///
/// A request in flight continues when the call ends early, and the next call gets its token.
///
/// @param options    may be NULL.
/// @param out_token  receives the token; free it with csign_token_free.
/// @param error      receives the error object on failure; may be NULL.
///
/// Errors: those of csign_client_token, CSIGN_STATUS_TIMEOUT and CSIGN_STATUS_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_token_with(
    client: *const csign_client,
    options: *const csign_call_options,
    out_token: *mut *mut csign_token,
    error: *mut *mut csign_error,
) -> csign_status {
    let out = out!(out_token);
    with!(client, error, |client: &Client| {
        let out = out?;
        let mut options = options!(options)?;
        client.may_wait()?;
        let call = options.token(client);
        out.put(client.show(options.bound(call).wait()?)?);
        Ok(())
    })
}

/// What the caller's options say.
pub(super) struct Options {
    pub(super) min_valid_ms: u64,
    timeout: Option<Duration>,
    cancel: Option<Cancel>,
}

impl Options {
    /// # Safety
    ///
    /// `options` is NULL, or points to as many readable bytes as its first member says.
    pub(super) unsafe fn read(options: *const csign_call_options) -> Result<Self, Failure> {
        const KNOWN: usize = size_of::<csign_call_options>();
        const MAX: usize = 4096;
        if options.is_null() {
            return Ok(Self {
                min_valid_ms: 0,
                timeout: None,
                cancel: None,
            });
        }
        // SAFETY: not NULL, so by the caller the first member can be read. It may be unaligned.
        let size = unsafe { options.cast::<usize>().read_unaligned() };
        if !(KNOWN..=MAX).contains(&size) {
            let message =
                format!("`options.size` is {size}, which no version of the library knows");
            return Err(Failure::misuse(csign_status::BAD_ARGUMENT, message)
                .hint("initialize the options with CSIGN_CALL_OPTIONS_INIT"));
        }
        // SAFETY: by the caller, this many bytes can be read.
        let bytes = unsafe { std::slice::from_raw_parts(options.cast::<u8>(), size) };
        if bytes[KNOWN..].iter().any(|byte| *byte != 0) {
            let message = "`options` has a member that this version of the library does not know";
            return Err(Failure::misuse(csign_status::BAD_ARGUMENT, message)
                .hint("set it to 0, or update libcountersign"));
        }
        // SAFETY: by the caller, and large enough.
        let options = unsafe { options.read_unaligned() };
        let timeout = Some(options.timeout_ms).filter(|ms| *ms > 0);
        let cancel = match options.cancel.is_null() {
            true => None,
            false => Some(object(options.cancel)?.cancel.clone()),
        };
        Ok(Self {
            min_valid_ms: options.min_valid_ms,
            timeout: timeout.map(Duration::from_millis),
            cancel,
        })
    }

    /// Returns the call for a token that is valid for as long as the options say.
    pub(super) fn token(&mut self, client: &Client) -> Pending<Token> {
        match std::mem::take(&mut self.min_valid_ms) {
            0 => client.inner.token_async(),
            ms => client
                .inner
                .token_valid_for_async(Duration::from_millis(ms)),
        }
    }

    /// Lets the options end a call.
    pub(super) fn bound<T: Clone + Send + 'static>(&self, call: Pending<T>) -> Pending<T> {
        let call = match self.timeout {
            Some(timeout) => call.timeout(timeout),
            None => call,
        };
        match &self.cancel {
            Some(cancel) => call.cancel_with(cancel),
            None => call,
        }
    }
}
