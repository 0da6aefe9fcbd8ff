//! Measures a store's latency, which is how long a new refresh token is at risk.

use std::fmt;
use std::time::{Duration, Instant};

use countersign_store::{Lease, Owner, Store, Swap};

use crate::fresh_key;

/// The latency of one kind of call.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
}

/// Measures, in this order, a change of a 3 KiB value, a load, and taking and releasing a lease.
///
/// # Panics
///
/// If the store fails.
pub fn latency(store: &dyn Store, rounds: u64) -> [Latency; 3] {
    let (key, owner) = (fresh_key(), Owner::new("somebody"));
    let value = vec![0x5a; 3 * 1024];
    let mut version = None;
    let swap = measure(rounds, || {
        match store.compare_and_swap(&key, version, None, &value) {
            Swap::Applied(now) => version = Some(now),
            other => panic!("{other:?}"),
        }
    });
    let load = measure(rounds, || {
        assert!(store.load(&key).unwrap().is_some());
    });
    let long = Duration::from_secs(60);
    let lease = measure(rounds, || match store.lease(&key, &owner, long).unwrap() {
        Lease::Granted { fence, .. } => assert!(store.release(&key, &owner, fence).unwrap()),
        busy => panic!("{busy:?}"),
    });
    [swap, load, lease]
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(f, "p50 {:.2} ms, p99 {:.2} ms", ms(self.p50), ms(self.p99))
    }
}

fn measure(rounds: u64, mut call: impl FnMut()) -> Latency {
    let mut took: Vec<_> = (0..rounds.max(1))
        .map(|_| {
            let began = Instant::now();
            call();
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)];
    Latency {
        p50: at(50),
        p99: at(99),
    }
}
