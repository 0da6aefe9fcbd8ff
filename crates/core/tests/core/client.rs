//! The client: the cache, one request at a time, failures, and the store.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Error, ErrorKind, FileStore, MemoryStore, Source, Store, Verdict};

use crate::support::{
    Bench, assert_asks_for_a_login, bench, bench_with, block_on, client_credentials, connection,
    cut, refreshing, rejection, rotated_response, token_response,
};

#[test]
fn a_token_is_reused_until_less_than_min_valid_is_left() {
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(
        client_credentials(),
        [Ok(token_response("a", 3600)), Ok(token_response("b", 3600))],
    );
    let first = client.token().unwrap();
    assert_eq!((first.expose(), first.source()), ("a", Source::Minted));
    clock.advance(Duration::from_secs(3600 - 61));
    let again = client.token().unwrap();
    assert_eq!((again.expose(), again.source()), ("a", Source::Cache));
    clock.advance(Duration::from_secs(1));
    assert_eq!(client.token().unwrap().expose(), "b");
    assert_eq!(script.forms().len(), 2);
}

#[test]
fn min_valid_can_be_longer_for_one_call() {
    let bench = bench(
        client_credentials(),
        [Ok(token_response("a", 3600)), Ok(token_response("b", 3600))],
    );
    assert_eq!(bench.client.token().unwrap().expose(), "a");
    bench.clock.advance(Duration::from_secs(3000));
    let short = bench
        .client
        .token_valid_for(Duration::from_secs(300))
        .unwrap();
    assert_eq!(short.expose(), "a");
    let longer = bench
        .client
        .token_valid_for(Duration::from_secs(900))
        .unwrap();
    assert_eq!(longer.expose(), "b");
}

#[test]
fn peek_returns_the_cached_token_and_sends_no_request() {
    let bench = bench(client_credentials(), [Ok(token_response("a", 3600))]);
    let peek = |min: Option<u64>| {
        let token = bench.client.peek(min.map(Duration::from_secs))?;
        assert_eq!((token.expose(), token.source()), ("a", Source::Cache));
        Some(())
    };
    assert_eq!((peek(None), peek(Some(1))), (None, None));
    bench.client.token().unwrap();
    assert_eq!((peek(None), peek(Some(3000))), (Some(()), Some(())));
    bench.clock.advance(Duration::from_secs(1000));
    assert_eq!((peek(None), peek(Some(3000))), (Some(()), None));
    assert_eq!(bench.client.counts().hits, 3);
    assert_eq!(bench.script.forms().len(), 1);
}

#[test]
fn short_lived_tokens_do_not_cause_a_request_loop() {
    let bench = bench(client_credentials(), [Ok(token_response("a", 5))]);
    assert_eq!(bench.client.token().unwrap().expose(), "a");
    assert_eq!(bench.script.forms().len(), 1);
}

#[test]
fn a_thousand_threads_make_one_request() {
    let bench = bench(client_credentials(), [Ok(token_response("a", 3600))]);
    bench.script.hold();
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..1000)
            .map(|_| scope.spawn(|| bench.client.token().unwrap().expose().to_owned()))
            .collect();
        bench.script.wait_for_requests(1);
        bench.script.release();
        for caller in callers {
            assert_eq!(caller.join().unwrap(), "a");
        }
    });
    assert_eq!(bench.script.forms().len(), 1);
}

#[test]
fn the_old_token_is_returned_while_valid_if_a_refresh_fails() {
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(
        client_credentials(),
        [
            Ok(token_response("a", 600)),
            Ok(rejection(400, "temporarily_unavailable")),
            Err(cut()),
            Ok(rejection(503, "down")),
        ],
    );
    client.token().unwrap();
    clock.advance(Duration::from_secs(580));
    for _ in 0..2 {
        let token = client.token().unwrap();
        assert_eq!((token.expose(), token.source()), ("a", Source::Cache));
        clock.advance(Duration::from_secs(1));
    }
    clock.advance(Duration::from_secs(20));
    let error = client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry);
    assert_eq!(script.forms().len(), 4);
}

#[test]
fn consecutive_failures_back_off() {
    let down = || Ok(rejection(503, "down"));
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(client_credentials(), std::iter::repeat_with(down).take(100));
    // A caller calls every tenth of a second, for ten minutes.
    for _ in 0..6000 {
        let error = client.token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::Retry);
        clock.advance(Duration::from_millis(100));
    }
    // The pauses double from an eighth of a second to fifteen seconds.
    assert!(
        (40..=55).contains(&script.forms().len()),
        "{}",
        script.forms().len()
    );
    assert_eq!(client.counts().failures, script.forms().len() as u64);
}

#[test]
fn a_token_that_an_api_rejected_is_not_returned_again() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let responses = [Ok(token_response("a", 3600)), Ok(token_response("b", 3600))];
    let bench = bench_with(client_credentials(), responses, Arc::clone(&store));
    let first = bench.client.token().unwrap();
    bench.client.invalidate(&first);
    let second = bench.client.token().unwrap();
    assert_eq!(second.expose(), "b");
    // A late report of the old token doesn't remove the new one.
    bench.client.invalidate(&first);
    assert_eq!(bench.client.token().unwrap().expose(), "b");
    // Another client's newer token in the store is used before a new one is requested.
    let other = bench_with(client_credentials(), [Ok(token_response("c", 3600))], store);
    other.client.refresh_now().unwrap();
    bench.client.invalidate(&second);
    let third = bench.client.token().unwrap();
    assert_eq!((third.expose(), third.source()), ("c", Source::Store));
    assert_eq!(bench.script.forms().len(), 2);
}

#[test]
fn a_rejected_token_is_not_returned_if_the_refresh_fails() {
    let bench = bench(
        client_credentials(),
        [Ok(token_response("a", 3600)), Err(cut())],
    );
    let token = bench.client.token().unwrap();
    bench.client.invalidate(&token);
    assert_eq!(bench.client.token().unwrap_err().verdict(), Verdict::Retry);
}

#[test]
fn counts_and_changes_report_what_happened() {
    let changes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = Arc::clone(&changes);
    let script = crate::support::MockTransport::new([
        Ok(rotated_response("a", "r1", 600)),
        Ok(token_response("b", 600)),
        Ok(countersign_core::Response::new(200, [], "")),
    ]);
    let client = countersign_core::Client::builder(refreshing())
        .transport(script)
        .on_change(move |change| {
            let reported = match change {
                countersign_core::Change::Obtained { token, rotated, .. } => {
                    format!("{} {rotated}", token.expose())
                }
                _ => "forgotten".to_owned(),
            };
            noted.lock().unwrap().push(reported);
        })
        .build()
        .unwrap();
    client.token().unwrap();
    client.token().unwrap();
    client.refresh_now().unwrap();
    client.forget().unwrap();
    assert_eq!(*changes.lock().unwrap(), ["a true", "b false", "forgotten"]);
    let counts = client.counts();
    assert_eq!((counts.refreshed, counts.hits, counts.failures), (2, 1, 0));
}

#[test]
fn async_callers_share_one_request() {
    use std::task::{Context, Waker};
    let bench = bench(client_credentials(), [Ok(token_response("a", 3600))]);
    bench.script.hold();
    let mut first = Box::pin(bench.client.token_async());
    let mut dropped = Box::pin(bench.client.token_async());
    let mut context = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(dropped.as_mut().poll(&mut context).is_pending());
    bench.script.wait_for_requests(1);
    drop(dropped);
    bench.script.release();
    // A blocking caller gets the same token, from the request or the cache.
    assert_eq!(bench.client.token().unwrap().expose(), "a");
    assert_eq!(block_on(first).unwrap().expose(), "a");
    let mut fresh = Box::pin(bench.client.token_async());
    assert!(fresh.as_mut().poll(&mut context).is_ready());
    assert_eq!(bench.script.forms().len(), 1);
}

#[test]
fn async_callers_can_require_another_token_than_the_cached_one() {
    let responses = ["a", "b", "c"].map(|token| Ok(token_response(token, 3600)));
    let bench = bench(client_credentials(), responses);
    let client = &bench.client;
    let valid_for = |s| block_on(client.token_valid_for_async(Duration::from_secs(s)));
    assert_eq!(valid_for(60).unwrap().expose(), "a");
    assert_eq!(block_on(client.refresh_now_async()).unwrap().expose(), "b");
    bench.clock.advance(Duration::from_secs(1800));
    assert_eq!(valid_for(60).unwrap().expose(), "b");
    assert_eq!(valid_for(3000).unwrap().expose(), "c");
}

#[test]
fn retry_after_is_observed() {
    let wait = countersign_core::Response::new(429, [("Retry-After", "30")], "");
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(
        client_credentials(),
        [Ok(wait), Ok(token_response("a", 3600))],
    );
    let error = client.token().unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    clock.advance(Duration::from_secs(10));
    let error = client.token().unwrap_err();
    assert_eq!(
        (error.kind(), error.retry_after()),
        (ErrorKind::Throttled, Some(Duration::from_secs(20)))
    );
    assert_eq!(script.forms().len(), 1);
    clock.advance(Duration::from_secs(20));
    assert_eq!(client.token().unwrap().expose(), "a");
}

#[test]
fn neither_clock_alone_makes_a_token_last_longer() {
    let Bench { client, clock, .. } = bench(
        client_credentials(),
        [
            Ok(token_response("a", 600)),
            Ok(token_response("b", 600)),
            Ok(token_response("c", 600)),
        ],
    );
    client.token().unwrap();
    // The wall clock is set back by an hour, while ten minutes pass.
    clock.set_wall(crate::support::NOW - 3600);
    clock.advance(Duration::from_secs(600));
    assert_eq!(client.token().unwrap().expose(), "b");
    // The wall clock is set forward: the token may have expired, so a new one is requested.
    clock.set_wall(crate::support::NOW + 7200);
    assert_eq!(client.token().unwrap().expose(), "c");
}

#[test]
fn lifetime_counts_from_the_start_of_the_request() {
    let bench = bench(client_credentials(), [Ok(token_response("a", 100))]);
    bench.script.hold();
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| bench.client.token().unwrap());
        bench.script.wait_for_requests(1);
        bench.clock.advance(Duration::from_secs(40));
        bench.script.release();
        let token = caller.join().unwrap();
        let now = countersign_core::Clock::now(bench.clock.as_ref());
        assert_eq!(token.remaining(now), Duration::from_secs(60));
        assert_eq!(token.expires_at(), Some(crate::support::NOW + 100));
    });
}

#[test]
fn a_token_without_expiry_is_refreshed_after_the_default_lifetime() {
    let response = || countersign_core::Response::new(200, [], r#"{"access_token":"a"}"#);
    let Bench { client, clock, .. } = bench(client_credentials(), [Ok(response()), Ok(response())]);
    let token = client.token().unwrap();
    assert_eq!(token.expires_at(), None);
    clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(client.token().unwrap().source(), Source::Minted);
}

#[test]
fn a_rotated_refresh_token_is_sent_next() {
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(
        refreshing(),
        [
            Ok(rotated_response("a", "r1", 600)),
            Ok(rotated_response("b", "r2", 600)),
            Ok(token_response("c", 600)),
            Ok(token_response("d", 600)),
        ],
    );
    for _ in 0..4 {
        client.token().unwrap();
        clock.advance(Duration::from_secs(600));
    }
    let sent: Vec<_> = script
        .forms()
        .iter()
        .map(|form| form.rsplit('=').next().unwrap().to_owned())
        .collect();
    // Without a new refresh token, the old one stays in use.
    assert_eq!(sent, ["r0", "r1", "r2", "r2"]);
}

#[test]
fn a_new_refresh_token_in_the_settings_starts_a_new_grant() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = bench_with(
        refreshing(),
        [Ok(rotated_response("a", "r1", 600))],
        Arc::clone(&store),
    );
    first.client.token().unwrap();
    let settings = [
        ("grant", "refresh-token"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("refresh_token", "n0"),
    ];
    let second = bench_with(
        connection(settings),
        [Ok(rotated_response("b", "n1", 600))],
        store,
    );
    assert_eq!(second.client.token().unwrap().expose(), "b");
    assert!(second.script.forms()[0].ends_with("refresh_token=n0"));
}

#[test]
fn a_lost_response_to_a_rotating_refresh_is_an_unknown_outcome() {
    for lost in [
        Err(cut()),
        Ok(rejection(500, "oops")),
        Ok(countersign_core::Response::new(200, [], "{\"acc")),
    ] {
        let bench = bench(refreshing(), [lost]);
        let error = bench.client.token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::OutcomeUnknown, "{error:?}");
        assert_eq!(
            error.url(),
            None,
            "no login was started that a URL could complete"
        );
        // One request is sent, whatever happens to it.
        assert_eq!(bench.script.forms().len(), 1);
    }
}

#[test]
fn a_refresh_that_was_not_sent_may_be_retried() {
    let error = Error::new(ErrorKind::Connect, "connection refused");
    let bench = bench(
        refreshing(),
        [Err(countersign_core::SendError::NotSent(error))],
    );
    assert_eq!(bench.client.token().unwrap_err().verdict(), Verdict::Retry);
}

#[test]
fn a_client_uses_the_token_that_another_one_stored() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(FileStore::open(folder.path().join("tokens")).unwrap());
    let first = bench_with(
        client_credentials(),
        [Ok(token_response("a", 3600))],
        open(),
    );
    first.client.token().unwrap();
    let second = bench_with(client_credentials(), [], open());
    let token = second.client.token().unwrap();
    assert_eq!((token.expose(), token.source()), ("a", Source::Store));
    assert_eq!(token.expires_at(), Some(crate::support::NOW + 3600));
}

#[test]
fn refresh_now_requests_a_new_token() {
    let bench = bench(
        client_credentials(),
        [Ok(token_response("a", 3600)), Ok(token_response("b", 3600))],
    );
    bench.client.token().unwrap();
    assert_eq!(bench.client.refresh_now().unwrap().expose(), "b");
    assert_eq!(bench.client.token().unwrap().expose(), "b");
}

#[test]
fn a_login_grant_without_a_token_asks_for_a_login() {
    let connection = connection([
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "https://app.example/callback"),
    ]);
    assert_asks_for_a_login(&bench(connection, []).client.token().unwrap_err());
}

#[test]
fn forget_revokes_and_deletes_the_token() {
    let bench = bench(
        refreshing(),
        [
            Ok(rotated_response("a", "r1", 600)),
            Ok(countersign_core::Response::new(200, [], "")),
        ],
    );
    bench.client.token().unwrap();
    let revocation = bench.client.forget().unwrap();
    assert!(
        matches!(revocation, countersign_core::Revocation::Revoked),
        "{revocation:?}"
    );
    assert_eq!(
        bench.script.forms()[1],
        "token=r1&token_type_hint=refresh_token"
    );
    // Only the configured token is left, and it was spent.
    bench.script.push(Ok(rejection(400, "invalid_grant")));
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoginRequired);
}

#[test]
fn a_panic_in_the_transport_is_an_error_for_every_waiting_caller() {
    // The script has no response, so the refresh thread panics.
    let bench = bench(client_credentials(), []);
    let error = bench.client.token().unwrap_err();
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::Internal, Verdict::Unexpected)
    );
    bench.script.push(Ok(token_response("a", 600)));
    assert_eq!(bench.client.token().unwrap().expose(), "a");
}

#[test]
fn a_caller_that_gives_up_does_not_interrupt_the_refresh() {
    let bench = bench(refreshing(), [Ok(rotated_response("a", "r1", 600))]);
    bench.script.hold();
    let (client, store) = (bench.client.clone(), Arc::clone(&bench.store));
    // Nobody waits for the caller's thread, as with a cancelled request handler.
    let caller = std::thread::spawn(move || client.token());
    bench.script.wait_for_requests(1);
    drop(bench.client);
    bench.script.release();
    caller.join().unwrap().unwrap();
    let settings = refreshing();
    let again = bench_with(settings, [], store);
    assert_eq!(again.client.token().unwrap().source(), Source::Store);
}
