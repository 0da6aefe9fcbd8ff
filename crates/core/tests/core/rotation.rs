//! Single-use refresh tokens after a crash, a lost response or a rejection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign_core::failpoint::{Failpoints, Point};
use countersign_core::{
    Client, Clock, Error, ErrorKind, ManualClock, MemoryStore, Moment, Request, Response,
    SendError, Source, Store, StoreKey, Stored, Transport, Verdict, What, forward_store, store,
};

use crate::support::{
    Bench, LimitedStore, MockTransport, bench, bench_with, connection, cut, refreshing, rejection,
    rotated_response,
};

/// Panics on the refresh thread at a point, like a crash: the rest of the refresh doesn't happen.
struct PanicAt(Point);

impl Failpoints for PanicAt {
    fn at(&self, point: Point) -> Result<(), Error> {
        assert!(point != self.0, "the test ends the refresh here");
        Ok(())
    }
}

fn crashed_at(
    point: Point,
    store: &Arc<dyn Store>,
    clock: &Arc<ManualClock>,
    script: &Arc<MockTransport>,
) {
    let client = Client::builder(refreshing())
        .transport(script.clone())
        .store(Arc::clone(store))
        .clock(clock.clone())
        .failpoints(Arc::new(PanicAt(point)))
        .build()
        .unwrap();
    // Once the token was cached, callers get it despite the crash.
    if let Err(error) = client.token() {
        assert_eq!(error.kind(), ErrorKind::Internal, "{error:?}");
    }
}

#[test]
fn after_a_crash_before_sending_the_token_is_not_lost() {
    for point in [
        Point::Leased,
        Point::BeforeIntent,
        Point::IntentDurable,
        Point::BeforeSend,
    ] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::at(crate::support::NOW));
        let script = MockTransport::new([]);
        crashed_at(point, &store, &clock, &script);
        assert!(script.forms().is_empty());
        // The next client waits until the intended request can no longer arrive.
        clock.advance(Duration::from_secs(31));
        let next = Client::builder(refreshing())
            .transport(MockTransport::new([Ok(rotated_response("a", "r1", 600))]))
            .store(store)
            .clock(clock)
            .build()
            .unwrap();
        assert_eq!(next.token().unwrap().expose(), "a", "{point:?}");
    }
}

/// A fallback store that another process fills after this one has read it once.
#[derive(Debug)]
struct FilledLater {
    store: Arc<dyn Store>,
    was_read: AtomicBool,
}

impl Store for FilledLater {
    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, store::Error> {
        match self.was_read.swap(true, Ordering::SeqCst) {
            true => self.store.load(key),
            false => Ok(None),
        }
    }

    forward_store!(self => self.store; capabilities, compare_and_swap, tombstone, lease, renew,
        release, keys, fit_for_rotation, set_aside, remove_set_aside, holder, warning, now_ms);
}

#[test]
fn a_token_that_reached_the_fallback_store_during_the_wait_is_used() {
    // The store takes the intent, and not the new token.
    let store = LimitedStore::accepting(1);
    let clock = Arc::new(ManualClock::at(crate::support::NOW));
    let fallback: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let client = |fallback, script: &Arc<MockTransport>| {
        Client::builder(refreshing())
            .transport(script.clone())
            .store(store.store.clone())
            .fallback_store(fallback)
            .clock(clock.clone())
            .build()
            .unwrap()
    };
    let script = MockTransport::new([Ok(rotated_response("a", "r1", 600))]);
    let first = client(Arc::clone(&fallback), &script);
    assert_eq!(first.token().unwrap().expose(), "a");
    store.accept_all();
    // The deadline of its attempt is over, as that of a process whose lease has run out.
    clock.advance(Duration::from_secs(31));
    let filled_later = Arc::new(FilledLater {
        store: fallback,
        was_read: AtomicBool::new(false),
    });
    let script = MockTransport::new([]);
    let second = client(filled_later, &script);
    assert_eq!(second.token().unwrap().expose(), "a");
    // Above all, the spent refresh token was not presented.
    assert!(script.forms().is_empty());
}

#[test]
fn after_a_crash_with_the_response_received_one_request_determines_the_outcome() {
    for point in [Point::Received, Point::BeforePersist] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::at(crate::support::NOW));
        crashed_at(
            point,
            &store,
            &clock,
            &MockTransport::new([Ok(rotated_response("a", "r1", 600))]),
        );
        clock.advance(Duration::from_secs(31));
        let script = MockTransport::new([Ok(rejection(400, "invalid_grant"))]);
        let next = || {
            Client::builder(refreshing())
                .transport(script.clone())
                .store(Arc::clone(&store))
                .clock(clock.clone())
                .build()
                .unwrap()
        };
        let error = next().token().unwrap_err();
        // The outcome is known now: a person has to log in, and the message says why.
        assert_eq!(
            (error.kind(), error.verdict()),
            (ErrorKind::LoginRequired, Verdict::Reauthorize),
            "{error:?}"
        );
        assert!(
            error.message().contains("the response to refresh attempt ")
                && error.message().contains(" was lost"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("refresh_token"), "{error:?}");
        // Another call gets the same error without another request.
        let again = next().token().unwrap_err();
        assert_eq!(
            (again.verdict(), again.message()),
            (Verdict::Reauthorize, error.message())
        );
        assert_eq!(again.hint(), error.hint());
        assert_eq!(script.forms().len(), 1);
        let events = next().events().unwrap();
        assert!(
            events
                .iter()
                .any(|event| event.what == What::Lost && event.attempt.is_some())
        );
    }
}

#[test]
fn after_a_crash_with_the_token_durable_no_request_is_sent() {
    for point in [Point::Persisted, Point::Published] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::at(crate::support::NOW));
        crashed_at(
            point,
            &store,
            &clock,
            &MockTransport::new([Ok(rotated_response("a", "r1", 600))]),
        );
        let next = Client::builder(refreshing())
            .transport(MockTransport::new([]))
            .store(store)
            .clock(clock)
            .build()
            .unwrap();
        let token = next.token().unwrap();
        assert_eq!(
            (token.expose(), token.source()),
            ("a", Source::Store),
            "{point:?}"
        );
    }
}

#[test]
fn a_lost_response_is_resolved_by_one_request_after_its_deadline() {
    let bench = bench(refreshing(), [Err(cut())]);
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::OutcomeUnknown);
    // The server had not received the first request, so the second one returns a token.
    bench.clock.advance(Duration::from_secs(31));
    bench.script.push(Ok(rotated_response("a", "r1", 600)));
    assert_eq!(bench.client.token().unwrap().expose(), "a");
    assert_eq!(bench.script.forms().len(), 2);
}

#[test]
fn a_valid_access_token_is_used_up_before_a_lost_response_is_resolved() {
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(
        refreshing(),
        [Ok(rotated_response("a", "r1", 600)), Err(cut())],
    );
    client.token().unwrap();
    clock.advance(Duration::from_secs(560));
    // The refresh's response is lost. The old access token stays in use, and nothing is resent.
    for _ in 0..5 {
        assert_eq!(client.token().unwrap().expose(), "a");
        clock.advance(Duration::from_secs(7));
    }
    assert_eq!(script.forms().len(), 2);
    clock.advance(Duration::from_secs(10));
    script.push(Ok(rotated_response("b", "r2", 600)));
    assert_eq!(client.token().unwrap().expose(), "b");
    assert_eq!(script.forms().len(), 3);
}

#[test]
fn a_rejection_without_a_lost_response_ends_the_grant_and_is_stored() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = bench_with(
        refreshing(),
        [Ok(rejection(400, "invalid_grant"))],
        Arc::clone(&store),
    );
    let error = first.client.token().unwrap_err();
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::LoginRequired, Verdict::Reauthorize)
    );
    // Another process gets the same error without sending the ended token again.
    let second = bench_with(refreshing(), [], Arc::clone(&store));
    let error = second.client.token().unwrap_err();
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::LoginRequired, Verdict::Reauthorize)
    );
    assert_eq!(
        (error.oauth_error(), error.http_status()),
        (Some("invalid_grant"), Some(400))
    );
    assert!(error.hint().unwrap().contains("refresh_token"), "{error:?}");
    // A forced refresh sends it, because the vendor may have reinstated the user.
    second.script.push(Ok(rotated_response("a", "r1", 600)));
    assert_eq!(second.client.refresh_now().unwrap().expose(), "a");
}

#[test]
fn an_ended_grant_is_tried_once_more_with_other_credentials() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let with_secret = |secret, responses: Vec<Response>| {
        let settings = [
            ("grant", "refresh-token"),
            ("client_id", "app"),
            ("client_secret", secret),
            ("refresh_token", "r0"),
        ];
        let responses = responses.into_iter().map(Ok);
        bench_with(connection(settings), responses, Arc::clone(&store))
    };
    let requests = |bench: &Bench| {
        let error = bench.client.token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::Reauthorize);
        bench.script.forms().len()
    };
    // Some vendors respond like this to a wrong secret.
    let wrong = with_secret("wrong", vec![rejection(400, "invalid_grant")]);
    assert_eq!(requests(&wrong), 1);
    assert_eq!(requests(&with_secret("wrong", vec![])), 0);
    let other = with_secret("other", vec![rejection(400, "invalid_grant")]);
    assert_eq!((requests(&other), requests(&other)), (1, 1));
    let right = with_secret("right", vec![rotated_response("a", "r1", 600)]);
    assert_eq!(right.client.token().unwrap().expose(), "a");
}

#[test]
fn a_rejection_for_another_reason_keeps_the_token() {
    let Bench {
        client,
        script,
        clock,
        ..
    } = bench(
        refreshing(),
        [
            Ok(rejection(401, "invalid_client")),
            Ok(rotated_response("a", "r1", 600)),
        ],
    );
    assert_eq!(
        client.token().unwrap_err().verdict(),
        Verdict::FixConfiguration
    );
    clock.advance(Duration::from_secs(1));
    // The intent was withdrawn, so there is no wait and no doubt.
    assert_eq!(client.token().unwrap().expose(), "a");
    assert!(script.forms()[1].ends_with("refresh_token=r0"));
}

#[test]
fn retry_after_is_shared_through_the_store() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let wait = Response::new(429, [("Retry-After", "60")], "");
    let first = bench_with(refreshing(), [Ok(wait)], Arc::clone(&store));
    assert_eq!(
        first.client.token().unwrap_err().kind(),
        ErrorKind::Throttled
    );
    let second = bench_with(refreshing(), [], Arc::clone(&store));
    let error = second.client.token().unwrap_err();
    assert_eq!(
        (error.kind(), error.http_status()),
        (ErrorKind::Throttled, Some(429))
    );
    assert!(error.retry_after().unwrap() >= Duration::from_secs(60));
    second.clock.advance(Duration::from_secs(61));
    second.script.push(Ok(rotated_response("a", "r1", 600)));
    assert_eq!(second.client.token().unwrap().expose(), "a");
}

#[test]
fn the_history_has_the_last_eight_events_without_a_token() {
    let responses = (1..=6).map(|n| {
        Ok(rotated_response(
            "access-canary",
            &format!("refresh-canary-{n}"),
            600,
        ))
    });
    let Bench { client, clock, .. } = bench(refreshing(), responses);
    for _ in 0..6 {
        client.token().unwrap();
        clock.advance(Duration::from_secs(600));
    }
    let events = client.events().unwrap();
    assert_eq!(events.len(), 8);
    assert!(!format!("{events:?}").contains("canary"));
    let last = events.last().unwrap();
    assert_eq!(last.what, What::Refreshed);
    assert!(last.by.contains(&std::process::id().to_string()));
    // Each refresh spent the token that the previous one received.
    let spent = events
        .iter()
        .rev()
        .filter(|event| event.what == What::Refreshed);
    let pairs: Vec<_> = spent
        .map(|event| (event.spent.clone(), event.got.clone()))
        .collect();
    assert_eq!(pairs[1].1, pairs[0].0);
}

/// A clock whose coarse time lags.
#[derive(Debug)]
struct Lagging {
    clock: ManualClock,
    lag_ms: i64,
}

impl Clock for Lagging {
    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn coarse_unix_ms(&self) -> i64 {
        self.clock.now().unix_ms - self.lag_ms
    }
}

/// A client whose coarse clock lags, with a token that is valid for two seconds.
fn with_a_lagging_clock(lag_ms: i64) -> (Client, Arc<Lagging>, Arc<MockTransport>) {
    let clock = Arc::new(Lagging {
        clock: ManualClock::at(crate::support::NOW),
        lag_ms,
    });
    let script = MockTransport::new([Ok(rotated_response("a", "r1", 2))]);
    let client = Client::builder(refreshing())
        .transport(script.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    client.token().unwrap();
    (client, clock, script)
}

#[test]
fn a_valid_token_is_fresh_however_far_the_coarse_clock_lags() {
    for lag_ms in [0, 4, 19, 20, 21, 1000, 10_000, -1000, -10_000] {
        let (client, ..) = with_a_lagging_clock(lag_ms);
        let cached = client.cached().unwrap();
        for _ in 0..2 {
            assert!(client.fresh().is_some(), "{lag_ms}");
            assert!(cached.fresh().is_some(), "{lag_ms}");
        }
    }
}

#[test]
fn an_expired_token_is_not_fresh_if_the_coarse_clock_lags() {
    // A kernel's tick.
    let (client, clock, script) = with_a_lagging_clock(4);
    clock.clock.advance(Duration::from_secs(2));
    assert!(client.fresh().is_none());
    script.push(Ok(rotated_response("b", "r2", 2)));
    assert_eq!(client.token().unwrap().expose(), "b");
}

/// Responds after three seconds.
#[derive(Debug)]
struct Slow(Arc<ManualClock>, Arc<MockTransport>);

impl Transport for Slow {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        self.0.advance(Duration::from_secs(3));
        self.1.send(request)
    }
}

#[test]
fn a_token_that_expired_before_its_response_is_stored_but_not_returned() {
    let clock = Arc::new(ManualClock::at(crate::support::NOW));
    let script = MockTransport::new([Ok(rotated_response("a", "r1", 2))]);
    let client = Client::builder(refreshing())
        .transport(Arc::new(Slow(clock.clone(), script.clone())))
        .clock(clock.clone())
        .build()
        .unwrap();
    assert_eq!(client.token().unwrap_err().verdict(), Verdict::Retry);
    assert_eq!(client.token().unwrap_err().verdict(), Verdict::Retry);
    assert_eq!(
        script.forms().len(),
        1,
        "a second call during the pause sends nothing"
    );
    clock.advance(Duration::from_secs(1));
    script.push(Ok(rotated_response("b", "r2", 600)));
    assert_eq!(client.token().unwrap().expose(), "b");
    assert!(script.forms()[1].contains("r1"));
}

#[test]
fn setting_the_wall_clock_back_does_not_make_a_stored_token_young_again() {
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(refreshing(), [Ok(rotated_response("a", "r1", 600))]);
    client.token().unwrap();
    clock.advance(Duration::from_secs(600));
    clock.set_wall(crate::support::NOW - 30);
    script.push(Ok(rotated_response("b", "r2", 600)));
    assert_eq!(client.token().unwrap().expose(), "b");
}
