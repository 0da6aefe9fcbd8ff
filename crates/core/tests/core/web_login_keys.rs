//! The keys that seal logins of principals.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::testing::TestClient;
use countersign_core::{BegunLogin, MemoryStore, RecordSummary, Store};

use crate::support::rotated_response;
use crate::web_logins::{app, begin, bench_on, finish};

#[test]
fn the_key_for_logins_is_replaced_and_the_one_before_still_opens() {
    const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let test = bench_on(app(), [rotated_response("t1", "r1", 3600)], store.clone());
    test.clock.advance(MONTH - Duration::from_secs(60));
    let key_of = |begun: &BegunLogin| begun.saved.expose()[1..11].to_owned();
    let first = begin(&test.client, "a");
    test.clock.advance(MONTH - Duration::from_secs(60));
    let before = begin(&test.client, "a");
    assert_eq!(key_of(&first), key_of(&before));
    test.clock.advance(Duration::from_secs(120));
    let after = begin(&test.client, "a");
    assert_ne!(key_of(&before), key_of(&after));
    assert_eq!(finish(&test.client, "a", &before).unwrap(), "t1");
    // The entry is no record of a grant.
    let values = store.keys().unwrap().into_iter().map(|key| {
        let stored = store.load(&key).unwrap().unwrap();
        RecordSummary::is_metadata(&stored.value.unwrap())
    });
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    assert_eq!(values, [false, true]);
}

#[test]
fn processes_that_begin_logins_at_once_agree_on_a_key() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let tests: Vec<_> = (0..8).map(|_| bench_on(app(), [], store.clone())).collect();
    let begun: Vec<_> = std::thread::scope(|scope| {
        let begin = |test: &TestClient| begin(&test.client, "a").saved.expose()[..11].to_owned();
        let threads: Vec<_> = tests
            .iter()
            .map(|test| scope.spawn(move || begin(test)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(begun.iter().all(|key| *key == begun[0]), "{begun:?}");
}
