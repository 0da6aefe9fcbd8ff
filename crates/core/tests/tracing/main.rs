//! Tests the spans and events that a client emits.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::testing::{self, TestClient};
use countersign_core::{Client, MemoryStore, Store, Swap, store};
use countersign_store_conformance::Intercepted;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The name and the fields of a span or an event.
#[derive(Clone, Debug)]
struct Seen {
    name: &'static str,
    level: tracing::Level,
    fields: BTreeMap<&'static str, String>,
}

impl Seen {
    fn of(metadata: &'static Metadata<'static>, record: impl FnOnce(&mut dyn Visit)) -> Self {
        let mut fields = Fields::default();
        record(&mut fields);
        assert_eq!(metadata.target(), "countersign");
        Self {
            name: metadata.name(),
            level: *metadata.level(),
            fields: fields.0,
        }
    }

    fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// Records everything of the target `countersign`.
#[derive(Clone, Default)]
struct Recorder {
    seen: Arc<Mutex<Vec<Seen>>>,
    spans: Arc<AtomicU64>,
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "countersign"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let seen = Seen::of(span.metadata(), |fields| span.record(fields));
        self.seen.lock().unwrap().push(seen);
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn event(&self, event: &Event<'_>) {
        let seen = Seen::of(event.metadata(), |fields| event.record(fields));
        self.seen.lock().unwrap().push(seen);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Runs a test's calls and returns what they emitted.
fn seen_in(work: impl FnOnce()) -> Vec<Seen> {
    let recorder = Recorder::default();
    tracing::subscriber::with_default(recorder.clone(), work);
    recorder.seen.lock().unwrap().clone()
}

fn names(seen: &[Seen]) -> Vec<&'static str> {
    seen.iter().map(|seen| seen.name).collect()
}

/// A connection with a rotating refresh token, and all secrets that its client handles.
fn refreshing(store: Arc<dyn Store>) -> (TestClient, [&'static str; 5]) {
    let settings = [
        ("grant", "refresh-token"),
        ("client_id", "app"),
        ("client_secret", "the-s3cret"),
        ("refresh_token", "refresh-0"),
    ];
    let connection = testing::connection(settings).unwrap();
    let responses = [
        Ok(testing::rotated_response("access-1", "refresh-1", 3600)),
        Ok(testing::error_response(503, "temporarily_unavailable")),
    ];
    let secrets = ["the-s3cret", "refresh-0", "refresh-1", "access-1", "Bearer"];
    (testing::client_of(connection, responses, store), secrets)
}

fn assert_no_secret(seen: &[Seen], secrets: &[&str]) {
    let all = format!("{seen:?}");
    for secret in secrets {
        assert!(!all.contains(secret), "{secret} is in {all}");
    }
}

#[test]
fn a_refresh_and_its_request_are_reported() {
    let (test, secrets) = refreshing(Arc::new(MemoryStore::new()));
    let seen = seen_in(|| drop(test.client.token().unwrap()));
    let refresh = [
        "countersign.refresh",
        "countersign.token_request",
        "countersign.refreshed",
    ];
    assert_eq!(names(&seen), refresh);
    let [span, request, refreshed] = &seen[..] else {
        unreachable!()
    };
    assert!(seen.iter().all(|seen| seen.level == tracing::Level::INFO));
    for seen in &seen {
        assert_eq!(
            (seen.get("provider"), seen.get("connection")),
            ("acme", "mine")
        );
    }
    assert_eq!(span.get("forced"), "false");
    let (grant, outcome) = (request.get("grant"), request.get("outcome"));
    assert_eq!((grant, outcome), ("refresh-token", "token"));
    assert!(request.get("duration_ms").parse::<u64>().is_ok());
    assert_eq!(refreshed.get("outcome"), "refreshed");
    assert_no_secret(&seen, &secrets);

    // A cached token is not worth an event.
    assert!(seen_in(|| drop(test.client.token().unwrap())).is_empty());

    test.clock.advance(Duration::from_secs(3601));
    let seen = seen_in(|| drop(test.client.token().unwrap_err()));
    assert_eq!(names(&seen), refresh);
    for failure in &seen[1..] {
        assert_eq!(failure.level, tracing::Level::WARN);
        assert_eq!(failure.get("outcome"), "error");
        assert_eq!(failure.get("kind"), "unavailable");
        assert_eq!(failure.get("verdict"), "retry");
        assert_eq!(failure.get("http_status"), "503");
        assert_eq!(failure.get("oauth_error"), "temporarily_unavailable");
        assert!(!failure.get("error").is_empty());
    }
    assert_no_secret(&seen, &secrets);
}

#[test]
fn a_grant_without_refresh_tokens_is_reported_the_same_way() {
    let test = testing::client([Ok(testing::token_response("access-1", 3600))]);
    let seen = seen_in(|| drop(test.client.refresh_now().unwrap()));
    assert_eq!(seen[0].get("forced"), "true");
    assert_eq!(seen[1].get("grant"), "client-credentials");
    assert_eq!(seen[2].get("outcome"), "minted");
    assert_no_secret(&seen, &["s3cret", "access-1"]);
}

#[test]
fn failures_of_the_store_are_reported() {
    let failing = Intercepted::new(Arc::new(MemoryStore::new())).on_change(|_| {
        let error = store::Error::new(store::ErrorKind::Unavailable, "the disk is full");
        Swap::Unavailable(error)
    });
    let (test, secrets) = refreshing(Arc::new(failing));
    let seen = seen_in(|| drop(test.client.token().unwrap_err()));
    let failures = seen
        .iter()
        .filter(|seen| seen.name == "countersign.store_error");
    let failures: Vec<_> = failures.collect();
    let [failure] = &failures[..] else {
        panic!("one write fails before anything is sent: {seen:?}")
    };
    assert_eq!(
        (failure.get("operation"), failure.get("kind")),
        ("write", "store")
    );
    assert!(
        failure.get("error").contains("the disk is full"),
        "{failure:?}"
    );
    assert_no_secret(&seen, &secrets);
}

#[test]
fn an_unreadable_fallback_store_is_reported() {
    let fallback = Arc::new(MemoryStore::new());
    let (test, secrets) = refreshing(Arc::new(MemoryStore::new()));
    let connection = test.client.connection().clone();
    let garbage = fallback.compare_and_swap(&connection.record_key(), None, None, b"no record");
    assert!(matches!(garbage, Swap::Applied(_)));
    let client = Client::builder(connection)
        .transport(test.transport)
        .clock(test.clock)
        .fallback_store(fallback);
    let client = client.build().unwrap();
    let seen = seen_in(|| drop(client.token()));
    let mut failures = seen
        .iter()
        .filter(|seen| seen.name == "countersign.store_error");
    assert!(failures.any(|failure| failure.get("operation") == "read_fallback"));
    assert_no_secret(&seen, &secrets);
}
