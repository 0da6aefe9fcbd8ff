//! The calls of a client that return at once and call back with the result.

use std::ffi::{c_char, c_void};

use countersign_core::Pending;
use serde_json::json;

use super::options::{Options, options};
use super::{Client, csign_call_options, with};
use crate::boundary::{null, object, text};
use crate::completion::{self, Done, Outcome};
use crate::error::Failure;
use crate::handle::find;
use crate::result::Value;
use crate::{csign_client, csign_done_fn, csign_error, csign_login, csign_status};

/// Like csign_client_token, but returns at once, and calls `done` with the result.
///
/// For a cached token, call csign_client_peek first: it needs no callback.
///
///     static void done(void *user_data, csign_result *result)
///     {
///         if (csign_result_status(result) == CSIGN_STATUS_OK)
///             send(user_data, csign_token_authorization(csign_result_token(result), NULL));
///         csign_result_free(result);
///     }
///
///     status = csign_client_token_start(client, NULL, done, job, &error);
///
/// @param options    may be NULL.
/// @param done       receives the result: see csign_done_fn.
/// @param user_data  passed to `done`.
/// @param error      receives the error object on failure; may be NULL. `done` is not called then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_token_start(
    client: *const csign_client,
    options: *const csign_call_options,
    done: csign_done_fn,
    user_data: *mut c_void,
    error: *mut *mut csign_error,
) -> csign_status {
    let number = client.addr();
    with!(client, error, |client: &Client| {
        let mut options = options!(options)?;
        let call = options.token(client);
        client.start(number, call, &options, done, user_data, Value::Token)
    })
}

/// Like csign_client_refresh, but returns at once, and calls `done` with the result.
///
/// @param options    may be NULL.
/// @param done       receives the result: see csign_done_fn.
/// @param user_data  passed to `done`.
/// @param error      receives the error object on failure; may be NULL. `done` is not called then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_refresh_start(
    client: *const csign_client,
    options: *const csign_call_options,
    done: csign_done_fn,
    user_data: *mut c_void,
    error: *mut *mut csign_error,
) -> csign_status {
    let number = client.addr();
    with!(client, error, |client: &Client| {
        let options = options!(options)?;
        let call = client.inner.refresh_now_async();
        client.start(number, call, &options, done, user_data, Value::Token)
    })
}

/// Like csign_client_complete_login, but returns at once, and calls `done` with the result.
///
/// If the call is cancelled or its timeout is over, the code is still exchanged, and the grant stored.
///
/// @param query      see csign_client_complete_login.
/// @param options    may be NULL.
/// @param done       receives the result: see csign_done_fn.
/// @param user_data  passed to `done`.
/// @param error      receives the error object on failure; may be NULL. `done` is not called then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_complete_login_start(
    client: *const csign_client,
    login: *const csign_login,
    query: *const c_char,
    query_length: usize,
    options: *const csign_call_options,
    done: csign_done_fn,
    user_data: *mut c_void,
    error: *mut *mut csign_error,
) -> csign_status {
    let number = client.addr();
    with!(client, error, |client: &Client| {
        let login = object(login)?;
        let query = text!(query, query_length)?;
        let options = options!(options)?;
        let call = client.inner.complete_login_async(&login.login, query);
        client.start(number, call, &options, done, user_data, Value::Token)
    })
}

/// Like csign_client_identity, but returns at once, and calls `done` with the result.
///
/// @param options    may be NULL.
/// @param done       receives the result, whose text is the identity: see csign_done_fn.
/// @param user_data  passed to `done`.
/// @param error      receives the error object on failure; may be NULL. `done` is not called then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_identity_start(
    client: *const csign_client,
    options: *const csign_call_options,
    done: csign_done_fn,
    user_data: *mut c_void,
    error: *mut *mut csign_error,
) -> csign_status {
    let number = client.addr();
    with!(client, error, |client: &Client| {
        let options = options!(options)?;
        let call = client.inner.identity_async();
        client.start(number, call, &options, done, user_data, Value::Object)
    })
}

/// Like csign_client_forget, but returns at once, and calls `done` with the result.
///
/// @param options    may be NULL.
/// @param done       receives the result: see csign_done_fn and csign_result_revocation.
/// @param user_data  passed to `done`.
/// @param error      receives the error object on failure; may be NULL. `done` is not called then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_forget_start(
    client: *const csign_client,
    options: *const csign_call_options,
    done: csign_done_fn,
    user_data: *mut c_void,
    error: *mut *mut csign_error,
) -> csign_status {
    let number = client.addr();
    with!(client, error, |client: &Client| {
        let options = options!(options)?;
        let call = client.inner.forget_async();
        client.start(number, call, &options, done, user_data, Value::Revocation)
    })
}

/// Like csign_client_force_forget, but returns at once, and calls `done` with the result.
///
/// @param options    may be NULL.
/// @param done       receives the result: see csign_done_fn and csign_result_revocation.
/// @param user_data  passed to `done`.
/// @param error      receives the error object on failure; may be NULL. `done` is not called then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_force_forget_start(
    client: *const csign_client,
    options: *const csign_call_options,
    done: csign_done_fn,
    user_data: *mut c_void,
    error: *mut *mut csign_error,
) -> csign_status {
    let number = client.addr();
    with!(client, error, |client: &Client| {
        let options = options!(options)?;
        let call = client.inner.force_forget_async();
        client.start(number, call, &options, done, user_data, Value::Revocation)
    })
}

/// Like csign_client_events, but returns at once, and calls `done` with the result.
///
/// @param options    may be NULL.
/// @param done       receives the result, whose text is the array: see csign_done_fn.
/// @param user_data  passed to `done`.
/// @param error      receives the error object on failure; may be NULL. `done` is not called then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_events_start(
    client: *const csign_client,
    options: *const csign_call_options,
    done: csign_done_fn,
    user_data: *mut c_void,
    error: *mut *mut csign_error,
) -> csign_status {
    let number = client.addr();
    with!(client, error, |client: &Client| {
        let options = options!(options)?;
        let call = client.inner.events_async();
        let text = |events| Value::Text(json!(events).to_string());
        client.start(number, call, &options, done, user_data, text)
    })
}

/// Like csign_client_refresh_token_expires_at, but returns at once, and calls `done` with the result.
///
/// @param options    may be NULL.
/// @param done       receives the result: see csign_done_fn and csign_result_refresh_token_expires_at.
/// @param user_data  passed to `done`.
/// @param error      receives the error object on failure; may be NULL. `done` is not called then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_refresh_token_expires_at_start(
    client: *const csign_client,
    options: *const csign_call_options,
    done: csign_done_fn,
    user_data: *mut c_void,
    error: *mut *mut csign_error,
) -> csign_status {
    let number = client.addr();
    with!(client, error, |client: &Client| {
        let options = options!(options)?;
        let call = client.inner.refresh_token_expires_at_async();
        client.start(number, call, &options, done, user_data, Value::Time)
    })
}

impl Client {
    fn start<T: Clone + Send + 'static>(
        &self,
        number: usize,
        call: Pending<T>,
        options: &Options,
        done: csign_done_fn,
        user_data: *mut c_void,
        value: impl FnOnce(T) -> Value + Send + 'static,
    ) -> Result<(), Failure> {
        // A program that waits for the result in a callback would wait for itself.
        self.may_call()?;
        if options.min_valid_ms != 0 {
            let message = "`options.min_valid_ms` is only for csign_client_token_start";
            return Err(Failure::misuse(csign_status::BAD_ARGUMENT, message).hint("set it to 0"));
        }
        let done = Done {
            call: done.ok_or_else(|| null("done"))?,
            user_data,
            client: self.id,
        };
        let call = options.bound(call);
        let call = async move { call.await.map(value).map_err(Failure::from) };
        completion::start(call, move |outcome| after(number, outcome), done)
    }
}

/// Does for the client what a call that waits does after it.
fn after(client: usize, outcome: &Outcome) {
    let handle = std::ptr::without_provenance::<csign_client>(client);
    let Some(client) = find(handle) else {
        return;
    };
    match outcome {
        Ok(Value::Revocation(_)) => client.drop_token(),
        Err(failure) if failure.status == csign_status::PANIC => client.poison(),
        _ => {}
    }
}
