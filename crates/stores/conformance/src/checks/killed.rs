//! A server that is killed during writes and restarted with its data.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use countersign_store::{Store, StoreKey, Swap};

use crate::fresh_key;
use crate::servers::until;

/// How often a server is killed, and how much is written meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Kills {
    /// How often the server is killed.
    pub count: u32,
    /// How long it runs before each kill.
    pub pause: Duration,
    /// How many changes each of three writers makes.
    pub changes: u64,
}

/// Checks that no acknowledged change is lost and none is applied twice if the server is killed.
///
/// `restart` kills the server and starts it again with its data.
///
/// # Panics
///
/// If the check fails.
pub fn survives_kills(store: &Arc<dyn Store>, kills: Kills, mut restart: impl FnMut()) {
    let keys = [fresh_key(), fresh_key(), fresh_key()];
    thread::scope(|scope| {
        for key in &keys {
            scope.spawn(move || count_up(store.as_ref(), key, kills.changes));
        }
        for _ in 0..kills.count {
            until(kills.pause, || None::<()>);
            restart();
        }
    });
    for key in &keys {
        let record = store.load(key).unwrap().unwrap();
        assert_eq!(
            record.version, kills.changes,
            "a change was lost or applied twice"
        );
    }
}

/// Makes this many changes, whatever happens to the server.
fn count_up(store: &dyn Store, key: &StoreKey, times: u64) {
    let mut version = 0;
    let began = Instant::now();
    while version < times {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the changes take too long"
        );
        let expected = (version > 0).then_some(version);
        match store.compare_and_swap(key, expected, None, &version.to_be_bytes()) {
            Swap::Applied(now) => {
                assert_eq!(now, version + 1);
                version = now;
            }
            // Nobody else writes here.
            Swap::Conflict(other) => panic!("at {version}: {other:?}"),
            Swap::Unavailable(_) => {}
            Swap::Unknown(_) => {
                // Find out whether it was applied. The server may still be down.
                let record = until(Duration::from_secs(30), || store.load(key).ok()).unwrap();
                version = record.map_or(0, |record| record.version);
            }
            Swap::Fenced => panic!("fenced"),
        }
    }
}
