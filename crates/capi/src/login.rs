//! Logins in a browser, for hosts with a web server of their own.

use std::ffi::c_char;

use countersign_core::{Login, Secret};

use crate::boundary::{call, object, out, text};
use crate::handle::{free, handle, new};
use crate::slots::Full;
use crate::text::{Owned, Terminated, lend};
use crate::{csign_error, csign_status, csign_text};

/// A started login (RFC 6749 section 4.1, with PKCE of RFC 7636).
///
/// Immutable, and safe to share among threads.
pub struct csign_login {
    _opaque: [u8; 0],
}

pub(crate) struct Begun {
    pub(crate) login: Login,
    url: Terminated,
    state: Terminated,
}

handle!(csign_login, Login, "login", Begun);

impl Begun {
    pub(crate) fn into_handle(login: Login) -> Result<*mut csign_login, Full> {
        new(Self {
            url: Terminated::new(login.url().as_str()),
            state: Terminated::new(login.state()),
            login,
        })
    }
}

/// The URL to send the browser to. Borrowed until csign_login_free. NULL if `login` isn't a live
/// handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_login_url(
    login: *const csign_login,
    length: *mut usize,
) -> *const c_char {
    lend!(login, length, |login| Some(&login.url))
}

/// The login's `state`, which the redirect contains: a key for storing the login until then.
///
/// Borrowed until csign_login_free. NULL if `login` isn't a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_login_state(
    login: *const csign_login,
    length: *mut usize,
) -> *const c_char {
    lend!(login, length, |login| Some(&login.state))
}

/// Converts a login to text, for web servers whose next request may reach another process.
///
/// Keep the text in the session on the server, because it contains the PKCE verifier.
///
/// @param out_saved  receives the text; free it with csign_text_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_login_save(
    login: *const csign_login,
    out_saved: *mut *mut csign_text,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_saved)?;
        let login = object(login)?;
        out.put(Owned::into_handle(login.login.save().expose())?);
        Ok(())
    })
}

/// Restores a login from the text of csign_login_save, in this process or another one.
///
/// @param out_login  receives the login; free it with csign_login_free.
///
/// Errors: CSIGN_STATUS_CALLBACK if the text is not a saved login.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_login_restore(
    saved: *const c_char,
    saved_length: usize,
    out_login: *mut *mut csign_login,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_login)?;
        let saved = text!(saved, saved_length)?;
        out.put(Begun::into_handle(Login::restore(&Secret::new(saved))?)?);
        Ok(())
    })
}

/// Wipes and frees a login. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_login_free(login: *mut csign_login) {
    free(login);
}
