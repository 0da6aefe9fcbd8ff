//! A record sealed under another key, while others use it.

use std::time::Duration;

use super::{KEY_ID, MAGIC, SealedStore};
use crate::{Error, ErrorKind, Owner, Store, StoreKey, Stored, Swap, random, wait_for_lease};

/// Longer than a load and a change take.
const LEASE: Duration = Duration::from_secs(30);
/// Longer than a keeper with the usual timeout holds its lease, or one that died held it.
const PATIENCE: Duration = Duration::from_secs(90);

impl SealedStore {
    /// Seals a record anew under the first key, whichever of the keys it was sealed with. `false`
    /// where there was nothing to do.
    ///
    /// It holds the record's lease meanwhile, and waits for it up to a minute and a half: a
    /// refresh that is under way may be of a process that has the old key alone, which could not
    /// put its new refresh token in the place of what it cannot read. Such a process fails with
    /// the next refresh, before anything is sent. Whoever writes with the old key first seals the
    /// record under that one again: give the new key to every process before this.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`] where the lease was held all that time. Otherwise where the record
    /// cannot be read or written, was changed over and over, or is not encrypted: whoever can write
    /// the store can have put that there ([`SealedStore::seal_plain`]).
    pub fn reseal(&self, key: &StoreKey) -> Result<bool, Error> {
        if self.not_under_the_first_key(key)?.is_none() {
            return Ok(false);
        }
        let owner = Owner::of_this_process(&random::word()?);
        let fence = wait_for_lease(self.below.as_ref(), key, &owner, LEASE, PATIENCE)?;
        let resealed = self.reseal_leased(key, fence);
        // One that cannot be given back runs out or ends with the process.
        let _ = self.below.release(key, &owner, fence);
        resealed
    }

    /// Encrypts a record that is not encrypted, if it still has this value, which somebody has looked
    /// at and found to be theirs.
    ///
    /// # Errors
    ///
    /// As [`SealedStore::reseal`], and if the record has another value or is encrypted.
    pub fn seal_plain(&self, key: &StoreKey, value: &[u8]) -> Result<(), Error> {
        let owner = Owner::of_this_process(&random::word()?);
        let fence = wait_for_lease(self.below.as_ref(), key, &owner, LEASE, PATIENCE)?;
        let sealed = self.seal_plain_leased(key, fence, value);
        // One that cannot be given back runs out or ends with the process.
        let _ = self.below.release(key, &owner, fence);
        sealed
    }

    fn seal_plain_leased(&self, key: &StoreKey, fence: u64, value: &[u8]) -> Result<(), Error> {
        let changed = || {
            let message = "the record was changed since it was looked at";
            Error::new(ErrorKind::Unavailable, message).with_hint("look at it again")
        };
        let stored = self.below.load(key)?.ok_or_else(changed)?;
        if stored.value.is_none_or(|stored| stored.as_slice() != value) {
            return Err(changed());
        }
        match self.compare_and_swap(key, Some(stored.version), Some(fence), value) {
            Swap::Applied(_) => Ok(()),
            Swap::Unavailable(error) | Swap::Unknown(error) => Err(error),
            Swap::Conflict(_) | Swap::Fenced => Err(changed()),
        }
    }

    fn reseal_leased(&self, key: &StoreKey, fence: u64) -> Result<bool, Error> {
        // Who only notes whom a token stands for needs no lease.
        const TRIES: u32 = 3;
        for _ in 0..TRIES {
            let Some(record) = self.not_under_the_first_key(key)? else {
                return Ok(false);
            };
            let plain = record.value.as_ref().map_or(&[][..], |plain| plain);
            match self.compare_and_swap(key, Some(record.version), Some(fence), plain) {
                Swap::Applied(_) => return Ok(true),
                Swap::Unavailable(error) | Swap::Unknown(error) => return Err(error),
                Swap::Conflict(_) | Swap::Fenced => {}
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            "the record was changed while it was sealed anew",
        )
        .with_hint("try again"))
    }

    /// The record with its value in plain, where it has one that the first key did not seal.
    fn not_under_the_first_key(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        let Some(stored) = self.below.load(key)? else {
            return Ok(None);
        };
        let Some(value) = &stored.value else {
            return Ok(None);
        };
        let sealed_by = value
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.get(..KEY_ID));
        match sealed_by {
            Some(id) if self.ring().0.first().is_some_and(|first| first.id == id) => Ok(None),
            // One that is not encrypted is refused.
            _ => Ok(Some(self.opened(key, stored)?)),
        }
    }
}
