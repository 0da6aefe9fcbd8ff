//! What has happened to a client: counts, the events and the end of its grant, and whether all that came of them is stored.

use serde_json::json;

use super::{Client, with};
use crate::boundary::{out, value};
use crate::error::Failure;
use crate::text::Owned;
use crate::{csign_client, csign_error, csign_status, csign_text};

/// What a client counts, since it was made.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum csign_counter {
    /// Tokens handed out from memory, as objects: copies of the bare access token are not counted.
    HITS = 1,
    /// Tokens taken over from the store.
    ADOPTED = 2,
    /// Tokens asked for by assertion, client credentials or login.
    MINTED = 3,
    /// Tokens got with a refresh token.
    REFRESHED = 4,
    /// Callers that waited for a request that another one had started.
    WAITS = 5,
    /// Requests, or attempts at one, that brought no token.
    FAILURES = 6,
}

/// How often something happened since the client was made.
///
/// @param counter    a csign_counter.
/// @param out_count  where the count goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_count(
    client: *const csign_client,
    counter: i32,
    out_count: *mut u64,
    error: *mut *mut csign_error,
) -> csign_status {
    with!(client, error, |client: &Client| {
        client.may_wait()?;
        let counts = client.keeper.counts();
        let count = match counter {
            1 => counts.hits,
            2 => counts.adopted,
            3 => counts.minted,
            4 => counts.refreshed,
            5 => counts.waits,
            6 => counts.failures,
            _ => {
                let message = format!("`counter` is {counter}, and no csign_counter");
                return Err(Failure::misuse(csign_status::BAD_ARGUMENT, message));
            }
        };
        value!(out_count)?.put(count);
        Ok(())
    })
}

/// The last events in the life of the connection's grant, oldest first, as a JSON array and without a token in it: who
/// refreshed when, and how it ended.
///
/// @param out_json  where the text goes; free it with csign_text_free.
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
            json!(client.keeper.events()?).to_string(),
        )?);
        Ok(())
    })
}

/// When the stored refresh token expires, as far as the vendor said so: a person must log in again before then, unless a
/// refresh brings another one. Reads the store.
///
/// @param out_expires_at  where the time goes, in seconds since 1970-01-01 UTC; -1 if the vendor did not say, or if no
///                        refresh token is stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_refresh_token_expires_at(
    client: *const csign_client,
    out_expires_at: *mut i64,
    error: *mut *mut csign_error,
) -> csign_status {
    with!(client, error, |client: &Client| {
        client.may_wait()?;
        let end = client.keeper.refresh_token_expires_at()?;
        value!(out_expires_at)?.put(end.unwrap_or(-1));
        Ok(())
    })
}

/// Whether all that was got is stored: fails with the reason why the last token is in memory only. Nothing is lost while the
/// process runs, and each call for a token tries to store it again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_check_saved(
    client: *const csign_client,
    error: *mut *mut csign_error,
) -> csign_status {
    with!(client, error, |client: &Client| {
        client.may_wait()?;
        match client.keeper.unsaved() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    })
}
