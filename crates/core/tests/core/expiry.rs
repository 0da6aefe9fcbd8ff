//! When a token expires if the response doesn't say: at its `exp`, by a guess, or never.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    Connection, ErrorKind, MemoryStore, Response, Source, Store, Subjects, Verdict,
};

use crate::support::{
    Bench, MockTransport, NOW, assert_asks_for_a_login, bench, bench_with, by_assertion,
    client_credentials, connection, login, refreshing, rotated_response, token_response,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn by_login(more: &[(&str, &str)]) -> Connection {
    let own = [
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "https://app.example/callback"),
    ];
    connection([&own, more].concat())
}

/// An unsigned JWT with these claims. Nothing verifies it here.
fn jwt(claims: &str) -> String {
    let part = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text.as_bytes());
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"RS256"}"#),
        part(claims),
        part("signature")
    )
}

fn response(access_token: &str, more: &str, headers: &[(&'static str, &str)]) -> Response {
    let body = format!(r#"{{"access_token":"{access_token}","token_type":"bearer"{more}}}"#);
    Response::new(200, headers.iter().copied(), body)
}

#[test]
fn the_exp_of_a_jwt_counts_if_the_response_states_no_lifetime() {
    for (exp, more, headers, left) in [
        (NOW + 20, "", &[][..], 20),
        // Later than the guess.
        (NOW + 7200, "", &[], 7200),
        // The response overrides the `exp`.
        (NOW + 7200, r#","expires_in":60"#, &[], 60),
        (NOW + 20, r#","expires_in":60"#, &[], 60),
        // Some vendors write milliseconds.
        ((NOW + 20) * 1000, "", &[], 20),
        // By the clock of the server that issued it, which is an hour ahead of ours.
        (
            NOW + 3620,
            "",
            &[("Date", "Fri, 15 Jan 2027 09:00:00 GMT")],
            20,
        ),
    ] {
        let token = jwt(&format!(r#"{{"sub":"x","exp":{exp}}}"#));
        let response = response(&token, more, headers);
        let bench = bench(client_credentials(), [Ok(response.clone())]);
        let token = bench.client.token().unwrap();
        let now = countersign_core::Clock::now(bench.clock.as_ref());
        assert_eq!(token.remaining(now).as_secs(), left, "{exp} {more}");
        assert_eq!(token.expires_at(), Some(NOW + left as i64));
        // The same holds for the tokens of many subjects.
        let script = MockTransport::new([Ok(response), Ok(token_response("next", 600))]);
        let subjects = Subjects::new(by_assertion(), script.clone(), 8).unwrap();
        let subjects = subjects.with_clock(bench.clock.clone());
        subjects.token("joe").unwrap();
        bench.clock.advance(Duration::from_secs(left));
        assert_eq!(subjects.token("joe").unwrap().expose(), "next");
    }
    // A token that has already expired is an error.
    let over = jwt(&format!(r#"{{"exp":{}}}"#, NOW - 20));
    let bench = bench(client_credentials(), [Ok(response(&over, "", &[]))]);
    let error = bench.client.token().unwrap_err();
    assert!(
        error.message().contains("expired access token"),
        "{error:?}"
    );
    for claims in ["{}", r#"{"exp":"soon"}"#, "[]"] {
        let bench =
            crate::support::bench(client_credentials(), [Ok(response(&jwt(claims), "", &[]))]);
        assert_eq!(bench.client.token().unwrap().expires_at(), None, "{claims}");
    }
}

#[test]
fn a_stored_jwt_is_not_returned_after_its_exp() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let token = jwt(&format!(r#"{{"exp":{}}}"#, NOW + 20));
    let first = bench_with(
        client_credentials(),
        [Ok(response(&token, "", &[]))],
        store.clone(),
    );
    first.client.token().unwrap();
    let second = bench_with(
        client_credentials(),
        [Ok(token_response("next", 600))],
        store,
    );
    second.clock.advance(Duration::from_secs(21));
    assert_eq!(second.client.token().unwrap().expose(), "next");
}

#[test]
fn a_guess_does_not_end_a_token_that_nothing_can_renew() {
    for settings in [&[][..], &[("assume_lifetime_s", "60")]] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let first = bench_with(
            by_login(settings),
            [Ok(response("a", "", &[]))],
            store.clone(),
        );
        let token = login(&first.client).unwrap();
        assert_eq!(token.expires_at(), None);
        // It is returned from the cache and the store a year later, and after the wall clock was
        // set back.
        first.clock.advance(365 * DAY);
        let token = first.client.token().unwrap();
        assert_eq!((token.expose(), token.source()), ("a", Source::Cache));
        let second = bench_with(by_login(settings), [], store.clone());
        second.clock.advance(365 * DAY);
        assert_eq!(second.client.token().unwrap().source(), Source::Store);
        second.clock.set_wall(NOW - 365 * 24 * 3600);
        assert_eq!(second.client.token().unwrap().expose(), "a");
        // It is used until an API rejects it.
        second.client.invalidate(&token);
        let error = second.client.token().unwrap_err();
        assert_eq!(
            (error.kind(), error.verdict()),
            (ErrorKind::NoToken, Verdict::Reauthorize)
        );
        assert!(
            error.message().contains("there is no refresh token"),
            "{error}"
        );
    }
}

#[test]
fn a_guess_ends_a_token_that_can_be_renewed() {
    let guess = Duration::from_secs(15 * 60);
    let without_expiry = |refresh: &str| response("a", refresh, &[]);
    for (connection, first) in [
        (client_credentials(), without_expiry("")),
        (refreshing(), without_expiry("")),
        (refreshing(), without_expiry(r#","refresh_token":"r1""#)),
    ] {
        let next = rotated_response("b", "r2", 600);
        let Bench { client, clock, .. } = bench(connection, [Ok(first), Ok(next)]);
        client.token().unwrap();
        clock.advance(guess);
        assert_eq!(client.token().unwrap().expose(), "b");
    }
}

#[test]
fn the_error_says_why_a_login_is_needed() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let message = |bench: &Bench| {
        let error = bench.client.token().unwrap_err();
        assert_asks_for_a_login(&error);
        error.message().to_owned()
    };
    let first = bench_with(by_login(&[]), [Ok(token_response("a", 600))], store.clone());
    assert_eq!(message(&first), "connection `mine` has never logged in");
    login(&first.client).unwrap();
    let other = bench_with(by_login(&[("audience", "other")]), [], store.clone());
    assert!(message(&other).contains("requested with other settings"));
    first.clock.advance(Duration::from_secs(600));
    assert!(message(&first).contains("its token has expired, and there is no refresh token"));
    first.script.push(Ok(token_response("b", 600)));
    login(&first.client).unwrap();
    let token = first.client.token().unwrap();
    first.client.invalidate(&token);
    assert!(message(&first).contains("rejected its token, and there is no refresh token"));
    first.script.push(Ok(Response::new(200, [], "")));
    first.client.forget().unwrap();
    assert_eq!(message(&first), "connection `mine` was logged out");
}

#[test]
fn a_configured_refresh_token_is_not_sent_after_a_login() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let bench = bench_with(
        by_login(&[("refresh_token", "r0")]),
        [Ok(token_response("a", 600))],
        store,
    );
    login(&bench.client).unwrap();
    bench.clock.advance(Duration::from_secs(600));
    let error = bench.client.token().unwrap_err();
    assert!(error.message().contains("has expired"), "{error}");
}
