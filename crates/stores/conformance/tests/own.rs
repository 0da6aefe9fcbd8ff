//! The suite passes for the stores of countersign-store, and fails for faulty stores.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_store::{
    Error, FileStore, Lease, MemoryStore, Owner, Store, StoreKey, Stored, Swap, forward_store,
};
use countersign_store_conformance::{Backend, CHECKS, run};

#[test]
fn the_memory_store_passes() {
    let store = Arc::new(MemoryStore::new());
    run(&Backend::of_one_process(move || store.clone()));
}

#[test]
fn the_file_store_passes() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("tokens");
    let open = move || Arc::new(FileStore::open(&folder).unwrap()) as Arc<dyn Store>;
    run(&Backend::new(open));
}

#[test]
fn a_store_may_not_know_its_holders() {
    let store = Arc::new(Anonymous(MemoryStore::new()));
    run(&Backend::of_one_process(move || store.clone()).without_holders());
}

/// A store that doesn't know who holds a lease.
#[derive(Debug)]
struct Anonymous(MemoryStore);

impl Store for Anonymous {
    forward_store!(self => self.0; capabilities, load, compare_and_swap, tombstone, lease, renew, release, keys, now_ms);
}

/// At least one check must fail for each of these faults.
#[test]
fn faulty_stores_fail() {
    let faults = [
        Fault::BlindWrites,
        Fault::StaleReads,
        Fault::TwoHolders,
        Fault::FencesRepeat,
        Fault::AnyoneReleases,
        Fault::FencesIgnored,
        Fault::TombstonesVanish,
        Fault::AppliedButConflict,
    ];
    for fault in faults {
        let memory = Arc::new(MemoryStore::new());
        let store = Arc::new(Faulty {
            memory,
            fault,
            calls: AtomicU64::new(0),
        });
        let backend = Backend::of_one_process(move || store.clone());
        let failed =
            |check: fn(&Backend)| catch_unwind(AssertUnwindSafe(|| check(&backend))).is_err();
        let found: Vec<_> = CHECKS.iter().filter(|(_, check)| failed(*check)).collect();
        assert!(!found.is_empty(), "no check failed for {fault:?}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    BlindWrites,
    StaleReads,
    TwoHolders,
    FencesRepeat,
    AnyoneReleases,
    FencesIgnored,
    TombstonesVanish,
    AppliedButConflict,
}

#[derive(Debug)]
struct Faulty {
    memory: Arc<MemoryStore>,
    fault: Fault,
    calls: AtomicU64,
}

impl Faulty {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

impl Store for Faulty {
    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        let stored = self.memory.load(key)?;
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if self.is(Fault::StaleReads) && call % 7 == 3 {
            return Ok(None);
        }
        let tombstone = stored.as_ref().is_some_and(|record| record.value.is_none());
        Ok(stored.filter(|_| !(tombstone && self.is(Fault::TombstonesVanish))))
    }

    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap {
        let fence = fence.filter(|_| !self.is(Fault::FencesIgnored));
        let swap = self.memory.compare_and_swap(key, expected, fence, value);
        match swap {
            Swap::Conflict(Some(now)) if self.is(Fault::BlindWrites) => self
                .memory
                .compare_and_swap(key, Some(now.version), fence, value),
            Swap::Applied(_) if self.is(Fault::AppliedButConflict) => {
                Swap::Conflict(self.memory.load(key).unwrap())
            }
            swap => swap,
        }
    }

    fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<Lease, Error> {
        let lease = self.memory.lease(key, owner, ttl)?;
        Ok(match lease {
            Lease::Busy { .. } if self.is(Fault::TwoHolders) => Lease::Granted {
                fence: 1_000_000 + self.calls.fetch_add(1, Ordering::SeqCst),
                valid_for: None,
            },
            Lease::Granted { valid_for, .. } if self.is(Fault::FencesRepeat) => Lease::Granted {
                fence: 1,
                valid_for,
            },
            lease => lease,
        })
    }

    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, Error> {
        let released = self.memory.release(key, owner, fence)?;
        Ok(released || self.is(Fault::AnyoneReleases))
    }

    forward_store!(self => self.memory; capabilities, tombstone, renew, keys, holder, now_ms);
}
