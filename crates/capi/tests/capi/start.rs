//! Calls that return at once and call back with the result.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};

use countersign_capi::*;
use countersign_sandbox::Sandbox;

use crate::program::{Client, Config, Token, call, owned, sandbox};

/// What `done` was called with.
#[derive(Default)]
struct Calls {
    ended: Mutex<Vec<(csign_status, Option<String>, ThreadId)>>,
    changed: Condvar,
}

impl Calls {
    fn user_data(&self) -> *mut c_void {
        (&raw const *self).cast_mut().cast()
    }

    /// Waits until this many calls have ended, and returns how they did.
    fn wait(&self, count: usize) -> Vec<(csign_status, Option<String>, ThreadId)> {
        let ended = self.ended.lock().unwrap();
        let ended = self
            .changed
            .wait_while(ended, |ended| ended.len() < count)
            .unwrap();
        ended.clone()
    }
}

unsafe extern "C" fn done(calls: *mut c_void, result: *mut csign_result) {
    // SAFETY: it outlives its calls; the result is live and freed once.
    let (calls, status, token) = unsafe {
        let status = csign_result_status(result);
        let token = csign_result_token(result);
        let token = owned(csign_token_value(token, ptr::null_mut()));
        csign_result_free(result);
        (&*calls.cast::<Calls>(), status, token)
    };
    let mut ended = calls.ended.lock().unwrap();
    ended.push((status, token, thread::current().id()));
    calls.changed.notify_all();
}

type Start = unsafe extern "C" fn(
    *const csign_client,
    *const csign_call_options,
    csign_done_fn,
    *mut c_void,
    *mut *mut csign_error,
) -> csign_status;

fn start(start: Start, client: &Client, options: &csign_call_options, calls: &Calls) {
    // SAFETY: live, and the calls outlive the call.
    call(|error| unsafe { start(client.0, options, Some(done), calls.user_data(), error) })
        .unwrap();
}

fn defaults() -> csign_call_options {
    csign_call_options {
        size: size_of::<csign_call_options>(),
        min_valid_ms: 0,
        timeout_ms: 0,
        cancel: ptr::null(),
    }
}

#[test]
fn each_start_calls_back_once_on_another_thread() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-cc").client().unwrap();
    let starts: [Start; 7] = [
        csign_client_token_start,
        csign_client_refresh_start,
        csign_client_identity_start,
        csign_client_events_start,
        csign_client_refresh_token_expires_at_start,
        csign_client_forget_start,
        csign_client_force_forget_start,
    ];
    for (index, each) in starts.into_iter().enumerate() {
        let calls = Calls::default();
        start(each, &client, &defaults(), &calls);
        let ended = calls.wait(1);
        let (status, token, thread) = &ended[0];
        assert_eq!(*status, csign_status::OK, "{index}");
        assert_eq!(token.is_some(), index < 2, "{index}");
        assert_ne!(*thread, thread::current().id());
        assert_eq!(calls.ended.lock().unwrap().len(), 1);
    }
}

/// A listener that hangs while the gate is shut, and so does the request.
#[derive(Default)]
struct Gate {
    is_shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn shut(&self, shut: bool) {
        *self.is_shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }
}

unsafe extern "C" fn hang(gate: *mut c_void, _: csign_change, _: *const csign_token) {
    // SAFETY: it is never freed.
    let gate = unsafe { &*gate.cast::<Gate>() };
    let shut = gate.is_shut.lock().unwrap();
    drop(gate.opened.wait_while(shut, |shut| *shut).unwrap());
}

fn hanging_client(sandbox: &Sandbox) -> (Client, &'static Gate) {
    // Never freed, because nothing says when the last thread has returned from a callback.
    let gate: &'static Gate = Box::leak(Box::default());
    let config = Config::load(sandbox, "boldsign-cc");
    let data = (&raw const *gate).cast_mut().cast();
    // SAFETY: live, and the callback fits its data.
    call(|e| unsafe { csign_config_set_listener(config.0, Some(hang), data, None, e) }).unwrap();
    (config.client().unwrap(), gate)
}

#[test]
fn a_freed_client_still_calls_back() {
    let sandbox = sandbox();
    let (client, gate) = hanging_client(&sandbox);
    let calls = Calls::default();
    gate.shut(true);
    start(csign_client_refresh_start, &client, &defaults(), &calls);
    drop(client);
    gate.shut(false);
    let ended = calls.wait(1);
    assert_eq!(ended[0].0, csign_status::OK);
    assert!(ended[0].1.is_some());
}

#[test]
fn ten_thousand_calls_of_one_request_are_cancelled_at_once() {
    const COUNT: usize = 10_000;
    let sandbox = sandbox();
    let (client, gate) = hanging_client(&sandbox);
    let (calls, first) = (Calls::default(), Calls::default());
    let mut cancel = ptr::null_mut();
    // SAFETY: the place is valid for writes.
    call(|error| unsafe { csign_cancel_new(&mut cancel, error) }).unwrap();
    let mut options = defaults();
    gate.shut(true);
    start(csign_client_refresh_start, &client, &options, &first);
    options.cancel = cancel;
    for _ in 0..COUNT {
        start(csign_client_refresh_start, &client, &options, &calls);
    }
    // SAFETY: live, and freed once.
    unsafe {
        csign_cancel_set(cancel);
        csign_cancel_free(cancel);
    }
    let ended = calls.wait(COUNT);
    let cancelled = |(status, ..): &&(csign_status, _, _)| *status == csign_status::CANCELLED;
    assert_eq!(ended.iter().filter(cancelled).count(), COUNT);
    assert!(first.ended.lock().unwrap().is_empty());
    gate.shut(false);
    assert_eq!(first.wait(1)[0].0, csign_status::OK);
    assert_eq!(calls.ended.lock().unwrap().len(), COUNT);
    assert_eq!(client.count(csign_counter::MINTED), 1);
    assert_eq!(client.count(csign_counter::FAILURES), 0);
}

#[test]
fn a_call_that_waits_ends_by_its_timeout_or_its_signal() {
    let sandbox = sandbox();
    let (client, gate) = hanging_client(&sandbox);
    let token_with = |options: *const csign_call_options| {
        let mut token = ptr::null_mut();
        // SAFETY: live, and the options are NULL or have their size.
        call(|error| unsafe { csign_client_token_with(client.0, options, &mut token, error) })
            .map(|()| Token(token))
            .map_err(|rejected| rejected.status)
    };
    gate.shut(true);
    let mut options = defaults();
    options.timeout_ms = 1;
    assert_eq!(token_with(&options).unwrap_err(), csign_status::TIMEOUT);
    let mut cancel = ptr::null_mut();
    // SAFETY: the place is valid for writes, and the signal is live.
    unsafe {
        call(|error| csign_cancel_new(&mut cancel, error)).unwrap();
        csign_cancel_set(cancel);
    }
    options = defaults();
    options.cancel = cancel;
    assert_eq!(token_with(&options).unwrap_err(), csign_status::CANCELLED);
    // SAFETY: live, and freed once.
    unsafe { csign_cancel_free(cancel) };
    gate.shut(false);
    assert!(token_with(ptr::null()).is_ok());
    assert_eq!(client.count(csign_counter::MINTED), 1);
}
