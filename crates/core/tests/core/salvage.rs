//! Malformed responses with a new refresh token.

use countersign_core::{ErrorKind, Response, Verdict, What};

use crate::support::{
    bench, bench_with, by_assertion_or_login, connection, refreshing, rejection, rotated_response,
};

const MALFORMED: &[&str] = &[
    r#"{"access_token":"a","expires_in":1e400,"refresh_token":"r1"}"#,
    r#"{"access_token":"a","access_token":"b","refresh_token":"r1"}"#,
    r#"{"access_token":"a","expires_in":3600,"refresh_token":"r1"} and more"#,
    r#"{"access_token":"a b","expires_in":3600,"refresh_token":"r1"}"#,
    r#"{"expires_in":3600,"refresh_token":"r1"}"#,
    r#"{"access_token":"","refresh_token":"r1"}"#,
    r#"{"refresh_token":"r1","access_token":"a"#,
];

fn malformed(body: &str) -> Response {
    Response::new(200, [("Content-Type", "application/json")], body)
}

#[test]
fn the_new_refresh_token_of_a_malformed_response_is_sent_next() {
    for body in MALFORMED {
        let bench = bench(refreshing(), [Ok(malformed(body))]);
        let error = bench.client.token().unwrap_err();
        let is = (error.kind(), error.verdict(), error.http_status());
        let expected = (ErrorKind::Unreadable, Verdict::Retry, Some(200));
        assert_eq!(is, expected, "{body}: {error:?}");
        assert!(error.hint().unwrap().contains("was kept"), "{error:?}");
        // The token is durable: another process sends it, without resolving an unknown outcome.
        let again = bench_with(
            refreshing(),
            [Ok(rotated_response("a2", "r2", 600))],
            bench.store,
        );
        assert_eq!(again.client.token().unwrap().expose(), "a2", "{body}");
        assert!(again.script.forms()[0].contains("refresh_token=r1"));
        let events = again.client.events().unwrap();
        let salvaged = events.iter().find(|event| event.what == What::Salvaged);
        assert!(salvaged.unwrap().got.is_some(), "{events:?}");
    }
}

#[test]
fn the_same_client_can_retry_at_once() {
    let responses = [
        Ok(malformed(MALFORMED[0])),
        Ok(rotated_response("a2", "r2", 600)),
    ];
    let bench = bench(refreshing(), responses);
    bench.client.token().unwrap_err();
    assert_eq!(bench.client.token().unwrap().expose(), "a2");
}

#[test]
fn malformed_responses_cost_one_request_per_call() {
    let body = |n: usize| format!(r#"{{"access_token":"a b","refresh_token":"r{n}"}}"#);
    let responses: Vec<_> = (1..=50).map(|n| Ok(malformed(&body(n)))).collect();
    let bench = bench(refreshing(), responses);
    assert_eq!(bench.client.token().unwrap_err().verdict(), Verdict::Retry);
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::Unexpected);
    assert_eq!(bench.script.forms().len(), 2);
    for _ in 0..20 {
        bench.client.token().unwrap_err();
    }
    // Consecutive failures back off, and the grant is never lost.
    let sent = bench.script.forms();
    assert!(sent.len() < 8, "{}", sent.len());
    let newest = format!("refresh_token=r{}", sent.len() - 1);
    assert!(sent.last().unwrap().contains(&newest), "{sent:?}");
}

#[test]
fn the_old_access_token_is_used_while_it_is_valid() {
    let responses = [
        Ok(rotated_response("a1", "r1", 600)),
        Ok(malformed(r#"{"expires_in":3600,"refresh_token":"r2"}"#)),
        Ok(rotated_response("a3", "r3", 600)),
    ];
    let bench = bench(refreshing(), responses);
    bench.client.token().unwrap();
    assert_eq!(bench.client.refresh_now().unwrap().expose(), "a1");
    assert_eq!(bench.client.refresh_now().unwrap().expose(), "a3");
    assert!(bench.script.forms()[2].contains("refresh_token=r2"));
}

#[test]
fn a_login_with_a_malformed_response_is_not_lost() {
    for body in MALFORMED {
        let bench = bench(by_assertion_or_login(), [Ok(malformed(body))]);
        let login = bench.client.start_login(None).unwrap();
        let (_, state) = login.url().as_str().split_once("state=").unwrap();
        let state = state.split('&').next().unwrap();
        let query = format!("code=c&state={state}");
        let error = bench.client.complete_login(&login, &query).unwrap_err();
        assert_eq!(error.verdict(), Verdict::Retry, "{body}: {error:?}");
        assert_eq!(error.url(), None);
        bench.script.push(Ok(rotated_response("a2", "r2", 600)));
        assert_eq!(bench.client.token().unwrap().expose(), "a2", "{body}");
        assert!(bench.script.forms()[1].contains("refresh_token=r1"));
    }
}

#[test]
fn a_login_with_a_malformed_response_replaces_the_previous_one() {
    let responses = [
        Ok(rotated_response("old", "r-old", 600)),
        Ok(malformed(MALFORMED[0])),
        Ok(rejection(503, "down")),
    ];
    let bench = bench(by_assertion_or_login(), responses);
    for _ in 0..2 {
        let login = bench.client.start_login(None).unwrap();
        let (_, state) = login.url().as_str().split_once("state=").unwrap();
        let state = state.split('&').next().unwrap();
        let query = format!("code=c&state={state}");
        let _ = bench.client.complete_login(&login, &query);
    }
    assert!(bench.client.peek(None).is_none());
    assert_eq!(bench.client.token().unwrap_err().verdict(), Verdict::Retry);
}

#[test]
fn nothing_is_salvaged_from_a_rejection() {
    let body = r#"{"error":"invalid_grant","refresh_token":"r1"}"#;
    let bench = bench(refreshing(), [Ok(malformed(body))]);
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoginRequired);
}

#[test]
fn a_malformed_response_without_a_refresh_token_is_an_unknown_outcome() {
    let bench = bench(refreshing(), [Ok(malformed(r#"{"expires_in":1e400}"#))]);
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::OutcomeUnknown);
    // Nothing is salvaged for a grant without a refresh token.
    let connection = connection([
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ]);
    let bench = crate::support::bench(connection, [Ok(malformed(MALFORMED[3]))]);
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::Unexpected);
}
