//! A client's counters, its grant's history, and whether everything is stored.

use serde_json::json;

use super::{Client, with};
use crate::boundary::{out, value};
use crate::error::Failure;
use crate::text::Owned;
use crate::{csign_client, csign_error, csign_status, csign_text};

/// A client's counters, all since it was created.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum csign_counter {
    /// Cached tokens returned as objects. Copies of the bare access token are not counted.
    HITS = 1,
    /// Tokens taken from the store.
    ADOPTED = 2,
    /// Tokens requested by assertion, client credentials or login.
    MINTED = 3,
    /// Tokens requested with a refresh token.
    REFRESHED = 4,
    /// Callers that waited for a request that another caller had started.
    WAITS = 5,
    /// Requests, and attempts at one, that returned no token.
    FAILURES = 6,
}

/// Returns one of the client's counters.
///
/// @param counter    a csign_counter.
/// @param out_count  receives the count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_count(
    client: *const csign_client,
    counter: i32,
    out_count: *mut u64,
    error: *mut *mut csign_error,
) -> csign_status {
    with!(client, error, |client: &Client| {
        client.may_call()?;
        let counts = client.inner.counts();
        let count = match counter {
            1 => counts.hits,
            2 => counts.adopted,
            3 => counts.minted,
            4 => counts.refreshed,
            5 => counts.waits,
            6 => counts.failures,
            _ => {
                let message = format!("`counter` is {counter}, which is not a csign_counter");
                return Err(Failure::misuse(csign_status::BAD_ARGUMENT, message));
            }
        };
        value!(out_count)?.put(count);
        Ok(())
    })
}

/// Returns the last events of the connection's grant, oldest first, as a JSON array.
///
/// They say who refreshed when, and how it ended. They contain no token.
///
/// @param out_json  receives the text; free it with csign_text_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_events(
    client: *const csign_client,
    out_json: *mut *mut csign_text,
    error: *mut *mut csign_error,
) -> csign_status {
    let out = out!(out_json);
    with!(client, error, |client: &Client| {
        let out = out?;
        client.may_wait()?;
        out.put(Owned::into_handle(
            json!(client.inner.events()?).to_string(),
        )?);
        Ok(())
    })
}

/// Returns when the stored refresh token expires, if the vendor says so. Reads the store.
///
/// A person must log in again before then, unless a refresh returns another refresh token.
///
/// @param out_expires_at  receives the time, in seconds since 1970-01-01 UTC; -1 if the vendor
///                        doesn't say, or if no refresh token is stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_refresh_token_expires_at(
    client: *const csign_client,
    out_expires_at: *mut i64,
    error: *mut *mut csign_error,
) -> csign_status {
    with!(client, error, |client: &Client| {
        client.may_wait()?;
        let end = client.inner.refresh_token_expires_at()?;
        value!(out_expires_at)?.put(end.unwrap_or(-1));
        Ok(())
    })
}

/// Checks whether everything is stored. Fails with the reason if the last token is only in memory.
///
/// Nothing is lost while the process runs, and each call for a token tries to store it again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_check_saved(
    client: *const csign_client,
    error: *mut *mut csign_error,
) -> csign_status {
    with!(client, error, |client: &Client| {
        client.may_call()?;
        match client.inner.unsaved() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    })
}
