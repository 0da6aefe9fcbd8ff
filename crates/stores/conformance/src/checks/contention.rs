//! Contention among several handles, one per simulated process, with several threads each.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use countersign_store::{Lease, Owner, Store, StoreKey, Swap};

use super::records::{load, value};
use crate::{Backend, Call, Recorder, Response, explain, fresh_key, lossy};

const HANDLES: usize = 4;
const THREADS: usize = 2;
const LONG: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn one_creates(backend: &Backend) {
    for _ in 0..10 {
        let key = fresh_key();
        let created = AtomicU64::new(0);
        everywhere(backend, |store, who, _| {
            match store.compare_and_swap(&key, None, None, &[who as u8]) {
                Swap::Applied(version) => {
                    assert_eq!(version, 1);
                    created.fetch_add(1, Ordering::SeqCst);
                }
                Swap::Conflict(Some(record)) => assert_eq!(record.version, 1),
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(created.load(Ordering::SeqCst), 1);
    }
}

pub(super) fn counters(backend: &Backend) {
    let key = fresh_key();
    const EACH: u64 = 15;
    everywhere(backend, |store, _, team| {
        for _ in 0..EACH {
            increment(store.as_ref(), &key, 0, team);
        }
    });
    let record = load(&backend.open(), &key).unwrap();
    let all = (HANDLES * THREADS) as u64 * EACH;
    assert_eq!(
        (record.version, number(value(&record).unwrap())),
        (all, all)
    );
}

/// After an unknown outcome, looks for its own attempt in the record, as a client does.
pub(super) fn counters_with_lost_responses(backend: &Backend) {
    let key = fresh_key();
    const EACH: u64 = 12;
    everywhere(backend, |store, who, team| {
        let lossy = lossy(Arc::clone(store), 3);
        for round in 0..EACH {
            increment(lossy.as_ref(), &key, (who as u64) << 32 | (round + 1), team);
        }
    });
    let record = load(&backend.open(), &key).unwrap();
    assert_eq!(
        number(value(&record).unwrap()),
        (HANDLES * THREADS) as u64 * EACH
    );
}

pub(super) fn one_holds(backend: &Backend) {
    let key = fresh_key();
    let (inside, last) = (AtomicU64::new(0), AtomicU64::new(0));
    everywhere(backend, |store, who, team| {
        let owner = Owner::new(format!("owner {who}"));
        for _ in 0..5 {
            let fence = loop {
                match store.lease(&key, &owner, LONG).unwrap() {
                    Lease::Granted { fence, .. } => break fence,
                    Lease::Busy { .. } => team.check(),
                }
            };
            let holders = inside.fetch_add(1, Ordering::SeqCst);
            assert_eq!(holders, 0, "another thread holds it, too");
            let before = last.swap(fence, Ordering::SeqCst);
            assert!(before < fence, "the fence didn't grow");
            std::thread::yield_now();
            inside.fetch_sub(1, Ordering::SeqCst);
            assert!(store.release(&key, &owner, fence).unwrap());
        }
    });
}

pub(super) fn histories(backend: &Backend) {
    for seed in 0..4_u64 {
        let key = fresh_key();
        let recorder = Recorder::default();
        everywhere(backend, |store, who, _| {
            // Every other history includes lost responses.
            let store: Arc<dyn Store> = match seed % 2 {
                0 => Arc::clone(store),
                _ => lossy(Arc::clone(store), 5),
            };
            call_at_random(&recorder, &store, &key, who, seed * 1000 + who as u64);
        });
        if let Some(why) = explain(&recorder.events()) {
            panic!("seed {seed}: {why}");
        }
    }
}

/// Makes random calls, mostly with the version and fence that it read last.
fn call_at_random(
    recorder: &Recorder,
    store: &Arc<dyn Store>,
    key: &StoreKey,
    who: usize,
    seed: u64,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    let owner = Owner::new(format!("owner {who}"));
    let (mut known, mut held, mut last) = (None, None, None);
    for step in 0..25_u64 {
        let call = match (random.u8(..10), held, known) {
            (0 | 1, None, _) => Call::Lease,
            (0, Some(fence), _) => Call::Release(fence),
            (1, Some(fence), _) => Call::Renew(fence),
            (2, _, Some(version)) => Call::Tombstone(version, last),
            (3..7, _, _) => Call::Swap(
                known,
                last.filter(|_| step % 2 == 0),
                (who as u64) << 32 | step,
            ),
            _ => Call::Load,
        };
        let response = recorder.record(store.as_ref(), key, &owner, call);
        match response {
            Response::Record(record) | Response::Conflict(record) => {
                known = record.map(|record| record.version);
            }
            Response::Applied(version) => known = Some(version),
            Response::Granted(fence) => {
                held = Some(fence);
                last = Some(fence);
            }
            Response::Done(_) if matches!(call, Call::Release(_)) => held = None,
            _ => {}
        }
    }
    if let Some(fence) = held {
        recorder.record(store.as_ref(), key, &owner, Call::Release(fence));
    }
}

/// Increments a number exactly once. The value is the number, followed by the IDs of all attempts.
fn increment(store: &dyn Store, key: &StoreKey, attempt: u64, team: &Team) {
    let mut unknown: Option<u64> = None;
    // Many more attempts than there are changes to conflict with.
    for _ in 0..10_000 {
        team.check();
        let record = store.load(key).unwrap();
        let version = record.as_ref().map(|record| record.version);
        let bytes = record.as_ref().and_then(value).unwrap_or_default().to_vec();
        if let Some(wrote) = unknown {
            let found = bytes
                .chunks_exact(8)
                .skip(1)
                .any(|id| number(id) == attempt);
            if found {
                return;
            }
            // A later version without the attempt's ID means that the attempt was not applied.
            assert!(version.unwrap_or(0) + 1 >= wrote, "the version decreased");
        }
        let mut next = (number(&bytes) + 1).to_be_bytes().to_vec();
        // Keep the IDs of all attempts, so that each can still be found later.
        next.extend(bytes.get(8..).unwrap_or_default());
        if attempt != 0 {
            next.extend(attempt.to_be_bytes());
        }
        match store.compare_and_swap(key, version, None, &next) {
            Swap::Applied(_) => return,
            Swap::Unknown(_) => unknown = Some(version.unwrap_or(0) + 1),
            Swap::Conflict(_) | Swap::Unavailable(_) => {}
            Swap::Fenced => panic!("fenced without a fence"),
        }
    }
    panic!("no attempt was applied");
}

fn number(bytes: &[u8]) -> u64 {
    bytes.get(..8).map_or(0, |bytes| {
        u64::from_be_bytes(bytes.try_into().unwrap_or_default())
    })
}

/// Shared by the threads of a check, so that the others stop when one fails.
struct Team {
    began: Instant,
    failed: AtomicBool,
}

impl Team {
    /// Panics if another thread failed or the time is up.
    fn check(&self) {
        let failed = self.failed.load(Ordering::SeqCst);
        assert!(!failed, "another thread failed");
        assert!(self.began.elapsed() < PATIENCE, "the check takes too long");
        std::thread::yield_now();
    }
}

/// Runs the work on all threads of all handles at the same time.
fn everywhere(backend: &Backend, work: impl Fn(&Arc<dyn Store>, usize, &Team) + Sync) {
    let start = Barrier::new(HANDLES * THREADS);
    let team = Team {
        began: Instant::now(),
        failed: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        for handle in 0..HANDLES {
            let store = backend.open();
            for thread in 0..THREADS {
                let (store, start, work, team) = (Arc::clone(&store), &start, &work, &team);
                scope.spawn(move || {
                    start.wait();
                    let who = handle * THREADS + thread;
                    let done = catch_unwind(AssertUnwindSafe(|| work(&store, who, team)));
                    if let Err(panic) = done {
                        team.failed.store(true, Ordering::SeqCst);
                        resume_unwind(panic);
                    }
                });
            }
        }
    });
}
