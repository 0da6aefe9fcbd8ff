//! What a server is asked under an id of its own, so that asking again does not do it again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_store::{Error, Owner, StoreKey, Stored, Swap};
use ring::rand::{SecureRandom, SystemRandom};

use crate::{Address, failed, misconfigured};

/// The ids that a store's changes and leases are known by.
#[derive(Debug, Default)]
pub struct Ids {
    /// Leases asked for without a known outcome: asked for again under the same id, it is the
    /// same lease.
    unfinished: Mutex<HashMap<(StoreKey, Owner), String>>,
}

impl Ids {
    /// An id that nobody used before.
    ///
    /// # Errors
    ///
    /// [`countersign_store::ErrorKind::Unavailable`] if the machine has no random numbers.
    pub fn fresh(&self) -> Result<String, Error> {
        let mut bytes = [0; 16];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| failed("this machine gives no random numbers"))?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Asks for a lease under an id: that of the same owner's last question, where its outcome is
    /// not known.
    ///
    /// # Errors
    ///
    /// As [`Ids::fresh`], and what `ask` fails with: then the outcome is not known.
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

/// Why a server did not answer what it was asked.
#[derive(Debug)]
pub enum Unanswered {
    /// It was certainly not done.
    NotDone(Error),
    /// It may have been done.
    Unknown(Error),
}

impl Unanswered {
    /// The error, for where it is the same either way.
    pub fn into_error(self) -> Error {
        match self {
            Self::NotDone(error) | Self::Unknown(error) => error,
        }
    }
}

impl From<Unanswered> for Swap {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NotDone(error) => Self::Unavailable(error),
            Unanswered::Unknown(error) => Self::Unknown(error),
        }
    }
}

/// How long a waiter is told to wait at most: a lease may be given back long before it ends.
pub const MOST_PATIENCE: Duration = Duration::from_millis(50);

/// The error of a store that was opened before a fork, in the child: what it holds is the parent's.
pub fn forked(at: &Address) -> Error {
    misconfigured(
        format!("the store at {at} was opened before this process was forked"),
        "open the store after the fork, in the child",
    )
}

/// When a lease was granted, in milliseconds since 1970: fences count from the server's time in
/// microseconds. Nothing for one that is no time.
pub fn granted_ms(fence: u64) -> Option<i64> {
    const YEAR_2001: u64 = 1_000_000_000_000_000;
    let ms = i64::try_from(fence / 1000).ok()?;
    (fence > YEAR_2001).then_some(ms)
}

/// A lease of a length that every server can count.
pub fn countable(ttl: Duration) -> Duration {
    ttl.clamp(Duration::from_millis(1), Duration::from_secs(86_400))
}

/// What a change that expected the version `expected` amounts to where the record has another one:
/// where it was asked for twice and the record went past it, it may have been made in between.
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
            "{at} lost the answer to a change, and the record was changed again since"
        ))),
        false => Swap::Conflict(current),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_of_unknown_outcome_is_asked_for_again_under_its_id() {
        let (ids, key) = (Ids::default(), StoreKey::of(["mine"]));
        let (owner, other) = (Owner::new("one"), Owner::new("two"));
        let ask = |owner: &Owner, answered: bool| {
            let mut seen = String::new();
            let answer = ids.lease(&key, owner, |id| {
                seen = id.to_owned();
                match answered {
                    true => Ok(()),
                    false => Err(failed("the answer was lost")),
                }
            });
            assert_eq!(answer.is_ok(), answered);
            seen
        };
        let lost = ask(&owner, false);
        assert_ne!(ask(&other, true), lost);
        assert_eq!(ask(&owner, true), lost);
        assert_ne!(ask(&owner, true), lost, "it is settled");
    }

    #[test]
    fn a_record_that_went_past_a_change_asked_for_twice_may_have_it() {
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
