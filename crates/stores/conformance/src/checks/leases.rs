//! Leases: exclusive, fenced, and ended by the end of their holder.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_store::{Lease, LeaseKind, Owner, Store, StoreKey, Swap};

use super::records::{applied, lease_and_release, load};
use crate::{Backend, fresh_key};

const LONG: Duration = Duration::from_secs(60);

pub(super) fn exclusive(backend: &Backend) {
    let (one, other, key) = (backend.open(), backend.open(), fresh_key());
    let (a, b) = (Owner::new("a"), Owner::new("b"));
    let fence = granted(&one, &key, &a);
    for (store, owner) in [(&other, &b), (&one, &b), (&other, &a), (&one, &a)] {
        match store.lease(&key, owner, LONG).unwrap() {
            Lease::Busy { retry_in } => assert!(retry_in <= LONG && !retry_in.is_zero()),
            granted => panic!("granted twice, the second time to {owner:?}: {granted:?}"),
        }
    }
    granted(&other, &fresh_key(), &b);
    assert!(one.release(&key, &a, fence).unwrap());
    granted(&other, &key, &b);
}

pub(super) fn not_a_record(backend: &Backend) {
    let (store, key) = (backend.open(), fresh_key());
    let owner = Owner::new("a");
    let fence = granted(&store, &key, &owner);
    assert!(load(&store, &key).is_none());
    // The lease blocks no writes by others.
    assert_eq!(
        applied(store.compare_and_swap(&key, None, None, b"note")),
        1
    );
    assert_eq!(load(&store, &key).unwrap().fence, 0);
    assert_eq!(
        applied(store.compare_and_swap(&key, Some(1), Some(fence), b"mine")),
        2
    );
    assert!(store.release(&key, &owner, fence).unwrap());
    assert_eq!(
        load(&store, &key).unwrap().version,
        2,
        "a release is not a change"
    );
}

pub(super) fn fences_grow(backend: &Backend) {
    let key = fresh_key();
    let mut last = 0;
    let mut version = None;
    for round in 0..30 {
        let store = backend.open();
        let fence = lease_and_release(&store, &key);
        assert!(fence > last, "round {round}: {fence} after {last}");
        last = fence;
        version = Some(applied(match (round % 3, version) {
            (2, Some(version)) => store.tombstone(&key, version, Some(fence)),
            _ => store.compare_and_swap(&key, version, Some(fence), b"v"),
        }));
    }
}

/// A record may have a newer fence than all leases the store knows, if those were lost, or the
/// record was restored or imported.
pub(super) fn fences_exceed_the_records(backend: &Backend) {
    let (store, key) = (backend.open(), fresh_key());
    let owner = Owner::new("a");
    let first = granted(&store, &key, &owner);
    assert!(store.release(&key, &owner, first).unwrap());
    let ahead = first + 1_000_000_000_000;
    applied(store.compare_and_swap(&key, None, Some(ahead), b"restored"));
    let fence = granted(&store, &key, &owner);
    assert!(fence > ahead, "{fence} after {ahead}");
    applied(store.compare_and_swap(&key, Some(1), Some(fence), b"refreshed"));
    applied(store.tombstone(&key, 2, Some(fence)));
    assert!(store.release(&key, &owner, fence).unwrap());
}

pub(super) fn names_its_holder(backend: &Backend) {
    let (one, other, key) = (backend.open(), backend.open(), fresh_key());
    let owner = Owner::of_this_process("holder");
    assert_eq!(other.holder(&key).unwrap(), None);
    let fence = granted(&one, &key, &owner);
    let holder = other.holder(&key).unwrap();
    assert_eq!(holder.is_some(), backend.names_holders);
    if let Some(holder) = holder {
        assert_eq!(holder.owner, owner);
        // A store may not know since when.
        if let Some(since_ms) = holder.since_ms {
            let held_ms = other.now_ms().unwrap() - since_ms;
            assert!((-1000..600_000).contains(&held_ms), "for {held_ms} ms");
        }
    }
    assert!(one.release(&key, &owner, fence).unwrap());
    assert_eq!(other.holder(&key).unwrap(), None);
}

pub(super) fn only_the_owner(backend: &Backend) {
    let (one, other, key) = (backend.open(), backend.open(), fresh_key());
    let (a, b) = (Owner::new("a"), Owner::new("b"));
    let fence = granted(&one, &key, &a);
    for (owner, fence) in [(&b, fence), (&a, fence + 1), (&a, fence - 1)] {
        assert!(!other.renew(&key, owner, fence, LONG).unwrap());
        assert!(!other.release(&key, owner, fence).unwrap());
    }
    assert!(
        one.renew(&key, &a, fence, LONG).unwrap(),
        "other owners had no effect on it"
    );
    assert!(busy(&other, &key, &b));
    assert!(one.release(&key, &a, fence).unwrap());
    assert!(!one.release(&key, &a, fence).unwrap(), "released twice");
    assert!(
        !one.renew(&key, &a, fence, LONG).unwrap(),
        "renewed after its release"
    );
    let newer = granted(&other, &key, &b);
    assert!(!one.release(&key, &a, fence).unwrap());
    assert!(
        !one.release(&key, &b, fence).unwrap(),
        "released with an old fence"
    );
    assert!(other.renew(&key, &b, newer, LONG).unwrap());
    assert!(
        !one.renew(&fresh_key(), &a, 1, LONG).unwrap(),
        "there is no such lease"
    );
}

/// A handle that is dropped without releasing its lease stands for a process that was killed.
pub(super) fn ends_with_its_holder(backend: &Backend) {
    if !backend.independent {
        return;
    }
    let (store, key) = (backend.open(), fresh_key());
    let short = Duration::from_millis(300);
    let dead = backend.open();
    let Lease::Granted { fence, .. } = dead.lease(&key, &Owner::new("dead"), short).unwrap() else {
        panic!("busy");
    };
    drop(dead);
    let patience = match store.capabilities().lease {
        LeaseKind::Timed => Duration::from_secs(10),
        _ => Duration::ZERO,
    };
    let next = wait_for(&store, &key, &Owner::new("next"), patience);
    assert!(next > fence, "{next} after {fence}");
    assert!(!store.release(&key, &Owner::new("dead"), fence).unwrap());
}

pub(super) fn expires(backend: &Backend) {
    let (one, other, key) = (backend.open(), backend.open(), fresh_key());
    if one.capabilities().lease != LeaseKind::Timed {
        return;
    }
    let (a, b) = (Owner::new("a"), Owner::new("b"));
    let short = Duration::from_millis(250);
    let asked = Instant::now();
    let Lease::Granted { fence, valid_for } = one.lease(&key, &a, short).unwrap() else {
        panic!("busy");
    };
    assert!(
        valid_for.is_some_and(|valid| valid <= short),
        "{valid_for:?}"
    );
    let next = wait_for(&other, &key, &b, Duration::from_secs(10));
    // Measured from before the lease began until after it ended, so it can't be shorter.
    assert!(
        asked.elapsed() >= short,
        "it expired after {:?}",
        asked.elapsed()
    );
    assert!(next > fence);
    assert!(
        !one.renew(&key, &a, fence, LONG).unwrap(),
        "renewed after it was lost"
    );
    assert!(!one.release(&key, &a, fence).unwrap());
    assert!(
        busy(&one, &key, &a),
        "the late holder disturbed the new one"
    );
    applied(other.compare_and_swap(&key, None, Some(next), b"new"));
    let late = one.compare_and_swap(&key, Some(1), Some(fence), b"late");
    assert!(matches!(late, Swap::Fenced), "{late:?}");

    // A renewed lease lasts from then. An expired one can't be renewed even if nobody holds it.
    let brief = Duration::from_millis(1);
    assert!(other.renew(&key, &b, next, brief).unwrap());
    let over = other.now_ms().unwrap() + 2;
    while other.now_ms().unwrap() < over {
        std::thread::yield_now();
    }
    assert!(!other.renew(&key, &b, next, brief).unwrap());
    assert!(!other.release(&key, &b, next).unwrap());
    granted(&one, &key, &a);
}

/// A store that counts whole milliseconds must not end a lease a part of one early.
pub(super) fn lasts_as_long_as_granted(backend: &Backend) {
    let (one, other) = (backend.open(), backend.open());
    if one.capabilities().lease != LeaseKind::Timed {
        return;
    }
    let (a, b) = (Owner::new("a"), Owner::new("b"));
    for _ in 0..40 {
        let (key, asked) = (fresh_key(), Instant::now());
        let granted = one.lease(&key, &a, Duration::from_millis(5)).unwrap();
        let Lease::Granted { fence, valid_for } = granted else {
            panic!("busy");
        };
        let valid_for = valid_for.unwrap_or_default();
        assert!(wait_for(&other, &key, &b, Duration::from_secs(10)) > fence);
        // Measured from before the lease began until after it ended.
        let lasted = asked.elapsed();
        assert!(lasted >= valid_for, "{lasted:?} instead of {valid_for:?}");
    }
}

pub(super) fn clock(backend: &Backend) {
    let (one, other) = (backend.open(), backend.open());
    let mut last = one.now_ms().unwrap();
    assert!(last > 1_700_000_000_000, "milliseconds since 1970: {last}");
    for round in 0..50 {
        let store = if round % 2 == 0 { &one } else { &other };
        let now = store.now_ms().unwrap();
        assert!(now >= last, "{now} after {last}");
        last = now;
    }
}

fn granted(store: &Arc<dyn Store>, key: &StoreKey, owner: &Owner) -> u64 {
    match store.lease(key, owner, LONG).unwrap() {
        Lease::Granted { fence, .. } => fence,
        busy => panic!("{busy:?}"),
    }
}

fn busy(store: &Arc<dyn Store>, key: &StoreKey, owner: &Owner) -> bool {
    matches!(store.lease(key, owner, LONG).unwrap(), Lease::Busy { .. })
}

/// Takes the lease, retrying until it is free or the time is up.
fn wait_for(store: &Arc<dyn Store>, key: &StoreKey, owner: &Owner, patience: Duration) -> u64 {
    let began = Instant::now();
    loop {
        match store.lease(key, owner, LONG).unwrap() {
            Lease::Granted { fence, .. } => return fence,
            Lease::Busy { .. } => assert!(began.elapsed() <= patience, "never granted"),
        }
        std::thread::yield_now();
    }
}
