//! The end of a client's grant: at the vendor, and here.

use countersign::{Error, Keeper, Revocation};

use super::{Client, csign_revocation, with};
use crate::boundary::{clear, put};
use crate::error::Report;
use crate::{csign_client, csign_error, csign_status};

/// Revokes the token at the vendor and forgets it here, in memory and in the store.
///
/// If the vendor cannot be reached or refuses (CSIGN_REVOCATION_FAILED), the token is kept, because a grant that nobody can
/// revoke any more would live on. It is not handed out, and the next call tries the revocation again. A login replaces it.
///
/// @param out_revocation  where a csign_revocation goes; may be NULL.
/// @param out_reason      where the reason goes with CSIGN_REVOCATION_FAILED; may be NULL. Free it with
///                        csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_forget(
    client: *const csign_client,
    out_revocation: *mut csign_revocation,
    out_reason: *mut *mut csign_error,
    error: *mut *mut csign_error,
) -> csign_status {
    // SAFETY: what the header asks of the caller.
    unsafe { forget(client, out_revocation, out_reason, error, Keeper::forget) }
}

/// Like csign_client_forget, but forgets the token here even if the vendor did not revoke it.
///
/// @param out_revocation  where a csign_revocation goes; may be NULL.
/// @param out_reason      where the reason goes with CSIGN_REVOCATION_FAILED; may be NULL. Free it with
///                        csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_force_forget(
    client: *const csign_client,
    out_revocation: *mut csign_revocation,
    out_reason: *mut *mut csign_error,
    error: *mut *mut csign_error,
) -> csign_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        forget(
            client,
            out_revocation,
            out_reason,
            error,
            Keeper::force_forget,
        )
    }
}

/// # Safety
///
/// As the functions above promise.
unsafe fn forget(
    client: *const csign_client,
    out_revocation: *mut csign_revocation,
    out_reason: *mut *mut csign_error,
    error: *mut *mut csign_error,
    how: fn(&Keeper) -> Result<Revocation, Error>,
) -> csign_status {
    // SAFETY: the caller's promise.
    unsafe { clear(out_reason) };
    let body = |client: &Client| {
        client.may_wait()?;
        let (revocation, reason) = match how(&client.keeper)? {
            Revocation::Revoked => (csign_revocation::REVOKED, None),
            Revocation::NotOffered => (csign_revocation::NOT_OFFERED, None),
            Revocation::NothingHeld => (csign_revocation::NOTHING_HELD, None),
            Revocation::Failed(reason) => (csign_revocation::FAILED, Some(reason)),
            _ => (csign_revocation::FAILED, None),
        };
        client.shown.store(None);
        if !out_revocation.is_null() {
            // SAFETY: the caller's promise.
            unsafe { put("out_revocation", out_revocation, revocation) }?;
        }
        if let (Some(reason), false) = (reason, out_reason.is_null()) {
            // SAFETY: the caller's promise.
            unsafe { put("out_reason", out_reason, Report::into_raw(reason.into())) }?;
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(client, error, body) }
}
