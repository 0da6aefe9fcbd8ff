//! IDs for changes and leases, so that a request can be sent again without being applied twice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_store::{Error, Owner, StoreKey, Stored, Swap};
use ring::rand::{SecureRandom, SystemRandom};

use crate::{Address, failed, misconfigured};

/// The IDs of a store's changes and leases.
#[derive(Debug, Default)]
pub struct Ids {
    /// Lease requests with an unknown outcome. Repeated under the same ID, a request gets the lease
    /// that it may have got before.
    unfinished: Mutex<HashMap<(StoreKey, Owner), String>>,
}

impl Ids {
    /// Returns an ID that nobody has used before.
    ///
    /// # Errors
    ///
    /// [`countersign_store::ErrorKind::Unavailable`] if the machine has no random numbers.
    pub fn fresh(&self) -> Result<String, Error> {
        let mut bytes = [0; 16];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| failed("the operating system returned no random bytes"))?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Requests a lease under an ID. If the outcome of the owner's last request is unknown, its ID is
    /// used again.
    ///
    /// # Errors
    ///
    /// As [`Ids::fresh`], and the error of `ask`, after which the outcome is unknown.
    pub fn lease<T>(
        &self,
        key: &StoreKey,
        owner: &Owner,
        ask: impl FnOnce(&str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let unfinished = || {
            self.unfinished
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let asked = (*key, owner.clone());
        let begun = unfinished().remove(&asked);
        let id = match begun {
            Some(id) => id,
            None => self.fresh()?,
        };
        ask(&id).inspect_err(|_| {
            unfinished().insert(asked, id);
        })
    }
}

/// Why a request got no response.
#[derive(Debug)]
pub enum NoResponse {
    /// It was certainly not carried out.
    NotDone(Error),
    /// It may have been carried out.
    Unknown(Error),
}

impl NoResponse {
    /// Returns the error, if the outcome doesn't matter.
    pub fn into_error(self) -> Error {
        match self {
            Self::NotDone(error) | Self::Unknown(error) => error,
        }
    }
}

impl From<NoResponse> for Swap {
    fn from(no_response: NoResponse) -> Self {
        match no_response {
            NoResponse::NotDone(error) => Self::Unavailable(error),
            NoResponse::Unknown(error) => Self::Unknown(error),
        }
    }
}

/// The maximum wait before a busy lease is tried again. It may be released long before it expires.
pub const MAX_RETRY_WAIT: Duration = Duration::from_millis(50);

/// Builds the error for a forked child that uses the store of its parent.
pub fn forked(at: &Address) -> Error {
    misconfigured(
        format!("the store at {at} was opened before this process was forked"),
        "open the store after the fork, in the child",
    )
}

/// Returns when a lease was granted, in milliseconds since 1970.
///
/// Fences start at the server's time in microseconds. Returns `None` for one that isn't a time.
pub fn granted_ms(fence: u64) -> Option<i64> {
    const YEAR_2001: u64 = 1_000_000_000_000_000;
    let ms = i64::try_from(fence / 1000).ok()?;
    (fence > YEAR_2001).then_some(ms)
}

/// Limits the length of a lease to what every server supports.
pub fn countable(ttl: Duration) -> Duration {
    ttl.clamp(Duration::from_millis(1), Duration::from_secs(86_400))
}

/// Returns the outcome of a change that expected another version than the record has.
///
/// It is unknown if the change was sent twice and the record is past its version: then the first one
/// may have been applied.
pub fn conflict(
    at: &Address,
    expected: Option<u64>,
    current: Option<Stored>,
    resent: bool,
) -> Swap {
    let next = expected.unwrap_or(0) + 1;
    let passed = current.as_ref().is_some_and(|record| record.version > next);
    match resent && passed {
        true => Swap::Unknown(failed(format!(
            "the response of {at} to a change was lost, and the record has been changed again since"
        ))),
        false => Swap::Conflict(current),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_request_with_unknown_outcome_is_repeated_under_its_id() {
        let (ids, key) = (Ids::default(), StoreKey::of(["mine"]));
        let (owner, other) = (Owner::new("one"), Owner::new("two"));
        let ask = |owner: &Owner, responds: bool| {
            let mut seen = String::new();
            let response = ids.lease(&key, owner, |id| {
                seen = id.to_owned();
                match responds {
                    true => Ok(()),
                    false => Err(failed("the response was lost")),
                }
            });
            assert_eq!(response.is_ok(), responds);
            seen
        };
        let lost = ask(&owner, false);
        assert_ne!(ask(&other, true), lost);
        assert_eq!(ask(&owner, true), lost);
        assert_ne!(ask(&owner, true), lost, "its outcome is known now");
    }

    #[test]
    fn a_change_that_was_sent_twice_is_unknown_if_the_record_is_past_it() {
        let at = Address::parse("redis://localhost", &["redis"], &[]).unwrap();
        let record = |version| {
            let value = None;
            Some(Stored {
                version,
                fence: 0,
                value,
            })
        };
        let unknown = conflict(&at, Some(1), record(3), true);
        assert!(matches!(unknown, Swap::Unknown(_)));
        for certain in [
            conflict(&at, Some(1), record(3), false),
            conflict(&at, Some(1), record(2), true),
            conflict(&at, Some(1), None, true),
        ] {
            assert!(matches!(certain, Swap::Conflict(_)));
        }
    }
}
