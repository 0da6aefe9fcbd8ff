//! Callers that wait for one request don't cost a thread each.
//!
//! A test program of its own, because it counts the threads of the process.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "tests do I/O")]

use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use countersign_core::testing;

/// Returns the number of threads that the library started.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")));
    // A thread may end between the two reads.
    let ours = names.filter(|name| {
        name.as_ref()
            .is_ok_and(|name| name.starts_with("countersign"))
    });
    ours.count()
}

fn poll_all<T: Future + Unpin>(calls: &mut [T]) {
    for call in calls {
        let polled = Pin::new(call).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
}

#[test]
fn ten_thousand_cancelled_calls_leave_no_thread() {
    let response = testing::token_response("t1", 3600);
    let test = testing::client([Ok(response)]);
    test.transport.hold();
    assert_eq!(threads(), 0);
    let client = &test.client;
    let mut tokens: Vec<_> = (0..10_000).map(|_| client.token_async()).collect();
    let mut identities: Vec<_> = (0..10_000).map(|_| client.identity_async()).collect();
    poll_all(&mut tokens);
    poll_all(&mut identities);
    test.transport.wait_for_requests(1);
    // One refreshes, one asks for the identity, one keeps the deadlines.
    assert_eq!(threads(), 3);
    drop((tokens, identities));
    while threads() > 2 {
        std::thread::yield_now();
    }
    test.transport.release();
    client.drain(Duration::from_secs(30)).unwrap();
    while threads() > 0 {
        std::thread::yield_now();
    }
}
