//! Records: versions, conflicts, fences, values.

use std::sync::Arc;

use countersign_store::{Lease, Owner, Store, StoreKey, Stored, Swap};

use crate::{Backend, fresh_key};

pub(super) fn absent(backend: &Backend) {
    let (store, key) = (backend.open(), fresh_key());
    assert!(load(&store, &key).is_none());
    assert!(matches!(
        store.tombstone(&key, 1, None),
        Swap::Conflict(None)
    ));
    assert!(matches!(
        store.compare_and_swap(&key, Some(1), None, b"a"),
        Swap::Conflict(None)
    ));
    assert!(matches!(
        store.compare_and_swap(&key, Some(0), None, b"a"),
        Swap::Conflict(None)
    ));
    assert!(
        load(&store, &key).is_none(),
        "a rejected change left something"
    );
}

pub(super) fn versions(backend: &Backend) {
    let (store, key) = (backend.open(), fresh_key());
    assert_eq!(applied(store.compare_and_swap(&key, None, None, b"a")), 1);
    assert_eq!(
        applied(store.compare_and_swap(&key, Some(1), None, b"b")),
        2
    );
    // Writing the same value again is a change, too.
    assert_eq!(
        applied(store.compare_and_swap(&key, Some(2), None, b"b")),
        3
    );
    let record = load(&store, &key).unwrap();
    assert_eq!((record.version, value(&record)), (3, Some(&b"b"[..])));
}

pub(super) fn conflicts(backend: &Backend) {
    let (store, key) = (backend.open(), fresh_key());
    applied(store.compare_and_swap(&key, None, None, b"a"));
    applied(store.compare_and_swap(&key, Some(1), None, b"b"));
    for stale in [None, Some(0), Some(1), Some(3)] {
        let record = conflict(store.compare_and_swap(&key, stale, None, b"c")).unwrap();
        assert_eq!(
            (record.version, value(&record)),
            (2, Some(&b"b"[..])),
            "{stale:?}"
        );
    }
    let record = conflict(store.tombstone(&key, 1, None)).unwrap();
    assert_eq!(record.version, 2);
    assert_eq!(value(&load(&store, &key).unwrap()), Some(&b"b"[..]));
}

pub(super) fn seen_by_others(backend: &Backend) {
    let (one, other, key) = (backend.open(), backend.open(), fresh_key());
    for round in 0..20_u64 {
        let bytes = round.to_be_bytes();
        applied(one.compare_and_swap(&key, (round > 0).then_some(round), None, &bytes));
        let record = load(&other, &key).unwrap();
        assert_eq!(
            (record.version, value(&record)),
            (round + 1, Some(&bytes[..]))
        );
    }
}

pub(super) fn tombstones(backend: &Backend) {
    let (store, key) = (backend.open(), fresh_key());
    applied(store.compare_and_swap(&key, None, None, b"a"));
    assert_eq!(applied(store.tombstone(&key, 1, None)), 2);
    let record = load(&store, &key).unwrap();
    assert_eq!((record.version, value(&record)), (2, None));
    // A late writer of the old value, and one that expects no record.
    for late in [Some(1), None] {
        let record = conflict(store.compare_and_swap(&key, late, None, b"late")).unwrap();
        assert_eq!((record.version, value(&record)), (2, None));
    }
    assert_eq!(
        applied(store.tombstone(&key, 2, None)),
        3,
        "a second tombstone"
    );
    assert_eq!(
        applied(store.compare_and_swap(&key, Some(3), None, b"again")),
        4
    );
    assert_eq!(value(&load(&store, &key).unwrap()), Some(&b"again"[..]));
}

pub(super) fn fences(backend: &Backend) {
    let (store, key) = (backend.open(), fresh_key());
    let (old, new) = (
        lease_and_release(&store, &key),
        lease_and_release(&store, &key),
    );
    assert!(new > old);
    applied(store.compare_and_swap(&key, None, Some(old), b"old"));
    assert_eq!(load(&store, &key).unwrap().fence, old);
    applied(store.compare_and_swap(&key, Some(1), Some(new), b"new"));
    // The same holder may write twice.
    applied(store.compare_and_swap(&key, Some(2), Some(new), b"newer"));
    assert!(matches!(
        store.compare_and_swap(&key, Some(3), Some(old), b"late"),
        Swap::Fenced
    ));
    assert!(matches!(store.tombstone(&key, 3, Some(old)), Swap::Fenced));
    // A change that is both stale and fenced conflicts: the caller must read again anyway.
    assert!(conflict(store.compare_and_swap(&key, Some(2), Some(old), b"late")).is_some());
    applied(store.compare_and_swap(&key, Some(3), None, b"a note"));
    let record = load(&store, &key).unwrap();
    assert_eq!(
        (record.version, record.fence, value(&record)),
        (4, new, Some(&b"a note"[..]))
    );
    applied(store.tombstone(&key, 4, Some(new)));
    assert_eq!(
        load(&store, &key).unwrap().fence,
        new,
        "the fence outlives the value"
    );
    assert!(matches!(
        store.compare_and_swap(&key, Some(5), Some(old), b"late"),
        Swap::Fenced
    ));
}

pub(super) fn opaque(backend: &Backend) {
    let (store, key) = (backend.open(), fresh_key());
    let every_byte: Vec<u8> = (0..=255).collect();
    let largest: Vec<u8> = (0..64 * 1024_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let values: [&[u8]; 6] = [
        b"",
        b"\0",
        b"\r\n$-1\r\n",
        "\u{fffd}é'\"\\;--".as_bytes(),
        &every_byte,
        &largest,
    ];
    let mut version = None;
    for bytes in values {
        version = Some(applied(store.compare_and_swap(&key, version, None, bytes)));
        let record = load(&store, &key).unwrap();
        assert!(
            value(&record) == Some(bytes),
            "{} bytes came back changed",
            bytes.len()
        );
    }
}

pub(super) fn independent(backend: &Backend) {
    let store = backend.open();
    let keys: Vec<_> = (0..20).map(|_| fresh_key()).collect();
    for (index, key) in keys.iter().enumerate() {
        applied(store.compare_and_swap(key, None, None, index.to_string().as_bytes()));
    }
    applied(store.tombstone(&keys[3], 1, None));
    for (index, key) in keys.iter().enumerate().filter(|(index, _)| *index != 3) {
        let record = load(&store, key).unwrap();
        assert_eq!(
            (record.version, value(&record)),
            (1, Some(index.to_string().as_bytes()))
        );
    }
}

pub(super) fn keys(backend: &Backend) {
    let store = backend.open();
    let mut made: Vec<_> = (0..5).map(|_| fresh_key()).collect();
    for key in &made {
        applied(store.compare_and_swap(key, None, None, b"a"));
    }
    let removed = made.pop().unwrap();
    applied(store.tombstone(&removed, 1, None));
    let only_leased = fresh_key();
    lease_and_release(&store, &only_leased);
    let listed = store.keys().unwrap();
    assert!(
        listed.windows(2).all(|pair| pair[0] < pair[1]),
        "sorted, without duplicates"
    );
    assert!(made.iter().all(|key| listed.contains(key)));
    assert!(!listed.contains(&removed) && !listed.contains(&only_leased));
}

pub(super) fn lease_and_release(store: &Arc<dyn Store>, key: &StoreKey) -> u64 {
    let owner = Owner::new("somebody");
    match store
        .lease(key, &owner, std::time::Duration::from_secs(30))
        .unwrap()
    {
        Lease::Granted { fence, .. } => {
            assert!(store.release(key, &owner, fence).unwrap());
            fence
        }
        busy => panic!("{busy:?}"),
    }
}

pub(super) fn load(store: &Arc<dyn Store>, key: &StoreKey) -> Option<Stored> {
    store.load(key).unwrap()
}

pub(super) fn value(record: &Stored) -> Option<&[u8]> {
    record.value.as_ref().map(|value| value.as_slice())
}

pub(super) fn applied(swap: Swap) -> u64 {
    match swap {
        Swap::Applied(version) => version,
        other => panic!("not applied: {other:?}"),
    }
}

fn conflict(swap: Swap) -> Option<Stored> {
    match swap {
        Swap::Conflict(record) => record,
        other => panic!("not a conflict: {other:?}"),
    }
}
