//! A client reads only its own token, and no copy stays after it, in whatever order threads run.

use std::sync::{Arc, Barrier};
use std::thread;

use countersign_core::{
    Connection, Profile, Request, Response, SendError, Settings, Transport, from_profile,
};

use super::{Claim, Copied, PLACES, read};
use crate::fork;
use crate::slots::{Table, index_of};

/// Returns this token, valid for an hour.
#[derive(Debug)]
struct Canned(&'static str);

impl Transport for Canned {
    fn send(&self, _: &Request) -> Result<Response, SendError> {
        let body = format!(r#"{{"access_token":"{}","expires_in":3600}}"#, self.0);
        Ok(Response::new(200, [], body))
    }
}

/// Returns a client that has this token cached.
fn with_token(token: &'static str) -> countersign_core::Client {
    let profile = include_str!("../../../../../tests/profiles/acme.toml");
    let profile = from_profile(Profile::from_toml(profile).unwrap());
    let settings = [
        ("provider", "acme"),
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ];
    let settings = Settings::from_pairs(settings).unwrap();
    let connection = Connection::new("mine", &settings, profile).unwrap();
    let builder = countersign_core::Client::builder(connection).transport(Arc::new(Canned(token)));
    let inner = builder.build().unwrap();
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
