//! Explores a model of the single flight with a random scheduler.
//!
//! The real code needs real threads, so this is a copy of its state machine, step by step and with
//! the same field names: `start`, `take_off`, `Landing::drop`, `obtain` and the poll of
//! `TokenFuture` in `crates/core/src/client/single_flight.rs`.

use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::{check_random, thread};

#[derive(Default)]
struct SingleFlight {
    state: Mutex<State>,
    landed: Condvar,
    /// The token that callers see; not protected by the state's lock, as in the real code.
    shown: AtomicUsize,
    in_the_air: AtomicUsize,
    requests: AtomicUsize,
}

#[derive(Default)]
struct State {
    flying: bool,
    landings: u64,
    outcome: Option<Result<usize, ()>>,
    wakers: Vec<Arc<Woken>>,
}

/// A task that sleeps until it is woken.
#[derive(Default)]
struct Woken {
    flag: Mutex<bool>,
    changed: Condvar,
}

enum Start {
    Done(usize),
    Wait(u64),
}

/// Bugs that the exploration must find.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// Doesn't check the token again under the lock.
    NoSecondLook,
    /// Releases the lock between checking the landings and registering the waker.
    WakerTooLate,
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
    let landings = state.landings;
    if !state.flying {
        let single_flight = Arc::clone(single_flight);
        thread::spawn(move || fly(&single_flight, fails));
        state.flying = true;
    }
    Start::Wait(landings)
}

fn fly(single_flight: &SingleFlight, fails: bool) {
    assert_eq!(
        single_flight.in_the_air.fetch_add(1, Ordering::SeqCst),
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
    single_flight.in_the_air.fetch_sub(1, Ordering::SeqCst);
    let mut state = single_flight.state.lock().unwrap();
    state.outcome = Some(outcome);
    state.flying = false;
    state.landings += 1;
    let wakers = std::mem::take(&mut state.wakers);
    drop(state);
    single_flight.landed.notify_all();
    for waker in wakers {
        *waker.flag.lock().unwrap() = true;
        waker.changed.notify_all();
    }
}

fn obtain(single_flight: &Arc<SingleFlight>, fails: bool, flaw: Flaw) -> Result<usize, ()> {
    let landings = match start(single_flight, fails, flaw) {
        Start::Done(token) => return Ok(token),
        Start::Wait(landings) => landings,
    };
    let mut state = single_flight.state.lock().unwrap();
    while state.landings == landings {
        state = single_flight.landed.wait(state).unwrap();
    }
    state.outcome.expect("a completed flight has an outcome")
}

/// Runs a task: polls, sleeps until woken, polls again.
fn obtain_async(single_flight: &Arc<SingleFlight>, fails: bool, flaw: Flaw) -> Result<usize, ()> {
    let landings = match start(single_flight, fails, flaw) {
        Start::Done(token) => return Ok(token),
        Start::Wait(landings) => landings,
    };
    loop {
        let woken = Arc::new(Woken::default());
        let mut state = single_flight.state.lock().unwrap();
        if state.landings != landings {
            return state.outcome.expect("a completed flight has an outcome");
        }
        if flaw == Flaw::WakerTooLate {
            drop(state);
            thread::yield_now();
            state = single_flight.state.lock().unwrap();
        }
        state.wakers.push(Arc::clone(&woken));
        drop(state);
        let mut flag = woken.flag.lock().unwrap();
        while !*flag {
            flag = woken.changed.wait(flag).unwrap();
        }
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
                    let got = match index % 2 {
                        0 => obtain(&single_flight, fails, flaw),
                        _ => obtain_async(&single_flight, fails, flaw),
                    };
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
    for flaw in [Flaw::NoSecondLook, Flaw::WakerTooLate] {
        let found = std::panic::catch_unwind(|| explore(false, flaw));
        assert!(found.is_err());
    }
}
