//! Revokes and forgets a client's grant.

use countersign_core::{Error, Revocation};

use super::{Client, csign_revocation, with};
use crate::boundary::{Out, out, value};
use crate::error::{Failure, Report};
use crate::{csign_client, csign_error, csign_status};

/// Revokes the token at the vendor and forgets it here, in memory and in the store.
///
/// If the vendor can't be reached or rejects the request (CSIGN_REVOCATION_FAILED), the token is
/// kept, because a forgotten grant could never be revoked. It is not returned by other calls, and
/// the next call of this function tries again. A login replaces it.
///
/// @param out_revocation  receives a csign_revocation; may be NULL.
/// @param out_reason      receives the reason with CSIGN_REVOCATION_FAILED; may be NULL. Free it
///                        with csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_forget(
    client: *const csign_client,
    out_revocation: *mut csign_revocation,
    out_reason: *mut *mut csign_error,
    error: *mut *mut csign_error,
) -> csign_status {
    let (revocation, reason) = (value!(out_revocation), out!(out_reason));
    with!(client, error, |client: &Client| {
        client.forget(
            countersign_core::Client::forget,
            revocation.ok(),
            reason.ok(),
        )
    })
}

/// Like csign_client_forget, but forgets the token here even if the vendor did not revoke it.
///
/// @param out_revocation  receives a csign_revocation; may be NULL.
/// @param out_reason      receives the reason with CSIGN_REVOCATION_FAILED; may be NULL. Free it
///                        with csign_error_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_force_forget(
    client: *const csign_client,
    out_revocation: *mut csign_revocation,
    out_reason: *mut *mut csign_error,
    error: *mut *mut csign_error,
) -> csign_status {
    let (revocation, reason) = (value!(out_revocation), out!(out_reason));
    with!(client, error, |client: &Client| {
        client.forget(
            countersign_core::Client::force_forget,
            revocation.ok(),
            reason.ok(),
        )
    })
}

impl Client {
    fn forget(
        &self,
        how: fn(&countersign_core::Client) -> Result<Revocation, Error>,
        out_revocation: Option<Out<csign_revocation>>,
        out_reason: Option<Out<*mut csign_error>>,
    ) -> Result<(), Failure> {
        self.may_wait()?;
        let revocation = how(&self.inner)?;
        self.drop_token();
        if let Some(out) = out_revocation {
            out.put(csign_revocation::from(&revocation));
        }
        if let (Revocation::Failed(reason), Some(out)) = (revocation, out_reason) {
            out.put(Report::into_handle(reason.into()));
        }
        Ok(())
    }
}
