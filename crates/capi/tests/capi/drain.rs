//! Draining: waits for requests in flight, and no new ones start.

use std::ffi::c_void;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

use countersign_capi::*;

use crate::program::{Client, Config, Rejected, call, sandbox};

fn drain(client: *const csign_client, timeout_ms: u64) -> Result<(), Rejected> {
    // SAFETY: live.
    call(|error| unsafe { csign_client_drain(client, timeout_ms, error) })
}

#[test]
fn after_draining_a_client_sends_nothing() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-cc").client().unwrap();
    drain(client.0, 10_000).unwrap();
    let rejected = client.token().unwrap_err();
    assert_eq!(
        (rejected.status, rejected.verdict),
        (csign_status::BUSY, csign_verdict::RETRY)
    );
    assert!(rejected.message.contains("shutting down"), "{rejected:?}");
    assert!(sandbox.log().iter().all(|entry| entry.grant.is_none()));
    // SAFETY: live.
    unsafe { csign_client_close(client.0) };
    drain(client.0, 0).unwrap();
    // SAFETY: NULL is rejected.
    let rejected = call(|error| unsafe { csign_client_drain(ptr::null(), 0, error) });
    assert_eq!(rejected.unwrap_err().status, csign_status::NULL_ARGUMENT);
}

#[derive(Default)]
struct Heard {
    client: AtomicPtr<csign_client>,
    drained: Mutex<Vec<csign_status>>,
}

/// Drains from the callback itself and from another thread, while the refresh is in flight.
unsafe extern "C" fn drain_twice(heard: *mut c_void, _: csign_change, _: *const csign_token) {
    // SAFETY: it is never freed.
    let heard = unsafe { &*heard.cast::<Heard>() };
    let try_to_drain = || {
        let drained = drain(heard.client.load(Ordering::SeqCst), 0);
        heard
            .drained
            .lock()
            .unwrap()
            .push(drained.unwrap_err().status);
    };
    try_to_drain();
    std::thread::scope(|scope| drop(scope.spawn(try_to_drain)));
}

#[test]
fn drain_reports_whether_a_request_is_in_flight() {
    let sandbox = sandbox();
    // Never freed, because nothing says when the last thread has returned from a callback.
    let heard: &'static Heard = Box::leak(Box::default());
    let data = (&raw const *heard).cast_mut().cast();
    let config = Config::load(&sandbox, "boldsign-refresh");
    // SAFETY: live, and the callback fits its data.
    call(|e| unsafe { csign_config_set_listener(config.0, Some(drain_twice), data, None, e) })
        .unwrap();
    let client: Client = config.client().unwrap();
    heard.client.store(client.0, Ordering::SeqCst);
    let token = client.token().unwrap().value();
    assert_eq!(
        *heard.drained.lock().unwrap(),
        [csign_status::REENTERED, csign_status::BUSY]
    );
    drain(client.0, 10_000).unwrap();
    assert_eq!(client.token().unwrap().value(), token);
}
