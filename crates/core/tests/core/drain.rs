//! Draining: requests in flight are waited for, and no new ones start.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign_core::failpoint::{Failpoints, Point};
use countersign_core::{
    Client, Error, ErrorKind, ManualClock, MemoryStore, Owner, Source, Stop, Store, Verdict,
};
use countersign_store_conformance::Intercepted;

use crate::support::{
    MockTransport, NOW, bench, bench_with, by_assertion_or_login, client_credentials, refreshing,
    rotated_response, token_response,
};

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_refresh_in_flight_is_stored_before_draining_ends() {
    let bench = bench(refreshing(), [Ok(rotated_response("a", "r1", 600))]);
    bench.script.hold();
    let caller = bench.client.clone();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| caller.token());
        bench.script.wait_for_requests(1);
        let error = bench.client.drain(Duration::ZERO).unwrap_err();
        assert_eq!(
            (error.kind(), error.verdict()),
            (ErrorKind::Busy, Verdict::Retry)
        );
        assert!(error.hint().unwrap().contains("timeout_ms"), "{error:?}");
        let draining = scope.spawn(|| bench.client.drain(LONG));
        bench.script.release();
        draining.join().unwrap().unwrap();
        // The waiting caller gets the request's token, which is in the store.
        let again = bench_with(refreshing(), [], Arc::clone(&bench.store));
        assert_eq!(again.client.token().unwrap().source(), Source::Store);
        assert_eq!(waiting.join().unwrap().unwrap().expose(), "a");
    });
}

#[test]
fn nothing_is_sent_after_draining() {
    // A request would panic, because the script has no response for it.
    let bench = bench(by_assertion_or_login(), []);
    let login = bench.client.start_login(None).unwrap();
    bench.client.drain(LONG).unwrap();
    let state = form_value(login.url().as_str(), "state");
    let calls: [(&str, Result<(), Error>); 5] = [
        ("token", bench.client.token().map(drop)),
        ("refresh_now", bench.client.refresh_now().map(drop)),
        ("forget", bench.client.forget().map(drop)),
        ("identity", bench.client.identity().map(drop)),
        (
            "complete_login",
            bench
                .client
                .complete_login(&login, &format!("code=c&state={state}"))
                .map(drop),
        ),
    ];
    for (call, result) in calls {
        let error = result.expect_err(call);
        assert_eq!(error.kind(), ErrorKind::Busy, "{call}: {error:?}");
        assert!(error.message().contains("shutting down"), "{call}");
    }
    assert!(bench.script.forms().is_empty());
}

#[test]
fn a_cached_token_is_returned_after_draining_while_it_is_valid() {
    let bench = bench(client_credentials(), [Ok(token_response("a", 600))]);
    bench.client.token().unwrap();
    bench.client.drain(LONG).unwrap();
    bench.clock.advance(Duration::from_secs(590));
    assert_eq!(bench.client.token().unwrap().expose(), "a");
    bench.clock.advance(Duration::from_secs(10));
    assert_eq!(bench.client.token().unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(bench.script.forms().len(), 1);
}

#[test]
fn a_refresh_that_waits_for_the_lease_gives_up_instead_of_sending() {
    let memory = Arc::new(MemoryStore::new());
    let key = refreshing().record_key();
    let other = Owner::new("another holder");
    memory.lease(&key, &other, LONG).unwrap();
    let (busy, is_busy) = std::sync::mpsc::channel();
    let store = Intercepted::new(memory).on_lease(move |_| {
        let _ = busy.send(());
    });
    let bench = bench_with(refreshing(), [], Arc::new(store));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.client.token());
        is_busy.recv().unwrap();
        bench.client.drain(LONG).unwrap();
        let error = waiting.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(error.message().contains("shutting down"), "{error:?}");
    });
    assert!(bench.script.forms().is_empty());
}

#[test]
fn draining_withdraws_an_intent_that_was_not_sent() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let script = MockTransport::new([]);
    let drained = Arc::new(DrainAt {
        point: Point::IntentDurable,
        client: std::sync::OnceLock::new(),
    });
    let client = Client::builder(refreshing())
        .transport(script.clone())
        .clock(Arc::new(ManualClock::at(NOW)))
        .store(Arc::clone(&store))
        .failpoints(Arc::clone(&drained) as Arc<dyn Failpoints>)
        .build()
        .unwrap();
    drained.client.set(client.clone()).ok().unwrap();
    assert_eq!(client.token().unwrap_err().kind(), ErrorKind::Busy);
    assert!(script.forms().is_empty());
    // The next process spends the token without resolving an unknown outcome first.
    let next = bench_with(refreshing(), [Ok(rotated_response("a", "r1", 600))], store);
    assert_eq!(next.client.token().unwrap().expose(), "a");
}

struct DrainAt {
    point: Point,
    client: std::sync::OnceLock<Client>,
}

impl Failpoints for DrainAt {
    fn at(&self, point: Point) -> Result<(), Error> {
        if point == self.point {
            // This refresh is itself in flight, so it can't be waited for from here.
            self.client
                .get()
                .unwrap()
                .drain(Duration::ZERO)
                .unwrap_err();
        }
        Ok(())
    }
}

#[test]
fn draining_stores_a_token_that_the_store_rejected_earlier() {
    let store = Arc::new(MemoryStore::new());
    let broken = Arc::new(Broken(AtomicBool::new(true)));
    let client = Client::builder(refreshing())
        .transport(MockTransport::new([Ok(rotated_response("a", "r1", 600))]))
        .clock(Arc::new(ManualClock::at(NOW)))
        .store(store.clone())
        .failpoints(Arc::clone(&broken) as Arc<dyn Failpoints>)
        .build()
        .unwrap();
    assert_eq!(client.token().unwrap_err().kind(), ErrorKind::Store);
    assert!(client.unsaved().is_some());
    broken.0.store(false, Ordering::SeqCst);
    client.drain(LONG).unwrap();
    assert!(client.unsaved().is_none());
    let again = bench_with(refreshing(), [], store);
    assert_eq!(again.client.token().unwrap().source(), Source::Store);
}

/// Fails before the tokens are stored.
struct Broken(AtomicBool);

impl Failpoints for Broken {
    fn at(&self, point: Point) -> Result<(), Error> {
        match point {
            Point::BeforePersist if self.0.load(Ordering::SeqCst) => {
                Err(Error::new(ErrorKind::Store, "the disk is full"))
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn draining_ends_a_background_refresher() {
    let bench = bench(client_credentials(), [Ok(token_response("a", 600))]);
    bench.client.token().unwrap();
    bench.client.drain(LONG).unwrap();
    // This returns although nobody stops it.
    bench.client.keep_fresh(&Stop::new());
}

fn form_value(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap();
    let found = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(known, _)| *known == name);
    found.unwrap().1.to_owned()
}
