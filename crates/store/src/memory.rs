//! A store in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::record::admit;
use crate::store::machine_ms;
use crate::{
    Capabilities, Durability, Error, Holder, Lease, LeaseKind, Owner, Store, StoreKey, Stored, Swap,
};

/// Keeps records in this process's memory, wiped when dropped.
///
/// # Example
///
/// ```
/// use countersign_store::{MemoryStore, Store, StoreKey, Swap};
///
/// let store = MemoryStore::new();
/// let key = StoreKey::of(["mine"]);
/// assert!(matches!(store.compare_and_swap(&key, None, None, b"a"), Swap::Applied(1)));
/// assert!(matches!(store.compare_and_swap(&key, None, None, b"b"), Swap::Conflict(_)));
/// # Ok::<(), countersign_store::Error>(())
/// ```
#[derive(Default)]
pub struct MemoryStore(Mutex<HashMap<StoreKey, Slot>>);

#[derive(Default)]
struct Slot {
    record: Option<Stored>,
    fence: u64,
    holder: Option<Holder>,
}

impl Slot {
    fn is_held_by(&self, owner: &Owner, fence: u64) -> bool {
        let holder = self.holder.as_ref();
        holder.is_some_and(|holder| holder.owner == *owner) && self.fence == fence
    }
}

impl MemoryStore {
    /// Creates an empty store.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{MemoryStore, Store, StoreKey};
    ///
    /// let store = MemoryStore::new();
    /// assert!(store.load(&StoreKey::of(["mine"]))?.is_none());
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<StoreKey, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: Option<&[u8]>,
    ) -> Swap {
        let mut slots = self.slots();
        let slot = slots.entry(*key).or_default();
        let (version, fence) = match admit(slot.record.as_ref(), expected, fence) {
            Ok(admitted) => admitted,
            Err(swap) => return swap,
        };
        slot.record = Some(Stored {
            version,
            fence,
            value: value.map(|value| Zeroizing::new(value.to_vec())),
        });
        Swap::Applied(version)
    }
}

impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: Durability::Ephemeral,
            lease: LeaseKind::KernelOwned,
            shared: false,
        }
    }

    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        Ok(self.slots().get(key).and_then(|slot| slot.record.clone()))
    }

    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap {
        self.write(key, expected, fence, Some(value))
    }

    fn tombstone(&self, key: &StoreKey, expected: u64, fence: Option<u64>) -> Swap {
        self.write(key, Some(expected), fence, None)
    }

    fn lease(&self, key: &StoreKey, owner: &Owner, _ttl: Duration) -> Result<Lease, Error> {
        let mut slots = self.slots();
        let slot = slots.entry(*key).or_default();
        if slot.holder.is_some() {
            return Ok(Lease::Busy {
                retry_in: Duration::from_millis(5),
            });
        }
        slot.holder = Some(Holder::new(owner.clone(), Some(machine_ms())));
        let seen = slot.record.as_ref().map_or(0, |record| record.fence);
        slot.fence = slot.fence.max(seen) + 1;
        Ok(Lease::Granted {
            fence: slot.fence,
            valid_for: None,
        })
    }

    fn renew(
        &self,
        key: &StoreKey,
        owner: &Owner,
        fence: u64,
        _ttl: Duration,
    ) -> Result<bool, Error> {
        let slots = self.slots();
        Ok(slots
            .get(key)
            .is_some_and(|slot| slot.is_held_by(owner, fence)))
    }

    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, Error> {
        let mut slots = self.slots();
        let slot = slots.entry(*key).or_default();
        let holds = slot.is_held_by(owner, fence);
        if holds {
            slot.holder = None;
        }
        Ok(holds)
    }

    fn holder(&self, key: &StoreKey) -> Result<Option<Holder>, Error> {
        let slots = self.slots();
        Ok(slots.get(key).and_then(|slot| slot.holder.clone()))
    }

    fn keys(&self) -> Result<Vec<StoreKey>, Error> {
        let slots = self.slots();
        let with_value = slots.iter().filter(|(_, slot)| {
            slot.record
                .as_ref()
                .is_some_and(|record| record.value.is_some())
        });
        let mut keys: Vec<_> = with_value.map(|(key, _)| *key).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    fn now_ms(&self) -> Result<i64, Error> {
        Ok(machine_ms())
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore")
            .field("records", &self.slots().len())
            .finish()
    }
}
