//! Clocks that differ or jump, and machines that sleep.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use countersign_core::{Cached, Client, ManualClock, MemoryStore, Response, Verdict};

use crate::support::{
    Bench, MockTransport, NOW, bench, by_assertion, by_assertion_or_login, claims_of,
    client_credentials, token_response,
};

/// The rejection of a server whose clock is this far ahead of ours.
fn rejected_by_a_clock(ahead_s: i64) -> Response {
    // `NOW` is 2027-01-15 08:00:00 UTC.
    let date = http_date(NOW + ahead_s);
    Response::new(
        400,
        [("Date", date.as_str())],
        r#"{"error":"invalid_grant"}"#,
    )
}

fn http_date(unix_s: i64) -> String {
    let of_day = unix_s.rem_euclid(86_400);
    // All tests stay within two days of `NOW`.
    let day = 15 + (unix_s.div_euclid(86_400) - NOW.div_euclid(86_400));
    let (h, m, s) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("Fri, {day:02} Jan 2027 {h:02}:{m:02}:{s:02} GMT")
}

#[test]
fn an_assertion_rejected_for_its_times_is_retried_by_the_servers_clock() {
    for ahead_s in [-600, 600] {
        let Bench {
            client,
            script,
            clock,
            ..
        } = bench(
            by_assertion(),
            [
                Ok(rejected_by_a_clock(ahead_s)),
                Ok(token_response("a", 600)),
                Ok(token_response("b", 600)),
            ],
        );
        let token = client.token().unwrap();
        // The lifetime is counted by our own clock.
        assert_eq!(token.expires_at(), Some(NOW + 600));
        let forms = script.forms();
        let (first, second) = (claims_of(&forms[0]), claims_of(&forms[1]));
        assert_eq!(first["iat"], NOW - 60);
        assert_eq!(second["iat"], NOW + ahead_s - 60);
        assert_ne!(first["jti"], second["jti"], "a retry has a new assertion");
        // The difference is remembered: the next assertion is right at once.
        clock.advance(Duration::from_secs(600));
        client.token().unwrap();
        assert_eq!(
            claims_of(&script.forms()[2])["iat"],
            NOW + 600 + ahead_s - 60
        );
    }
}

#[test]
fn a_clock_that_is_hours_off_is_reported_and_not_followed() {
    let Bench { client, script, .. } = bench(by_assertion(), [Ok(rejected_by_a_clock(5 * 3600))]);
    let error = client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
    assert!(
        error.hint().unwrap().contains("clock is 18000 s behind"),
        "{error:?}"
    );
    assert_eq!(script.forms().len(), 1);
}

#[test]
fn a_code_is_not_sent_again_however_far_the_clocks_are_apart() {
    let connection = by_assertion_or_login();
    let rejected = Response::new(
        401,
        [("Date", http_date(NOW + 600).as_str())],
        r#"{"error":"invalid_client"}"#,
    );
    let Bench { client, script, .. } =
        bench(connection, [Ok(rejected), Ok(token_response("a", 600))]);
    let login = client.start_login(None).unwrap();
    let state = login.url().as_str().split("state=").nth(1).unwrap();
    let state = state.split('&').next().unwrap();
    let error = client
        .complete_login(&login, &format!("code=c&state={state}"))
        .unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
    assert_eq!(script.forms().len(), 1);
}

#[test]
fn a_rejection_by_a_server_with_the_same_clock_is_not_retried() {
    let Bench { client, script, .. } = bench(by_assertion(), [Ok(rejected_by_a_clock(3))]);
    client.token().unwrap_err();
    assert_eq!(script.forms().len(), 1);
}

#[test]
fn no_expired_token_is_returned_after_five_hours_of_sleep() {
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(
        client_credentials(),
        [Ok(token_response("a", 3600)), Ok(token_response("b", 3600))],
    );
    client.token().unwrap();
    assert!(client.fresh().is_some());
    clock.advance(Duration::from_secs(5 * 3600));
    assert!(client.fresh().is_none());
    assert_eq!(client.token().unwrap().expose(), "b");
    assert_eq!(script.forms().len(), 2);
}

#[test]
fn a_cached_handle_is_fresh_only_while_its_client_has_the_token() {
    let clock = Arc::new(ManualClock::at(NOW));
    // The client drops its listener, and the sender with it, when it is gone.
    let (sender, gone) = mpsc::channel::<()>();
    let client = Client::builder(client_credentials())
        .transport(MockTransport::new(
            ["a", "b", "c", "d"].map(|token| Ok(token_response(token, 3600))),
        ))
        .clock(clock.clone())
        .store(Arc::new(MemoryStore::new()))
        .on_change(move |_| drop(sender.clone()))
        .build()
        .unwrap();
    assert!(client.cached().is_none());
    let read = |cached: &Cached| cached.fresh().map(|token| token.expose().to_owned());
    let next = || {
        client.token().unwrap();
        client.cached().unwrap()
    };
    let expired = next();
    assert_eq!(read(&expired).as_deref(), Some("a"));
    clock.advance(Duration::from_secs(5 * 3600));
    assert_eq!(read(&expired), None);
    assert_eq!(read(&client.cached().unwrap()), None);

    let rejected = next();
    assert_eq!(read(&rejected).as_deref(), Some("b"));
    client.invalidate(&client.token().unwrap());
    assert_eq!(read(&rejected), None);

    let replaced = next();
    assert_eq!(read(&replaced).as_deref(), Some("c"));
    client.refresh_now().unwrap();
    assert_eq!(read(&replaced), None);

    let last = client.cached().unwrap();
    assert_eq!(read(&last).as_deref(), Some("d"));
    drop(client);
    // The last request's thread holds the client for a moment longer.
    assert_eq!(
        gone.recv_timeout(Duration::from_secs(60)),
        Err(RecvTimeoutError::Disconnected)
    );
    assert_eq!(read(&last), None);
}

#[test]
fn wall_clock_jumps_do_not_cause_many_requests() {
    let responses = (0..3).map(|n| Ok(token_response(&format!("t{n}"), 3600)));
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(client_credentials(), responses);
    for step in 0..600 {
        let wall = NOW + step + if step % 2 == 0 { 600 } else { -600 };
        clock.advance(Duration::from_secs(1));
        clock.set_wall(wall);
        let token = client.token().unwrap();
        assert!(token.remaining(countersign_core::Clock::now(clock.as_ref())) > Duration::ZERO);
    }
    assert!(script.forms().len() <= 2, "{}", script.forms().len());
}

#[test]
fn tokens_that_live_a_second_are_refreshed_at_most_twice_a_second() {
    let responses = (0..200).map(|n| Ok(token_response(&format!("t{n}"), 1)));
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(client_credentials(), responses);
    for _ in 0..1000 {
        let token = client.token().unwrap();
        let left = token.remaining(countersign_core::Clock::now(clock.as_ref()));
        assert!(left > Duration::ZERO, "an expired token was returned");
        clock.advance(Duration::from_millis(20));
    }
    // In these twenty seconds, each token is used for at least half of its lifetime.
    assert!(
        (20..=41).contains(&script.forms().len()),
        "{}",
        script.forms().len()
    );
}

#[test]
fn keep_fresh_refreshes_before_callers_need_it_until_stopped() {
    let responses = (0..3).map(|n| Ok(token_response(&format!("t{n}"), 600)));
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(client_credentials(), responses);
    let stop = countersign_core::Stop::new();
    thread::scope(|scope| {
        let background = scope.spawn(|| client.keep_fresh(&stop));
        script.wait_for_requests(1);
        clock.advance(Duration::from_secs(520));
        // Callers would still use this token; the background thread refreshes a little earlier.
        script.wait_for_requests(2);
        stop.stop();
        background.join().unwrap();
    });
    assert_eq!(client.counts().minted, 2);
}
