//! Re-encrypts records under another key while other processes use them.

use std::time::Duration;

use super::{KEY_ID, MAGIC, SealedStore};
use crate::{Error, ErrorKind, Owner, Store, StoreKey, Stored, Swap, random, wait_for_lease};

/// Longer than a load and a change take.
const LEASE: Duration = Duration::from_secs(30);
/// Longer than a client with the default timeout holds its lease, even if it died.
const PATIENCE: Duration = Duration::from_secs(90);

impl SealedStore {
    /// Re-encrypts a record under the first key. Returns `false` if it already is, or has no value.
    ///
    /// Deploy the new key to every process before you call this. A process whose first key is still
    /// the old one encrypts the record under that one again with its next write. A process that has
    /// only the old key can't read the record any more: its next refresh fails before anything is
    /// sent.
    ///
    /// The call takes the record's lease, and waits for it up to 90 seconds, so that it doesn't
    /// interfere with a refresh: a process that has only the old key couldn't replace a record that
    /// it can't read, and would lose its new refresh token.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`] if the lease was held the whole time. Another kind if the record can't be
    /// read or written, keeps changing, or isn't encrypted. Anyone who can write to the store could
    /// have planted an unencrypted record; see [`SealedStore::seal_plain`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_store::{KeyRing, MemoryStore, SealedStore, Store, StoreKey, Swap};
    ///
    /// let old = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    /// let new = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
    /// let store = SealedStore::new(Arc::new(MemoryStore::new()), KeyRing::parse(old)?);
    /// let key = StoreKey::of(["mine"]);
    /// assert!(matches!(store.compare_and_swap(&key, None, None, b"token"), Swap::Applied(1)));
    ///
    /// store.replace_ring(KeyRing::parse(&format!("{new} {old}"))?);
    /// for key in store.keys()? {
    ///     assert!(store.reseal(&key)?);
    /// }
    /// store.replace_ring(KeyRing::parse(new)?);
    /// assert!(store.load(&key)?.is_some());
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    pub fn reseal(&self, key: &StoreKey) -> Result<bool, Error> {
        if self.not_under_the_first_key(key)?.is_none() {
            return Ok(false);
        }
        let owner = Owner::of_this_process(&random::word()?);
        let fence = wait_for_lease(self.below.as_ref(), key, &owner, LEASE, PATIENCE)?;
        let resealed = self.reseal_leased(key, fence);
        // A lease that can't be released expires, or ends with the process.
        let _ = self.below.release(key, &owner, fence);
        resealed
    }

    /// Encrypts a record that is not encrypted, if it still has this value.
    ///
    /// Call it only after somebody has inspected the value and confirmed that it is genuine.
    ///
    /// # Errors
    ///
    /// As [`SealedStore::reseal`], and if the record has another value or is encrypted.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_store::{KeyRing, MemoryStore, SealedStore, Store, StoreKey, Swap};
    ///
    /// let below = Arc::new(MemoryStore::new());
    /// let key = StoreKey::of(["mine"]);
    /// assert!(matches!(below.compare_and_swap(&key, None, None, b"token"), Swap::Applied(1)));
    ///
    /// let ring = KeyRing::parse("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")?;
    /// let store = SealedStore::new(below, ring);
    /// assert!(store.load(&key).is_err());
    /// store.seal_plain(&key, b"token")?;
    /// assert_eq!(store.load(&key)?.unwrap().value.unwrap().as_slice(), b"token");
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    pub fn seal_plain(&self, key: &StoreKey, value: &[u8]) -> Result<(), Error> {
        let owner = Owner::of_this_process(&random::word()?);
        let fence = wait_for_lease(self.below.as_ref(), key, &owner, LEASE, PATIENCE)?;
        let sealed = self.seal_plain_leased(key, fence, value);
        // A lease that can't be released expires, or ends with the process.
        let _ = self.below.release(key, &owner, fence);
        sealed
    }

    fn seal_plain_leased(&self, key: &StoreKey, fence: u64, value: &[u8]) -> Result<(), Error> {
        let changed = || {
            let message = "the record has changed since it was inspected";
            Error::new(ErrorKind::Unavailable, message).with_hint("inspect it again")
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
        // Recording whom a token identifies changes the record without a lease.
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
            "the record kept changing while it was re-encrypted",
        )
        .with_hint("try again"))
    }

    /// Returns the decrypted record, or `None` if it has no value or is under the first key.
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
            // This rejects a record that isn't encrypted.
            _ => Ok(Some(self.opened(key, stored)?)),
        }
    }
}
