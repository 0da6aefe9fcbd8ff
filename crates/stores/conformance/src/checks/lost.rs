//! Responses that get lost on the network after the server has carried out the request.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use countersign_store::{Lease, Owner, Store, Swap};

use super::records::{applied, load, value};
use crate::fresh_key;
use crate::servers::{Cutter, until};

/// Checks a store whose connections go through `wire`, while the first response to each call is
/// lost.
///
/// Each change must be applied once and its outcome known, or reported as unknown if nobody can
/// know it. This requires a store that sends requests again. `other` is the same store with a direct
/// connection.
///
/// # Panics
///
/// If the check fails.
pub fn survives_lost_responses(store: &Arc<dyn Store>, other: &Arc<dyn Store>, wire: &Cutter) {
    let (key, owner) = (fresh_key(), Owner::new("somebody"));
    let lose = || {
        // Connect first, so that the lost response is the one to the call.
        assert!(store.now_ms().is_ok());
        wire.lose(1);
    };
    // Make each call once with nothing lost, so that a server knows all scripts.
    let warm = fresh_key();
    applied(store.compare_and_swap(&warm, None, None, b"w"));
    applied(store.tombstone(&warm, 1, None));
    assert!(matches!(
        once(store, &warm, &owner),
        (Lease::Granted { .. }, true)
    ));

    lose();
    assert_eq!(applied(store.compare_and_swap(&key, None, None, b"a")), 1);
    lose();
    assert_eq!(
        applied(store.compare_and_swap(&key, Some(1), None, b"b")),
        2
    );
    lose();
    let stale = store.compare_and_swap(&key, Some(1), None, b"c");
    assert!(matches!(stale, Swap::Conflict(Some(_))), "{stale:?}");
    lose();
    assert_eq!(load(store, &key).map(|record| record.version), Some(2));
    lose();
    assert_eq!(applied(store.tombstone(&key, 2, None)), 3);
    let record = load(store, &key).unwrap();
    assert_eq!(
        (record.version, value(&record)),
        (3, None),
        "each change was made once"
    );

    lose();
    let long = Duration::from_secs(60);
    let Lease::Granted { fence, .. } = store.lease(&key, &owner, long).unwrap() else {
        panic!("the owner's first attempt blocks the second");
    };
    let again = store.lease(&key, &owner, long).unwrap();
    assert!(matches!(again, Lease::Busy { .. }), "{again:?}");
    lose();
    assert!(store.renew(&key, &owner, fence, long).unwrap());
    lose();
    assert!(store.release(&key, &owner, fence).unwrap());
    lose();
    assert!(!store.release(&key, &owner, fence + 1).unwrap());
    assert!(matches!(
        once(store, &key, &owner),
        (Lease::Granted { .. }, true)
    ));
    assert_eq!(wire.left(), 0, "all responses were lost as planned");
    reports_unknown_outcomes(store, other, wire);
}

/// If others changed the record in between, nobody can know whether the change was made.
fn reports_unknown_outcomes(store: &Arc<dyn Store>, other: &Arc<dyn Store>, wire: &Cutter) {
    let key = fresh_key();
    applied(store.compare_and_swap(&key, None, None, b"v"));
    thread::scope(|scope| {
        wire.lose(40);
        let unknown = scope.spawn(|| store.compare_and_swap(&key, Some(1), None, b"mine"));
        until(Duration::from_secs(5), || {
            load(other, &key).filter(|record| record.version == 2)
        });
        applied(other.compare_and_swap(&key, Some(2), None, b"theirs"));
        wire.lose(0);
        assert!(matches!(unknown.join().unwrap(), Swap::Unknown(_)));
    });
    assert_eq!(load(other, &key).unwrap().version, 3);
}

fn once(store: &Arc<dyn Store>, key: &countersign_store::StoreKey, owner: &Owner) -> (Lease, bool) {
    let lease = store.lease(key, owner, Duration::from_secs(60)).unwrap();
    let released = match lease {
        Lease::Granted { fence, .. } => store.release(key, owner, fence).unwrap(),
        _ => false,
    };
    (lease, released)
}
