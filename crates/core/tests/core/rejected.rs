//! Access tokens that an API rejects are replaced, but not once per call.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    Client, ErrorKind, FileStore, MemoryStore, Response, Revocation, SendError, Source, Store, What,
};

use crate::support::{
    Bench, bench, bench_with, client_credentials, cut, refreshing, rotated_response, token_response,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Calls an API that rejects every token (401), and returns the last token.
fn call_rejecting_api(client: &Client, times: usize) -> String {
    let calls = (0..times).map(|_| {
        let token = client.token().unwrap();
        client.invalidate(&token);
        token.expose().to_owned()
    });
    calls.reduce(|_, last| last).unwrap()
}

fn responses(count: usize) -> Vec<Result<Response, SendError>> {
    let response = |n| Ok(rotated_response(&format!("a{n}"), &format!("r{n}"), 3600));
    (1..=count).map(response).collect()
}

#[test]
fn an_api_that_rejects_every_token_does_not_cost_one_request_per_call() {
    for connection in [client_credentials(), refreshing()] {
        let bench = bench(connection, responses(4));
        assert_eq!(call_rejecting_api(&bench.client, 20), "a2");
        assert_eq!(bench.script.forms().len(), 2);
        // A minute later the rejected token is replaced once more.
        bench.clock.advance(MINUTE);
        assert_eq!(call_rejecting_api(&bench.client, 20), "a3");
        assert_eq!(bench.script.forms().len(), 3);
        // An explicit request always returns a new token.
        assert_eq!(bench.client.refresh_now().unwrap().expose(), "a4");
    }
}

#[test]
fn the_history_records_that_a_new_token_was_rejected_too() {
    let bench = bench(refreshing(), responses(2));
    call_rejecting_api(&bench.client, 20);
    let events = bench.client.events().unwrap();
    let recorded: Vec<_> = events
        .iter()
        .filter(|event| event.what == What::RejectedAgain)
        .collect();
    // There is one event: twenty rejections must not push out the other events.
    assert_eq!(recorded.len(), 1, "{events:?}");
    let recorded = serde_json::to_value(recorded).unwrap();
    assert_eq!(recorded[0]["what"], "rejected_again");
}

#[test]
fn the_bound_holds_for_all_clients_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let file: Arc<dyn Store> = Arc::new(FileStore::open(folder.path().join("store")).unwrap());
    for store in [file, Arc::new(MemoryStore::new())] {
        let first = bench_with(refreshing(), responses(2), Arc::clone(&store));
        assert_eq!(call_rejecting_api(&first.client, 2), "a2");
        let second = bench_with(refreshing(), [], store);
        assert_eq!(call_rejecting_api(&second.client, 20), "a2");
        assert_eq!(call_rejecting_api(&first.client, 20), "a2");
        assert_eq!(first.script.forms().len(), 2);
    }
}

#[test]
fn another_clients_newer_token_is_preferred_to_the_rejected_one() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let Bench { client, .. } = bench_with(refreshing(), responses(2), Arc::clone(&store));
    assert_eq!(call_rejecting_api(&client, 2), "a2");
    let other = bench_with(
        refreshing(),
        [Ok(rotated_response("b", "r3", 3600))],
        Arc::clone(&store),
    );
    other.client.refresh_now().unwrap();
    let token = client.token().unwrap();
    assert_eq!((token.expose(), token.source()), ("b", Source::Store));
}

#[test]
fn a_rejected_token_that_expires_soon_is_replaced() {
    let responses = [
        Ok(token_response("a", 3600)),
        Ok(token_response("b", 5)),
        Ok(token_response("c", 3600)),
    ];
    let bench = bench(client_credentials(), responses);
    assert_eq!(call_rejecting_api(&bench.client, 3), "b");
    bench.clock.advance(Duration::from_secs(5));
    assert_eq!(bench.client.token().unwrap().expose(), "c");
}

#[test]
fn a_late_report_of_an_older_token_does_not_restore_a_rejected_one() {
    let bench = bench(client_credentials(), responses(3));
    let first = bench.client.token().unwrap();
    bench.client.invalidate(&first);
    let second = bench.client.token().unwrap();
    bench.clock.advance(MINUTE);
    bench.client.invalidate(&second);
    bench.client.invalidate(&first);
    assert_eq!(bench.client.token().unwrap().expose(), "a3");
}

#[test]
fn a_rejected_token_of_a_logged_out_grant_is_not_returned() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = bench_with(refreshing(), responses(2), Arc::clone(&store));
    assert_eq!(call_rejecting_api(&first.client, 2), "a2");
    let other = bench_with(refreshing(), [Err(cut())], store);
    let revocation = other.client.forget().unwrap();
    assert!(matches!(revocation, Revocation::Failed(_)));
    let error = first.client.token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoToken);
}

#[test]
fn a_remembered_rejected_token_is_not_returned_after_a_logout_elsewhere() {
    for connection in [client_credentials(), refreshing()] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let first = bench_with(connection.clone(), responses(3), Arc::clone(&store));
        assert_eq!(call_rejecting_api(&first.client, 2), "a2");
        let other = bench_with(connection, [Ok(Response::new(200, [], ""))], store);
        let revocation = other.client.forget().unwrap();
        assert!(
            matches!(revocation, Revocation::Revoked | Revocation::NotOffered),
            "{revocation:?}"
        );
        // The rejected token is less than a minute old.
        assert_eq!(first.client.token().unwrap().expose(), "a3");
    }
}

#[test]
fn a_rejected_token_whose_record_is_gone_is_not_returned() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("store");
    let store: Arc<dyn Store> = Arc::new(FileStore::open(&at).unwrap());
    let first = bench_with(client_credentials(), responses(3), store);
    assert_eq!(call_rejecting_api(&first.client, 2), "a2");
    for file in std::fs::read_dir(&at).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    assert_eq!(first.client.token().unwrap().expose(), "a3");
}

#[test]
fn no_failure_after_a_logout_elsewhere_returns_the_old_token() {
    // The revocation fails, so that the record is kept, or succeeds, so that it is deleted.
    for (revocation, connection) in [
        (Err(cut()), refreshing()),
        (Ok(Response::new(200, [], "")), refreshing()),
    ] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let responses = [
            Ok(rotated_response("a1", "r1", 3600)),
            Err(cut()),
            Err(cut()),
        ];
        let first = bench_with(connection.clone(), responses, Arc::clone(&store));
        assert_eq!(first.client.token().unwrap().expose(), "a1");
        let other = bench_with(connection, [revocation], store);
        other.client.forget().unwrap();
        let forced = first.client.refresh_now();
        assert!(forced.is_err(), "{forced:?}");
        let token = first.client.token();
        assert!(token.is_err(), "{token:?}");
    }
}

#[test]
fn the_bound_holds_if_the_store_fails() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("store");
    let store: Arc<dyn Store> = Arc::new(FileStore::open(&at).unwrap());
    std::fs::remove_dir(&at).unwrap();
    let bench = bench_with(client_credentials(), responses(4), store);
    assert_eq!(call_rejecting_api(&bench.client, 20), "a2");
    assert_eq!(bench.script.forms().len(), 2);
}
