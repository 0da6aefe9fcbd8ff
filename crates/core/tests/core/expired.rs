//! Access tokens that have expired when they arrive: an error, and never two requests per call.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    Client, ErrorKind, ManualClock, MemoryStore, Request, Response, SendError, Subjects, Transport,
    Verdict,
};

use crate::support::{
    MockTransport, NOW, bench, bench_with, by_assertion, client_credentials, refreshing,
    rotated_response, token_response,
};

fn response(expires_in: &str, n: usize) -> Response {
    let body =
        format!(r#"{{"access_token":"a{n}","expires_in":{expires_in},"refresh_token":"r{n}"}}"#);
    Response::new(200, [], body)
}

#[test]
fn an_expired_token_is_an_error_and_costs_one_request() {
    for expires_in in ["0", "-1", "-3600", "\"0\"", "0.0", "-1e300"] {
        for connection in [client_credentials(), refreshing()] {
            let bench = bench(connection, [Ok(response(expires_in, 1))]);
            let error = bench.client.token().unwrap_err();
            let is = (error.kind(), error.verdict());
            let expected = (ErrorKind::Unreadable, Verdict::Unexpected);
            assert_eq!(is, expected, "{expires_in}: {error:?}");
            assert!(error.message().contains("`expires_in`"), "{error:?}");
            assert_eq!(bench.script.forms().len(), 1, "{expires_in}");
        }
    }
}

#[test]
fn the_refresh_token_of_that_response_is_kept() {
    let bench = bench(refreshing(), [Ok(response("0", 1))]);
    bench.client.token().unwrap_err();
    let next = [Ok(rotated_response("a2", "r2", 600))];
    let again = bench_with(refreshing(), next, bench.store);
    assert_eq!(again.client.token().unwrap().expose(), "a2");
    assert!(again.script.forms()[0].contains("refresh_token=r1"));
}

#[test]
fn identity_of_requests_no_other_token() {
    let bench = bench(client_credentials(), [Ok(token_response("a", 2))]);
    let token = bench.client.token().unwrap();
    bench.clock.advance(Duration::from_secs(3));
    bench.client.identity_of(&token).unwrap();
    assert_eq!(bench.script.forms().len(), 1);
}

#[test]
fn a_min_valid_beyond_every_lifetime_does_not_cause_a_request_loop() {
    for connection in [client_credentials(), refreshing()] {
        let bench = bench(connection, [Ok(rotated_response("a", "r1", 100))]);
        let hour = Duration::from_secs(3600);
        for _ in 0..3 {
            assert_eq!(bench.client.token_valid_for(hour).unwrap().expose(), "a");
        }
        assert_eq!(bench.script.forms().len(), 1);
    }
}

/// Responds after the token's whole lifetime has passed.
#[derive(Debug)]
struct Slow(Arc<ManualClock>, Arc<MockTransport>);

impl Transport for Slow {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        self.0.advance(Duration::from_secs(10));
        self.1.send(request)
    }
}

#[test]
fn a_response_slower_than_the_lifetime_costs_one_request_per_call() {
    let clock = Arc::new(ManualClock::at(NOW));
    let script = MockTransport::new((1..=2).map(|n| Ok(response("5", n))));
    let client = Client::builder(refreshing())
        .transport(Arc::new(Slow(clock.clone(), script.clone())))
        .clock(clock.clone())
        .store(Arc::new(MemoryStore::new()))
        .build()
        .unwrap();
    for sent in 1..=2 {
        let error = client.token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::Retry, "{error:?}");
        assert_eq!(script.forms().len(), sent);
        clock.advance(Duration::from_secs(60));
    }
    assert!(script.forms()[1].contains("refresh_token=r1"));
}

#[test]
fn the_previous_token_is_returned_while_it_is_valid() {
    let responses = [Ok(rotated_response("old", "r1", 600)), Ok(response("0", 2))];
    let bench = bench(refreshing(), responses);
    bench.client.token().unwrap();
    assert_eq!(bench.client.refresh_now().unwrap().expose(), "old");
}

#[test]
fn an_expired_token_of_a_subject_is_an_error() {
    let script = MockTransport::new([Ok(response("0", 1))]);
    let subjects = Subjects::new(by_assertion(), script, 10).unwrap();
    let error = subjects.token("ada").unwrap_err();
    assert!(error.message().contains("`expires_in`"), "{error:?}");
}
