//! A login in a browser, for hosts that run their own web server.

use std::ffi::c_char;

use countersign::{Login, Secret};

use crate::boundary::{call, object, out, text};
use crate::handle::{free, handle, new};
use crate::slots::Full;
use crate::text::{Owned, Terminated, lend};
use crate::{csign_error, csign_status, csign_text};

/// A login that has begun (RFC 6749 section 4.1, with PKCE of RFC 7636). Immutable; may be shared by
/// threads.
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

/// Where to send the browser. Borrowed until csign_login_free. NULL where `login` is no live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_login_url(
    login: *const csign_login,
    length: *mut usize,
) -> *const c_char {
    lend!(login, length, |login| Some(&login.url))
}

/// The `state` of this login, which the callback repeats: a key under which a web server can keep the saved login until
/// the browser comes back. Borrowed until csign_login_free. NULL where `login` is no live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_login_state(
    login: *const csign_login,
    length: *mut usize,
) -> *const c_char {
    lend!(login, length, |login| Some(&login.state))
}

/// The login as text, for a web server whose next request may reach another process: keep it in the
/// session, on the server's side, for it holds the verifier.
///
/// @param out_saved  where the text goes; free it with csign_text_free.
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

/// A login that csign_login_save turned into text, here or in another process.
///
/// @param out_login  where the login goes; free it with csign_login_free.
///
/// Errors: CSIGN_STATUS_CALLBACK where the text is not a saved login.
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

/// Wipes and frees a login. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_login_free(login: *mut csign_login) {
    free(login);
}
