//! Logging out: revocation at the vendor, and then deletion from the store.

use std::sync::{Arc, Mutex};

use countersign_core::{
    Client, Connection, Error, ErrorKind, FileStore, MemoryStore, Response, Revocation, SendError,
    Source, Store, Verdict, What,
};

use crate::support::{
    Bench, MockTransport, bench, bench_with, by_assertion_or_login, client_credentials, connection,
    cut, login, refreshing, rejection, rotated_response, token_response, vendor,
};

fn logged_in() -> Bench {
    let bench = bench(refreshing(), [Ok(rotated_response("a", "r1", 600))]);
    bench.client.token().unwrap();
    bench
}

fn failure(client: &Client) -> Error {
    match client.forget().unwrap() {
        Revocation::Failed(error) => error,
        other => panic!("the revocation did not fail: {other:?}"),
    }
}

fn responses_that_revoke_nothing() -> Vec<(Result<Response, SendError>, Verdict)> {
    let rejected = |status, error| Ok(rejection(status, error));
    let busy = Response::new(503, [("Retry-After", "7")], "down for maintenance");
    vec![
        (Err(cut()), Verdict::Retry),
        (Ok(busy), Verdict::Retry),
        (Ok(Response::new(500, [], "")), Verdict::Retry),
        (rejected(401, "invalid_client"), Verdict::FixConfiguration),
        (Ok(Response::new(404, [], "")), Verdict::FixConfiguration),
        (rejected(400, "invalid_grant"), Verdict::FixConfiguration),
        (
            Ok(Response::new(
                400,
                [("Content-Type", "application/x-www-form-urlencoded")],
                "error=invalid_client&error_description=no+such+app",
            )),
            Verdict::FixConfiguration,
        ),
    ]
}

#[test]
fn a_grant_that_was_not_revoked_is_kept_and_not_returned() {
    for (response, verdict) in responses_that_revoke_nothing() {
        let shown = format!("{response:?}");
        let bench = logged_in();
        bench.script.push(response);
        let error = failure(&bench.client);
        assert_eq!(error.verdict(), verdict, "{shown}: {error:?}");
        let error = bench.client.token().unwrap_err();
        let is = (error.kind(), error.verdict());
        assert_eq!(is, (ErrorKind::NoToken, Verdict::Reauthorize), "{shown}");
        assert!(error.message().contains("was logged out"), "{error:?}");
        assert!(bench.client.peek(None).is_none());
        let events = bench.client.events().unwrap();
        assert_eq!(events.last().unwrap().what, What::NotRevoked);
        // Another process retries with the token that was kept.
        let ok = Ok(Response::new(200, [], "<html>revoked</html>"));
        let again = bench_with(refreshing(), [ok], bench.store);
        assert_eq!(again.client.token().unwrap_err().kind(), ErrorKind::NoToken);
        let revoked = again.client.forget().unwrap();
        assert!(matches!(revoked, Revocation::Revoked), "{shown}");
        assert_eq!(
            again.script.forms(),
            ["token=r1&token_type_hint=refresh_token"]
        );
        assert!(again.client.events().unwrap().is_empty());
    }
}

#[test]
fn a_failed_revocation_reports_retry_after() {
    let bench = logged_in();
    let busy = Response::new(503, [("Retry-After", "7")], "");
    bench.script.push(Ok(busy));
    let error = failure(&bench.client);
    assert_eq!(error.retry_after().unwrap().as_secs(), 7);
    assert_eq!(error.http_status(), Some(503));
}

#[test]
fn force_forget_deletes_the_token_whatever_the_vendor_does() {
    let bench = logged_in();
    bench.script.push(Err(cut()));
    let revocation = bench.client.force_forget().unwrap();
    assert!(matches!(revocation, Revocation::Failed(_)));
    let again = bench_with(refreshing(), [], bench.store);
    assert!(again.client.events().unwrap().is_empty());
}

#[test]
fn a_token_that_the_vendor_does_not_know_counts_as_revoked() {
    for body in [
        r#"{"error":"invalid_token"}"#,
        "error=invalid_token&error_description=invalid+token",
    ] {
        let bench = logged_in();
        bench.script.push(Ok(Response::new(400, [], body)));
        let revocation = bench.client.forget().unwrap();
        assert!(matches!(revocation, Revocation::Revoked), "{revocation:?}");
    }
}

#[test]
fn an_access_token_that_the_vendor_cannot_revoke_is_deleted() {
    let responses = [
        Ok(token_response("a", 600)),
        Ok(rejection(400, "unsupported_token_type")),
    ];
    let bench = bench(client_credentials(), responses);
    bench.client.token().unwrap();
    let revocation = bench.client.forget().unwrap();
    assert!(
        matches!(revocation, Revocation::NotOffered),
        "{revocation:?}"
    );
    assert!(bench.script.forms()[1].starts_with("token=a&token_type_hint=access_token"));
    // A refresh token is the grant itself, so failing to revoke it is an error.
    let bench = logged_in();
    bench
        .script
        .push(Ok(rejection(400, "unsupported_token_type")));
    let error = failure(&bench.client);
    assert_eq!(error.oauth_error(), Some("unsupported_token_type"));
}

#[test]
fn a_login_replaces_a_grant_that_was_not_revoked() {
    let bench = bench(
        by_assertion_or_login(),
        [
            Ok(rotated_response("a", "r1", 600)),
            Err(cut()),
            Ok(rotated_response("b", "r2", 600)),
        ],
    );
    log_in(&bench.client);
    failure(&bench.client);
    bench.client.token().unwrap_err();
    log_in(&bench.client);
    assert_eq!(bench.client.token().unwrap().expose(), "b");
}

fn log_in(client: &Client) {
    let login = client.start_login(None).unwrap();
    let (_, state) = login.url().as_str().split_once("state=").unwrap();
    let state = state.split('&').next().unwrap();
    client
        .complete_login(&login, &format!("code=c&state={state}"))
        .unwrap();
}

#[test]
fn listeners_are_called_only_if_the_token_was_deleted() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&heard);
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(FileStore::open(folder.path().join("store")).unwrap());
    let script = MockTransport::new([
        Ok(rotated_response("a", "r1", 600)),
        Err(cut()),
        Ok(Response::new(204, [], "")),
    ]);
    let client = Client::builder(refreshing())
        .transport(script)
        .store(store)
        .on_change(move |change| noted.lock().unwrap().push(format!("{change:?}")))
        .build()
        .unwrap();
    assert_eq!(client.token().unwrap().source(), Source::Refreshed);
    failure(&client);
    assert_eq!(heard.lock().unwrap().len(), 1);
    client.forget().unwrap();
    assert_eq!(heard.lock().unwrap()[1], "Forgotten");
}

/// A client after a login and a logout that the vendor did not revoke.
fn not_revoked() -> Bench {
    not_revoked_of(refreshing())
}

fn not_revoked_of(connection: Connection) -> Bench {
    let bench = bench(connection, [Ok(rotated_response("a", "r1", 600))]);
    bench.client.token().unwrap();
    bench.script.push(Err(cut()));
    failure(&bench.client);
    bench
}

fn revocations(bench: &Bench) -> Vec<String> {
    let forms = bench.script.forms();
    let revocations = forms.into_iter().filter(|form| form.starts_with("token="));
    revocations.skip(1).collect()
}

#[test]
fn a_login_over_a_grant_that_was_not_revoked_keeps_it_for_revocation() {
    let bench = not_revoked();
    bench.script.push(Ok(rotated_response("b", "s1", 600)));
    login(&bench.client).unwrap();
    // Neither a refresh nor another process loses the earlier grant.
    bench.script.push(Ok(rotated_response("c", "s2", 600)));
    assert_eq!(bench.client.refresh_now().unwrap().expose(), "c");
    let ok = || Ok(Response::new(200, [], ""));
    let again = bench_with(refreshing(), [ok(), ok()], bench.store);
    let revoked = again.client.forget().unwrap();
    assert!(matches!(revoked, Revocation::Revoked), "{revoked:?}");
    assert_eq!(
        again.script.forms(),
        [
            "token=r1&token_type_hint=refresh_token",
            "token=s2&token_type_hint=refresh_token"
        ]
    );
}

#[test]
fn only_the_grants_that_were_not_revoked_are_retried() {
    let bench = not_revoked();
    bench.script.push(Ok(rotated_response("b", "s1", 600)));
    login(&bench.client).unwrap();
    // The vendor revokes the earlier grant and not the new one.
    bench.script.push(Ok(Response::new(200, [], "")));
    bench.script.push(Err(cut()));
    failure(&bench.client);
    assert_eq!(bench.client.token().unwrap_err().kind(), ErrorKind::NoToken);
    bench.script.push(Ok(Response::new(200, [], "")));
    let revoked = bench.client.forget().unwrap();
    assert!(matches!(revoked, Revocation::Revoked), "{revoked:?}");
    let form = |token| format!("token={token}&token_type_hint=refresh_token");
    assert_eq!(revocations(&bench), [form("r1"), form("s1"), form("s1")]);
    // No token is left to revoke.
    assert!(bench.client.events().unwrap().is_empty());
}

#[test]
fn an_earlier_grant_that_is_not_revoked_keeps_the_new_one_too() {
    let bench = not_revoked();
    bench.script.push(Ok(rotated_response("b", "s1", 600)));
    login(&bench.client).unwrap();
    bench.script.push(Err(cut()));
    failure(&bench.client);
    bench.script.push(Ok(Response::new(200, [], "")));
    bench.script.push(Ok(Response::new(200, [], "")));
    bench.client.forget().unwrap();
    let form = |token| format!("token={token}&token_type_hint=refresh_token");
    assert_eq!(revocations(&bench), [form("r1"), form("r1"), form("s1")]);
    // With force, all revocations are tried, and the record is deleted whatever their outcomes.
    let bench = not_revoked();
    bench.script.push(Ok(rotated_response("b", "s1", 600)));
    login(&bench.client).unwrap();
    bench.script.push(Err(cut()));
    bench.script.push(Err(cut()));
    let forced = bench.client.force_forget().unwrap();
    assert!(matches!(forced, Revocation::Failed(_)), "{forced:?}");
    assert_eq!(revocations(&bench), [form("r1"), form("s1")]);
    assert!(bench.client.events().unwrap().is_empty());
}

#[test]
fn a_login_warns_about_what_is_missing() {
    let warned = |response: Response, bench: Option<Bench>| {
        let warnings: Arc<Mutex<Vec<String>>> = Arc::default();
        let reported = Arc::clone(&warnings);
        let store = bench.map_or_else(|| Arc::new(MemoryStore::new()) as _, |bench| bench.store);
        let script = MockTransport::new([Ok(response)]);
        let client = Client::builder(scoped())
            .store(store)
            .transport(script)
            .on_warning(move |warning| reported.lock().unwrap().push(warning.message().to_owned()))
            .build()
            .unwrap();
        let token = login(&client).unwrap();
        let asked = client.login_warnings(&token).unwrap();
        assert!(asked.iter().all(|warning| warning.hint().is_some()));
        let asked: Vec<_> = asked.iter().map(|w| w.message().to_owned()).collect();
        assert_eq!(*warnings.lock().unwrap(), asked);
        asked
    };
    let body = |more: &str| {
        let body = format!(r#"{{"access_token":"a","token_type":"Bearer"{more}}}"#);
        Response::new(200, [("Content-Type", "application/json")], body)
    };
    let all = r#","refresh_token":"r","scope":"read write""#;
    assert_eq!(warned(body(all), None), Vec::<String>::new());
    let [no_refresh] = &warned(body(""), None)[..] else {
        panic!("expected one warning");
    };
    assert!(no_refresh.contains("no refresh token"), "{no_refresh}");
    let fewer = warned(body(r#","refresh_token":"r","scope":"read""#), None);
    assert!(fewer[0].contains("write is missing"), "{fewer:?}");
    let unrevoked = warned(body(all), Some(not_revoked_of(scoped())));
    assert!(unrevoked[0].contains("not revoked"), "{unrevoked:?}");
}

/// Like [`refreshing`], with scopes.
fn scoped() -> Connection {
    connection([
        ("grant", "refresh-token"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("refresh_token", "r0"),
        ("redirect_uri", "https://app.example/callback"),
        ("scopes", "read write"),
    ])
}

/// Dropbox revokes a login by its access token.
#[test]
fn a_grant_may_be_revoked_by_its_access_token() {
    let connect = || {
        vendor(
            "endpoints.revoke = \"{base_url}/revoke\"\nendpoints.revoke_token = \"access_token\"\nendpoints.revoke_bearer = true\nendpoints.revoke_names = { token = \"\", token_type_hint = \"\" }",
            &[("grant", "refresh-token"), ("refresh_token", "r0")],
        )
    };
    let sent = |bench: &Bench, at: usize| {
        let requests = bench.script.requests();
        let mut headers = requests[at].headers();
        let found = headers.find(|(name, _)| *name == "Authorization");
        found.map(|(_, value)| value.expose().to_owned())
    };
    let ok = || Ok(Response::new(200, [], ""));
    let bench = bench(connect(), [Ok(rotated_response("a", "r1", 600)), ok()]);
    bench.client.token().unwrap();
    assert!(matches!(
        bench.client.forget().unwrap(),
        Revocation::Revoked
    ));
    assert_eq!(sent(&bench, 1).as_deref(), Some("Bearer a"));
    assert!(bench.store.keys().unwrap().is_empty());

    // An expired one is refreshed first.
    let responses = [
        Ok(rotated_response("a", "r1", 600)),
        Ok(rotated_response("b", "r2", 600)),
        ok(),
    ];
    let bench = self::bench(connect(), responses);
    bench.client.token().unwrap();
    bench.clock.advance(std::time::Duration::from_secs(700));
    assert!(matches!(
        bench.client.forget().unwrap(),
        Revocation::Revoked
    ));
    assert_eq!(sent(&bench, 2).as_deref(), Some("Bearer b"));

    // If that fails, nothing is lost.
    let responses = [
        Ok(rotated_response("a", "r1", 600)),
        Err(cut()),
        Ok(Response::new(401, [], "")),
    ];
    let bench = self::bench(connect(), responses);
    bench.client.token().unwrap();
    bench.clock.advance(std::time::Duration::from_secs(700));
    assert_eq!(failure(&bench.client).http_status(), Some(401));
    assert!(!bench.store.keys().unwrap().is_empty());
}
