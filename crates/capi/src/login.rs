//! A login in a browser, for hosts that run their own web server.

use std::ffi::c_char;

use countersign::{Login, Secret};

use crate::boundary::{Handle, Out, call, free, new, object, text};
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

impl Handle for csign_login {
    type Body = Begun;
    const WORD: u64 = u64::from_le_bytes(*b"csgnlogi");
    const NAME: &'static str = "login";
}

impl Begun {
    pub(crate) fn into_raw(login: Login) -> *mut csign_login {
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
    // SAFETY: what the header asks of the caller.
    let url = unsafe { object(login) }.ok().map(|login| &login.url);
    // SAFETY: what the header asks of the caller.
    unsafe { lend(url, length) }
}

/// The `state` of this login, which the callback repeats: a key under which a web server can keep the saved login until
/// the browser comes back. Borrowed until csign_login_free. NULL where `login` is no live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_login_state(
    login: *const csign_login,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: what the header asks of the caller.
    let state = unsafe { object(login) }.ok().map(|login| &login.state);
    // SAFETY: what the header asks of the caller.
    unsafe { lend(state, length) }
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
    let body = || {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Out::new("out_saved", out_saved) }?;
        // SAFETY: what the header asks of the caller.
        let login = unsafe { object(login) }?;
        out.put(Owned::into_raw(login.login.save().expose()));
        Ok(())
    };
    // SAFETY: what the header asks of the caller.
    unsafe { call(error, body) }
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
    let body = || {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Out::new("out_login", out_login) }?;
        // SAFETY: what the header asks of the caller.
        let saved = unsafe { text("saved", saved, saved_length) }?;
        out.put(Begun::into_raw(Login::restore(&Secret::new(saved))?));
        Ok(())
    };
    // SAFETY: what the header asks of the caller.
    unsafe { call(error, body) }
}

/// Wipes and frees a login. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_login_free(login: *mut csign_login) {
    // SAFETY: what the header asks of the caller.
    unsafe { free(login) }
}
