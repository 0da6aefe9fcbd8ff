//! Explores a model of the single flight with a random scheduler.
//!
//! The real code needs real threads, so this is a copy of its state machine, step by step and with
//! the same names: `Inner::start` and `Inner::publish` in `single_flight.rs`, `Gate` in `gate.rs`,
//! and `Slot` and `Pending` in `pending.rs` (`crates/core/src/client/`). A thread waits like a task
//! does: it registers a waker, and sleeps until that is woken.

use std::collections::BTreeMap;

use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::{check_random, thread};

#[derive(Default)]
struct SingleFlight {
    state: Mutex<State>,
    /// The token that callers see; not protected by the state's lock, as in the real code.
    shown: AtomicUsize,
    running: AtomicUsize,
    requests: AtomicUsize,
}

#[derive(Default)]
struct State {
    in_flight: Option<Arc<Slot>>,
}

#[derive(Default)]
struct Slot {
    gate: Mutex<Gate>,
    outcome: Mutex<Option<Result<usize, ()>>>,
}

#[derive(Default)]
struct Gate {
    is_open: bool,
    next: usize,
    wakers: BTreeMap<usize, Arc<Woken>>,
}

/// A task that sleeps until it is woken.
#[derive(Default)]
struct Woken {
    flag: Mutex<bool>,
    changed: Condvar,
}

enum Start {
    Done(usize),
    Wait(Arc<Slot>),
}

/// Bugs that the exploration must find.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// Doesn't check the token again under the lock.
    NoSecondLook,
    /// Releases the lock between checking the gate and registering the waker.
    WakerTooLate,
    /// Opens the gate before the outcome is there.
    OutcomeTooLate,
}

fn start(single_flight: &Arc<SingleFlight>, fails: bool, flaw: Flaw) -> Start {
    let shown = single_flight.shown.load(Ordering::SeqCst);
    if shown > 0 {
        return Start::Done(shown);
    }
    let mut state = single_flight.state.lock().unwrap();
    let shown = single_flight.shown.load(Ordering::SeqCst);
    if shown > 0 && flaw != Flaw::NoSecondLook {
        return Start::Done(shown);
    }
    if let Some(slot) = &state.in_flight {
        return Start::Wait(Arc::clone(slot));
    }
    let slot = Arc::new(Slot::default());
    let (single_flight, filled) = (Arc::clone(single_flight), Arc::clone(&slot));
    thread::spawn(move || refresh(&single_flight, &filled, fails, flaw));
    Start::Wait(Arc::clone(state.in_flight.insert(slot)))
}

fn refresh(single_flight: &SingleFlight, slot: &Slot, fails: bool, flaw: Flaw) {
    assert_eq!(
        single_flight.running.fetch_add(1, Ordering::SeqCst),
        0,
        "two requests at once"
    );
    let count = single_flight.requests.fetch_add(1, Ordering::SeqCst) + 1;
    let outcome = if fails && count == 1 {
        Err(())
    } else {
        Ok(count)
    };
    if let Ok(token) = outcome {
        single_flight.shown.store(token, Ordering::SeqCst);
    }
    single_flight.running.fetch_sub(1, Ordering::SeqCst);
    let mut state = single_flight.state.lock().unwrap();
    state.in_flight = None;
    drop(state);
    if flaw == Flaw::OutcomeTooLate {
        slot.open();
    }
    *slot.outcome.lock().unwrap() = Some(outcome);
    slot.open();
}

impl Slot {
    fn open(&self) {
        let mut gate = self.gate.lock().unwrap();
        gate.is_open = true;
        let wakers = std::mem::take(&mut gate.wakers);
        drop(gate);
        for waker in wakers.into_values() {
            *waker.flag.lock().unwrap() = true;
            waker.changed.notify_all();
        }
    }

    /// Registers a waker in place of the caller's last one. Returns `false` if the gate is open.
    fn register(&self, place: &mut Option<usize>, waker: &Arc<Woken>, flaw: Flaw) -> bool {
        let mut gate = self.gate.lock().unwrap();
        if gate.is_open {
            return false;
        }
        if flaw == Flaw::WakerTooLate {
            drop(gate);
            thread::yield_now();
            gate = self.gate.lock().unwrap();
        }
        let own = *place.get_or_insert(gate.next);
        gate.next = gate.next.max(own + 1);
        gate.wakers.insert(own, Arc::clone(waker));
        true
    }
}

/// Polls, sleeps until woken, and polls again.
fn obtain(single_flight: &Arc<SingleFlight>, fails: bool, flaw: Flaw) -> Result<usize, ()> {
    let slot = match start(single_flight, fails, flaw) {
        Start::Done(token) => return Ok(token),
        Start::Wait(slot) => slot,
    };
    let mut place = None;
    loop {
        let woken = Arc::new(Woken::default());
        if !slot.register(&mut place, &woken, flaw) {
            let outcome = slot.outcome.lock().unwrap();
            return outcome.expect("an open gate has an outcome");
        }
        let mut flag = woken.flag.lock().unwrap();
        while !*flag {
            flag = woken.changed.wait(flag).unwrap();
        }
    }
}

/// Waits like a future that is dropped before the request ends.
fn give_up(single_flight: &Arc<SingleFlight>, fails: bool, flaw: Flaw) {
    if let Start::Wait(slot) = start(single_flight, fails, flaw) {
        let mut place = None;
        slot.register(&mut place, &Arc::default(), flaw);
        thread::yield_now();
        let mut gate = slot.gate.lock().unwrap();
        drop(place.and_then(|own| gate.wakers.remove(&own)));
    }
}

fn explore(fails: bool, flaw: Flaw) {
    let body = move || {
        let single_flight = Arc::new(SingleFlight::default());
        let failed = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..4)
            .map(|index| {
                let (single_flight, failed) = (Arc::clone(&single_flight), Arc::clone(&failed));
                thread::spawn(move || {
                    if index == 0 {
                        return give_up(&single_flight, fails, flaw);
                    }
                    let got = obtain(&single_flight, fails, flaw);
                    failed.fetch_or(got.is_err(), Ordering::SeqCst);
                })
            })
            .collect();
        for caller in callers {
            caller.join().unwrap();
        }
        let requests = single_flight.requests.load(Ordering::SeqCst);
        // A failure goes to the callers that waited for it. Later callers send another request.
        assert!(requests <= if fails { 2 } else { 1 }, "{requests} requests");
        assert!(fails || !failed.load(Ordering::SeqCst));
    };
    check_random(body, 5_000);
}

#[test]
fn one_request_serves_all_waiting_callers() {
    explore(false, Flaw::None);
}

#[test]
fn a_failure_goes_to_the_callers_that_waited_for_it() {
    explore(true, Flaw::None);
}

#[test]
fn the_exploration_finds_inserted_bugs() {
    for flaw in [Flaw::NoSecondLook, Flaw::WakerTooLate, Flaw::OutcomeTooLate] {
        let found = std::panic::catch_unwind(|| explore(false, flaw));
        assert!(found.is_err());
    }
}
