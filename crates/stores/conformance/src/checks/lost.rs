//! Answers that the wire loses, after the server has done what it was asked.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use countersign_store::{Lease, Owner, Store, Swap};

use super::records::{applied, load, value};
use crate::fresh_key;
use crate::servers::{Cutter, until};

/// Checks that a store whose connections go through this wire does each thing once, and says how
/// it went, although every answer is lost the first time; and that it says so where nobody can
/// know any more. It needs a store that asks again. `other` is the same by a wire that loses nothing.
///
/// # Panics
///
/// Where it does not hold.
pub fn survives_lost_answers(store: &Arc<dyn Store>, other: &Arc<dyn Store>, wire: &Cutter) {
    let (key, owner) = (fresh_key(), Owner::new("somebody"));
    let lose = || {
        // A connection that is there, so that it is the answer to the call that gets lost.
        assert!(store.now_ms().is_ok());
        wire.lose(1);
    };
    // Once with nothing lost, for what a server learns the first time it is asked.
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
        panic!("its own first attempt is in its way");
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
    assert_eq!(wire.left(), 0, "every cut was made");
    says_what_is_doubtful(store, other, wire);
}

/// Changed by others in between, nobody can say any more whether the change was made.
fn says_what_is_doubtful(store: &Arc<dyn Store>, other: &Arc<dyn Store>, wire: &Cutter) {
    let key = fresh_key();
    applied(store.compare_and_swap(&key, None, None, b"v"));
    thread::scope(|scope| {
        wire.lose(40);
        let doubtful = scope.spawn(|| store.compare_and_swap(&key, Some(1), None, b"mine"));
        until(Duration::from_secs(5), || {
            load(other, &key).filter(|record| record.version == 2)
        });
        applied(other.compare_and_swap(&key, Some(2), None, b"theirs"));
        wire.lose(0);
        assert!(matches!(doubtful.join().unwrap(), Swap::Unknown(_)));
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
