//! A client reads only its own token, and no copy stays after it, in whatever order threads run.

use std::ptr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Barrier};
use std::thread;

use countersign_core::testing;

use super::{Claim, Copied, PLACES, read};
use crate::client::{Client, make, with};
use crate::handle::{Handle, Reused, new_with};
use crate::slots::{Table, index_of};
use crate::{
    csign_client, csign_client_free, csign_client_invalidate, csign_client_peek_token,
    csign_client_refresh, csign_client_token, csign_status, csign_token, csign_token_free, fork,
};

/// Returns a client that has this token cached, and gets the same one from three more requests.
fn with_token(token: &str) -> countersign_core::Client {
    let responses = [(); 4].map(|()| Ok(testing::token_response(token, 3600)));
    let inner = testing::client(responses).client;
    inner.token().unwrap();
    inner
}

/// Numbers like those of clients.
static NUMBERS: Table<()> = Table::new(0x5f);

/// Returns the numbers of two clients, one after the other in the same slot.
fn in_the_same_slot() -> [usize; 2] {
    let first = NUMBERS.insert(()).unwrap();
    let next = first.number() + 1;
    assert_eq!(index_of(first.number()), index_of(next));
    [first.number(), next]
}

fn text(client: usize) -> Option<String> {
    read(client, |token| token.expose().to_owned())
}

fn is_empty(client: usize) -> bool {
    PLACES.get(index_of(client)).unwrap().token.load().is_none()
}

/// Leaves a copy in a client's place, like a thread that was delayed.
fn leave(client: usize, inner: &countersign_core::Client, born: u32) {
    let token = inner.cached().unwrap();
    let copied = Copied {
        client,
        born,
        token,
    };
    let place = PLACES.get(index_of(client)).unwrap();
    place.token.store(Some(Arc::new(copied)));
}

/// A client that C holds. Its token is cached, but not copied yet.
struct Held(*mut csign_client);

impl Held {
    fn new(token: &str) -> Self {
        let made = new_with(|number| Client {
            inner: with_token(token),
            shown: Reused::new(),
            claim: Some(Claim::new(number)),
            closed: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            clock_is_hosts: false,
            id: make::next_id(),
            born: fork::generation(),
        });
        Self(made.unwrap())
    }

    fn has_copy(&self) -> bool {
        !is_empty(self.0.addr())
    }

    /// Reads the token, which copies it.
    fn peek(&self) -> csign_status {
        let (mut buffer, mut length) = ([0; 16], 0);
        let (data, capacity) = (buffer.as_mut_ptr(), buffer.len());
        // SAFETY: live, and the buffer has this length.
        unsafe { csign_client_peek_token(self.0, data, capacity, &mut length, ptr::null_mut()) }
    }

    fn invalidate(&self, token: &str) {
        let (text, length) = (token.as_ptr().cast(), token.len());
        // SAFETY: live, and the text has this length.
        let status = unsafe { csign_client_invalidate(self.0, text, length, ptr::null_mut()) };
        assert_eq!(status, csign_status::OK);
    }

    /// Gets a token by this function, and frees it.
    fn get(&self, get: impl FnOnce(*const csign_client, *mut *mut csign_token) -> csign_status) {
        let mut token = ptr::null_mut();
        assert_eq!(get(self.0, &mut token), csign_status::OK);
        // SAFETY: live, and freed once.
        unsafe { csign_token_free(token) };
    }

    fn token(&self) {
        // SAFETY: live, and the place is valid for writes.
        self.get(|client, token| unsafe { csign_client_token(client, 0, token, ptr::null_mut()) });
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: live, and freed once.
        unsafe { csign_client_free(self.0) };
    }
}

#[test]
fn a_client_reads_its_own_token() {
    let [client, next] = in_the_same_slot();
    let (first, second) = (with_token("a"), with_token("b"));
    assert_eq!(text(client), None);
    let claim = Claim::new(client);
    assert_eq!(text(client), None);
    claim.put(first.cached().unwrap(), fork::now());
    assert_eq!(text(client).as_deref(), Some("a"));
    assert_eq!(text(next), None);
    claim.clear();
    assert!(is_empty(client));
    claim.put(first.cached().unwrap(), fork::now());
    claim.end();
    assert!(is_empty(client));
    assert_eq!(text(client), None);

    let claim = Claim::new(next);
    assert_eq!((text(client), text(next)), (None, None));
    claim.put(second.cached().unwrap(), fork::now());
    assert_eq!(text(client), None);
    assert_eq!(text(next).as_deref(), Some("b"));
    drop(claim);
    assert!(is_empty(next));
    assert_eq!(text(next), None);
}

#[test]
fn a_copy_left_by_a_freed_client_is_never_read() {
    let [client, next] = in_the_same_slot();
    let inner = with_token("a");
    let claim = Claim::new(client);
    let place = claim.place().unwrap();
    claim.end();
    claim.put(inner.cached().unwrap(), fork::now());
    assert!(is_empty(client));
    // Also if the claim ended while a thread was putting its copy there.
    claim.put_at(place, inner.cached().unwrap(), fork::now());
    assert!(is_empty(client));
    leave(client, &inner, fork::now());
    assert_eq!(text(client), None);
    let new = Claim::new(next);
    assert_eq!(text(next), None);
    // Nothing that the old claim does ends the new one.
    claim.clear();
    claim.end();
    drop(claim);
    new.put(inner.cached().unwrap(), fork::now());
    assert_eq!(text(next).as_deref(), Some("a"));
}

#[test]
fn a_copy_of_a_dropped_token_does_not_stay() {
    let [client, _] = in_the_same_slot();
    let inner = with_token("a");
    let claim = Claim::new(client);
    let token = inner.cached().unwrap();
    inner.invalidate(&inner.token().unwrap());
    claim.put(token, fork::now());
    assert!(is_empty(client));
}

#[test]
fn a_token_from_before_a_fork_is_not_read_after_it() {
    let [client, _] = in_the_same_slot();
    let inner = with_token("a");
    let _claim = Claim::new(client);
    leave(client, &inner, fork::now());
    assert_eq!(text(client).as_deref(), Some("a"));
    leave(client, &inner, fork::now() + 1);
    assert_eq!(text(client), None);
}

#[test]
fn an_ended_claim_leaves_no_copy_despite_concurrent_puts() {
    let inner = with_token("a");
    for _ in 0..200 {
        let [client, _] = in_the_same_slot();
        let claim = Claim::new(client);
        let start = Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..20 {
                        claim.put(inner.cached().unwrap(), fork::now());
                    }
                });
            }
            start.wait();
            claim.end();
            assert_eq!(text(client), None);
        });
        assert!(is_empty(client));
    }
}

#[test]
fn a_panic_drops_the_copy() {
    let client = Held::new("a");
    assert_eq!(client.peek(), csign_status::OK);
    assert!(client.has_copy());
    let (handle, error) = (client.0, ptr::null_mut());
    let status = with!(handle, error, |_: &Client| panic!("asked for by a test"));
    assert_eq!(status, csign_status::PANIC);
    assert!(!client.has_copy());
    assert_eq!(client.peek(), csign_status::POISONED);
}

#[test]
fn a_rejected_token_leaves_no_copy_and_no_handle() {
    let handles = || csign_token::table().len();
    let client = Held::new("a");
    assert_eq!(client.peek(), csign_status::OK);
    client.token();
    // The client keeps the handle without an owner.
    assert!(client.has_copy());
    assert_eq!(handles(), 1);
    client.invalidate("a");
    assert!(!client.has_copy());
    assert_eq!(handles(), 0);

    // A new token's handle replaces the old one's.
    for _ in 0..3 {
        // SAFETY: live, and the place is valid for writes.
        client.get(|client, token| unsafe { csign_client_refresh(client, token, ptr::null_mut()) });
        client.token();
        assert_eq!(handles(), 1);
    }
    drop(client);
    assert_eq!(handles(), 0);
}
