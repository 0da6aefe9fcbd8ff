//! Access tokens that an API rejects: a new one, but not one for every call.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    Client, ErrorKind, FileStore, MemoryStore, Response, Revocation, SendError, Source, Store, What,
};

use crate::support::{
    Bench, bench, bench_with, client_credentials, cut, refreshing, rotated_answer, token_answer,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Calls an API so often that answers 401 to everything, and returns the last token.
fn call_rejecting_api(client: &Client, times: usize) -> String {
    let calls = (0..times).map(|_| {
        let token = client.token().unwrap();
        client.invalidate(&token);
        token.expose().to_owned()
    });
    calls.reduce(|_, last| last).unwrap()
}

fn answers(count: usize) -> Vec<Result<Response, SendError>> {
    let answer = |n| Ok(rotated_answer(&format!("a{n}"), &format!("r{n}"), 3600));
    (1..=count).map(answer).collect()
}

#[test]
fn an_api_that_rejects_everything_does_not_cost_a_request_a_call() {
    for connection in [client_credentials(), refreshing()] {
        let bench = bench(connection, answers(4));
        assert_eq!(call_rejecting_api(&bench.client, 20), "a2");
        assert_eq!(bench.script.forms().len(), 2);
        // The rejected token is worth another try a minute later, once.
        bench.clock.advance(MINUTE);
        assert_eq!(call_rejecting_api(&bench.client, 20), "a3");
        assert_eq!(bench.script.forms().len(), 3);
        // A person who asks for a new one gets it.
        assert_eq!(bench.client.refresh_now().unwrap().expose(), "a4");
    }
}

#[test]
fn the_history_says_that_a_new_token_was_rejected_as_well() {
    let bench = bench(refreshing(), answers(2));
    call_rejecting_api(&bench.client, 20);
    let events = bench.client.events().unwrap();
    let told: Vec<_> = events
        .iter()
        .filter(|event| event.what == What::RejectedAgain)
        .collect();
    // Once: twenty rejections must not push out what else happened.
    assert_eq!(told.len(), 1, "{events:?}");
    let told = serde_json::to_value(told).unwrap();
    assert_eq!(told[0]["what"], "rejected_again");
}

#[test]
fn the_bound_holds_for_all_that_share_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let file: Arc<dyn Store> = Arc::new(FileStore::open(folder.path().join("store")).unwrap());
    for store in [file, Arc::new(MemoryStore::new())] {
        let first = bench_with(refreshing(), answers(2), Arc::clone(&store));
        assert_eq!(call_rejecting_api(&first.client, 2), "a2");
        let second = bench_with(refreshing(), [], store);
        assert_eq!(call_rejecting_api(&second.client, 20), "a2");
        assert_eq!(call_rejecting_api(&first.client, 20), "a2");
        assert_eq!(first.script.forms().len(), 2);
    }
}

#[test]
fn another_holders_newer_token_is_taken_before_the_rejected_one() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let Bench { client, .. } = bench_with(refreshing(), answers(2), Arc::clone(&store));
    assert_eq!(call_rejecting_api(&client, 2), "a2");
    let other = bench_with(
        refreshing(),
        [Ok(rotated_answer("b", "r3", 3600))],
        Arc::clone(&store),
    );
    other.client.refresh_now().unwrap();
    let token = client.token().unwrap();
    assert_eq!((token.expose(), token.source()), ("b", Source::Store));
}

#[test]
fn a_rejected_token_that_ends_soon_is_replaced() {
    let answers = [
        Ok(token_answer("a", 3600)),
        Ok(token_answer("b", 5)),
        Ok(token_answer("c", 3600)),
    ];
    let bench = bench(client_credentials(), answers);
    assert_eq!(call_rejecting_api(&bench.client, 3), "b");
    bench.clock.advance(Duration::from_secs(5));
    assert_eq!(bench.client.token().unwrap().expose(), "c");
}

#[test]
fn a_late_rejection_of_an_older_token_does_not_bring_back_a_rejected_one() {
    let bench = bench(client_credentials(), answers(3));
    let first = bench.client.token().unwrap();
    bench.client.invalidate(&first);
    let second = bench.client.token().unwrap();
    bench.clock.advance(MINUTE);
    bench.client.invalidate(&second);
    bench.client.invalidate(&first);
    assert_eq!(bench.client.token().unwrap().expose(), "a3");
}

#[test]
fn a_rejected_token_of_a_logged_out_grant_is_not_handed_out() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = bench_with(refreshing(), answers(2), Arc::clone(&store));
    assert_eq!(call_rejecting_api(&first.client, 2), "a2");
    let other = bench_with(refreshing(), [Err(cut())], store);
    let revocation = other.client.forget().unwrap();
    assert!(matches!(revocation, Revocation::Failed(_)));
    let error = first.client.token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoToken);
}

#[test]
fn a_remembered_rejected_token_is_not_handed_out_after_a_logout_elsewhere() {
    for connection in [client_credentials(), refreshing()] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let first = bench_with(connection.clone(), answers(3), Arc::clone(&store));
        assert_eq!(call_rejecting_api(&first.client, 2), "a2");
        let other = bench_with(connection, [Ok(Response::new(200, [], ""))], store);
        let revocation = other.client.forget().unwrap();
        assert!(
            matches!(revocation, Revocation::Revoked | Revocation::NotOffered),
            "{revocation:?}"
        );
        // Within the first minute of the rejected one.
        assert_eq!(first.client.token().unwrap().expose(), "a3");
    }
}

#[test]
fn a_rejected_token_whose_record_is_gone_is_not_handed_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("store");
    let store: Arc<dyn Store> = Arc::new(FileStore::open(&at).unwrap());
    let first = bench_with(client_credentials(), answers(3), store);
    assert_eq!(call_rejecting_api(&first.client, 2), "a2");
    for file in std::fs::read_dir(&at).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    assert_eq!(first.client.token().unwrap().expose(), "a3");
}

#[test]
fn no_failure_after_a_logout_elsewhere_brings_the_old_token_back() {
    // Marked for a revocation that failed, and forgotten altogether.
    for (revocation, connection) in [
        (Err(cut()), refreshing()),
        (Ok(Response::new(200, [], "")), refreshing()),
    ] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let answers = [Ok(rotated_answer("a1", "r1", 3600)), Err(cut()), Err(cut())];
        let first = bench_with(connection.clone(), answers, Arc::clone(&store));
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
fn the_bound_holds_without_a_store_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("store");
    let store: Arc<dyn Store> = Arc::new(FileStore::open(&at).unwrap());
    std::fs::remove_dir(&at).unwrap();
    let bench = bench_with(client_credentials(), answers(4), store);
    assert_eq!(call_rejecting_api(&bench.client, 20), "a2");
    assert_eq!(bench.script.forms().len(), 2);
}
