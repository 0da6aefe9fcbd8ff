//! Logins, for hosts with a web server of their own and for those without.

use std::ffi::{c_char, c_void};
use std::time::Duration;

use countersign_core::{Error, ErrorKind, Listener, SystemRandom};

use super::{Client, with};
use crate::boundary::{null, object, optional, out, text};
use crate::callback::{Cause, calling_out_for_cause};
use crate::login::Begun;
use crate::{csign_client, csign_error, csign_login, csign_status, csign_token};

/// Opens a URL in the user's browser, or shows it to them.
///
/// Returns 0. Any other value ends the login; csign_callback_set_cause says why. Called once, on
/// the calling thread. Must not call the client.
pub type csign_open_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, url: *const c_char, url_length: usize) -> i32,
>;

/// Starts a login, for hosts with a web server of their own.
///
/// Send the browser to csign_login_url. When it returns, pass its URL to
/// csign_client_complete_login. csign_login_state is a key for storing the login until then.
///
/// @param redirect_uri  the URL that the browser returns to; empty for the setting redirect_uri.
/// @param out_login     receives the login; free it with csign_login_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_start_login(
    client: *const csign_client,
    redirect_uri: *const c_char,
    redirect_uri_length: usize,
    out_login: *mut *mut csign_login,
    error: *mut *mut csign_error,
) -> csign_status {
    let out = out!(out_login);
    with!(client, error, |client: &Client| {
        let out = out?;
        let uri = optional!(redirect_uri, redirect_uri_length)?;
        client.may_wait()?;
        out.put(Begun::into_handle(client.inner.start_login(uri)?)?);
        Ok(())
    })
}

/// Completes a login: validates the redirect, exchanges the code once, and stores the grant.
///
/// @param query      the URL that the browser came back to: the whole URL, its path and query, or
///                   its query.
/// @param out_token  receives the token; free it with csign_token_free.
///
/// Errors: CSIGN_STATUS_CALLBACK if the response belongs to another login, or the person said no;
/// CSIGN_STATUS_REJECTED or CSIGN_STATUS_UNAVAILABLE if the server reported that the request was
/// wrong, or that the server failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_complete_login(
    client: *const csign_client,
    login: *const csign_login,
    query: *const c_char,
    query_length: usize,
    out_token: *mut *mut csign_token,
    error: *mut *mut csign_error,
) -> csign_status {
    let out = out!(out_token);
    with!(client, error, |client: &Client| {
        let out = out?;
        let login = object(login)?;
        let query = text!(query, query_length)?;
        client.may_wait()?;
        let token = client.inner.complete_login(&login.login, query)?;
        out.put(client.show(token)?);
        Ok(())
    })
}

/// Runs a whole login on this machine (RFC 8252).
///
/// Listens on the loopback address of the setting redirect_uri, has the URL opened in a browser,
/// and waits for the browser to come back.
///
/// @param port        the port to listen on; 0 for the one in redirect_uri, or any.
/// @param timeout_ms  how long to wait for the person, in milliseconds.
/// @param open        opens or shows the URL; see csign_open_fn.
/// @param out_token   receives the token; free it with csign_token_free.
///
/// Errors: CSIGN_STATUS_CALLBACK if nobody came back, or the person said no.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_login(
    client: *const csign_client,
    port: u16,
    timeout_ms: u64,
    open: csign_open_fn,
    user_data: *mut c_void,
    out_token: *mut *mut csign_token,
    error: *mut *mut csign_error,
) -> csign_status {
    let out = out!(out_token);
    with!(client, error, |client: &Client| {
        let out = out?;
        let open = open.ok_or_else(|| null("open"))?;
        client.may_wait()?;
        let missing = || Error::setting("redirect_uri", "`redirect_uri` is missing");
        let redirect_uri = client
            .inner
            .connection()
            .redirect_uri()
            .ok_or_else(missing)?;
        let port = Some(port).filter(|port| *port != 0);
        let listener = Listener::bind(redirect_uri, port, &SystemRandom::new())?;
        let login = client
            .inner
            .start_login(Some(listener.redirect_uri().as_str()))?;
        let url = crate::text::Terminated::new(login.url().as_str());
        let (status, data) = calling_out_for_cause(client.id, || {
            let mut length = 0;
            // SAFETY: the host passed function and data together; the URL outlives the call.
            unsafe {
                let start = url.lend(&mut length);
                open(user_data, start, length)
            }
        });
        if status != 0 {
            let message = format!("the URL could not be opened: the callback returned {status}");
            let error = Error::new(ErrorKind::Callback, message)
                .with_hint("have the callback open the URL or show it, and return 0");
            return Err(error.with_source(Cause { status, data }).into());
        }
        let timeout = Duration::from_millis(timeout_ms);
        let token = listener.wait(&login, timeout, |query| {
            client.inner.complete_login(&login, query)
        })?;
        out.put(client.show(token)?);
        Ok(())
    })
}
