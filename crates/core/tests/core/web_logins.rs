//! Logins of principals in the host's web server: every attack and accident has its outcome.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::testing::{TestClient, client_of};
use countersign_core::{
    BegunLogin, Client, Clock, Connection, Error, ErrorKind, LoginOptions, MemoryStore, Response,
    Revocation, Secret, SendError, Settings, Store, Verdict, What,
};

use crate::support::{json, rejection as error_response, rotated_response, token_response};

fn app_named(name: &str, more: &[(&str, &str)]) -> Connection {
    let pairs = [
        ("provider", "acme"),
        ("environment", "demo"),
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "https://app.example/callback"),
    ];
    let mut settings = Settings::from_pairs(pairs).unwrap();
    for (key, value) in more {
        settings.set(key, value).unwrap();
    }
    Connection::new(name, &settings, crate::support::provider()).unwrap()
}

pub(crate) fn app() -> Connection {
    app_named("mine", &[])
}

fn bench(responses: impl IntoIterator<Item = Response>) -> TestClient {
    bench_on(app(), responses, Arc::new(MemoryStore::new()))
}

pub(crate) fn bench_on(
    connection: Connection,
    responses: impl IntoIterator<Item = Response>,
    store: Arc<dyn Store>,
) -> TestClient {
    client_of(
        connection,
        responses.into_iter().map(Ok::<_, SendError>),
        store,
    )
}

pub(crate) fn begin(client: &Client, id: &str) -> BegunLogin {
    begin_with(client, id, &LoginOptions::new())
}

fn begin_with(client: &Client, id: &str, options: &LoginOptions) -> BegunLogin {
    client.grant(id).unwrap().begin_login(options).unwrap()
}

/// The callback of a login to which the vendor issued a code.
fn callback(begun: &BegunLogin) -> String {
    format!("/callback?code=c0de&state={}", begun.state)
}

pub(crate) fn finish(client: &Client, id: &str, begun: &BegunLogin) -> Result<String, Error> {
    finish_with(client, id, &callback(begun), &begun.saved)
}

fn finish_with(client: &Client, id: &str, callback: &str, saved: &Secret) -> Result<String, Error> {
    let finished = client.grant(id)?.finish_login(callback, saved)?;
    Ok(finished.token.expose().to_owned())
}

/// Asserts that a login was rejected without a request, and that the person can begin another one.
fn assert_rejected(test: &TestClient, outcome: Result<String, Error>, message: &str) {
    let sent = test.transport.requests().len();
    let error = outcome.unwrap_err();
    assert!(error.message().contains(message), "{message}: {error}");
    assert_eq!(error.kind(), ErrorKind::Callback, "{error}");
    assert_eq!(error.verdict(), Verdict::Reauthorize, "{error}");
    assert!(error.hint().is_some(), "{error}");
    assert_eq!(sent, test.transport.requests().len());
}

#[test]
fn a_login_is_finished_in_any_process_that_shares_the_store() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = bench_on(app(), [], store.clone());
    let second = bench_on(app(), [rotated_response("t1", "r1", 3600)], store.clone());
    let options = LoginOptions::new()
        .return_to("/settings?tab=accounts#done")
        .prompt("consent")
        .login_hint("jo@example.com");
    let begun = begin_with(&first.client, "acme/42", &options);
    let url = begun.url.as_str();
    for parameter in [
        "&state=",
        "&code_challenge_method=S256",
        "&prompt=consent",
        "&login_hint=jo%40example.com",
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback",
    ] {
        assert!(url.contains(parameter), "{url}");
    }
    for form in [
        format!(
            "https://app.example/callback?code=c0de&state={}",
            begun.state
        ),
        callback(&begun),
        format!("code=c0de&state={}", begun.state),
    ] {
        let finished = second.client.grant("acme/42").unwrap();
        let finished = finished.finish_login(&form, &begun.saved).unwrap();
        assert_eq!(finished.token.expose(), "t1");
        assert_eq!(
            finished.return_to.as_deref(),
            Some("/settings?tab=accounts#done")
        );
    }
    assert_eq!(second.transport.requests().len(), 1);
    let form = &second.transport.forms()[0];
    assert!(
        form.contains("code=c0de") && form.contains("code_verifier="),
        "{form}"
    );
    assert_eq!(
        first
            .client
            .grant("acme/42")
            .unwrap()
            .token()
            .unwrap()
            .expose(),
        "t1"
    );
}

#[test]
fn a_saved_login_is_sealed_and_fits_a_cookie() {
    let test = bench([]);
    let begun = begin(&test.client, "acme/42");
    assert!(!format!("{begun:?}").contains(begun.saved.expose()));
    let length = begun.saved.expose().len();
    assert!(length < 600, "{length}");
    let decoded = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(begun.saved.expose());
    let plain = decoded.unwrap();
    for secret in [begun.state.as_str(), "acme/42", "app.example"] {
        assert!(
            !plain
                .windows(secret.len())
                .any(|part| part == secret.as_bytes())
        );
    }
    let longest = LoginOptions::new().return_to(format!("/{}", "x".repeat(511)));
    let begun = begin_with(&test.client, &"i".repeat(200), &longest);
    let length = begun.saved.expose().len();
    assert!(length < 2048, "{length}");
}

#[test]
fn without_the_saved_login_of_this_browser_nothing_is_sent() {
    let test = bench([]);
    let mine = begin(&test.client, "acme/42");
    let other = begin(&test.client, "acme/42");
    let reject = |saved: &str, message| {
        let outcome = finish_with(
            &test.client,
            "acme/42",
            &callback(&mine),
            &Secret::new(saved),
        );
        assert_rejected(&test, outcome, message);
    };
    // The browser has no session, or somebody else's.
    reject("", "there is no saved login");
    reject(other.saved.expose(), "`state` does not match");
    // Not what begin_login returned.
    for text in [
        "x",
        "not base64!",
        "AAAA",
        &mine.state,
        "{}",
        &"A".repeat(400),
        &"A".repeat(99_999),
    ] {
        reject(text, "saved login was changed, or is none");
    }
    reject(&mine.saved.expose()[..40], "saved login was changed");
}

#[test]
fn a_changed_saved_login_is_rejected_wherever_it_was_changed() {
    let test = bench([]);
    let begun = begin(&test.client, "acme/42");
    let text = begun.saved.expose();
    for position in 0..text.len() {
        let mut changed = text.as_bytes().to_vec();
        changed[position] = match changed[position] {
            b'A' => b'Q',
            _ => b'A',
        };
        let changed = Secret::new(String::from_utf8(changed).unwrap());
        let outcome = finish_with(&test.client, "acme/42", &callback(&begun), &changed);
        assert_rejected(&test, outcome, "saved login");
    }
}

#[test]
fn a_saved_login_is_for_one_principal_and_connection() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let test = bench_on(app(), [], store.clone());
    let begun = begin(&test.client, "acme/42");
    for id in ["acme/43", "acme", "acme/4", "ACME/42", "acme/42/x"] {
        let outcome = finish(&test.client, id, &begun);
        assert_rejected(&test, outcome, "the saved login is for another principal");
    }
    let others = [
        app_named("other", &[]),
        app_named("mine", &[("environment", "production")]),
        app_named("mine", &[("client_id", "app2")]),
        app_named("mine", &[("extra.tenant", "42")]),
    ];
    for connection in others {
        let other = bench_on(connection, [], store.clone());
        // Also once it has a key of its own.
        for _ in 0..2 {
            let outcome = finish(&other.client, "acme/42", &begun);
            assert_rejected(&other, outcome, "belongs to another connection");
            begin(&other.client, "acme/42");
        }
    }
    let elsewhere = bench([]);
    let outcome = finish(&elsewhere.client, "acme/42", &begun);
    assert_rejected(&elsewhere, outcome, "its key is gone");
}

#[test]
fn a_late_callback_is_rejected() {
    let test = bench([rotated_response("t1", "r1", 3600)]);
    let late = begin(&test.client, "a");
    let long = begin_with(
        &test.client,
        "a",
        &LoginOptions::new().lifetime(Duration::from_secs(3600)),
    );
    let forever = LoginOptions::new().lifetime(Duration::from_secs(999_999));
    let forever = begin_with(&test.client, "b", &forever);
    test.clock.advance(Duration::from_secs(600));
    assert_rejected(
        &test,
        finish(&test.client, "a", &late),
        "it began 10 minutes ago",
    );
    assert_eq!(finish(&test.client, "a", &long).unwrap(), "t1");
    test.clock.advance(Duration::from_secs(24 * 3600));
    assert_rejected(&test, finish(&test.client, "b", &forever), "has expired");
    // A clock that was an hour ahead doesn't make a login last longer.
    let ahead = begin(&test.client, "b");
    let now = test.clock.now().unix_ms / 1000;
    test.clock.set_wall(now - 3600);
    assert_rejected(
        &test,
        finish(&test.client, "b", &ahead),
        "began in the future",
    );
}

#[test]
fn what_the_vendor_reports_leaves_the_grant_as_it_is() {
    let test = bench([rotated_response("t1", "r1", 3600)]);
    let first = begin(&test.client, "a");
    finish(&test.client, "a", &first).unwrap();
    let begun = begin(&test.client, "a");
    let report = |query: &str| {
        let callback = format!("/callback?{query}&state={}", begun.state);
        finish_with(&test.client, "a", &callback, &begun.saved)
    };
    assert_rejected(&test, report("error=access_denied"), "access_denied");
    let error = report("error=access_denied&error_description=no").unwrap_err();
    assert_eq!(
        (error.oauth_error(), error.oauth_description()),
        (Some("access_denied"), Some("no"))
    );
    for (query, verdict) in [
        ("error=server_error", Verdict::Retry),
        ("error=temporarily_unavailable", Verdict::Retry),
        ("error=invalid_scope", Verdict::FixConfiguration),
        ("error=unauthorized_client", Verdict::FixConfiguration),
    ] {
        assert_eq!(report(query).unwrap_err().verdict(), verdict, "{query}");
    }
    assert_rejected(&test, report("code="), "has no `code`");
    assert_rejected(&test, report("x=y"), "has no `code`");
    assert_rejected(&test, report("code=a&code=b"), "has `code` twice");
    assert_rejected(&test, report("code=a&state=x"), "`state` does not match");
    for callback in [
        "",
        "/callback",
        "/callback?code=c0de",
        "/callback?code=c0de&state=",
    ] {
        let outcome = finish_with(&test.client, "a", callback, &begun.saved);
        assert_rejected(&test, outcome, "the callback");
    }
    assert_eq!(test.transport.requests().len(), 1);
    assert_eq!(
        test.client.grant("a").unwrap().token().unwrap().expose(),
        "t1"
    );
    // The login itself can still be finished.
    test.transport.push(Ok(rotated_response("t2", "r2", 3600)));
    assert_eq!(finish(&test.client, "a", &begun).unwrap(), "t2");
}

#[test]
fn a_callback_of_another_server_is_rejected() {
    let connection = |issuer: &str| {
        let profile = crate::support::PROFILE.replace(
            "[endpoints]\n",
            "[endpoints]\nauthorization_response_iss_parameter_supported = true\n",
        );
        let profile = countersign_core::Profile::from_toml(&profile).unwrap();
        let pairs = [
            ("provider", "acme"),
            ("environment", "demo"),
            ("grant", "authorization-code"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
            ("redirect_uri", "https://app.example/callback"),
            ("issuer", issuer),
        ];
        let settings = Settings::from_pairs(pairs).unwrap();
        Connection::new("mine", &settings, countersign_core::from_profile(profile)).unwrap()
    };
    let store = Arc::new(MemoryStore::new());
    let issuer = "https://login.acme.example";
    let test = bench_on(
        connection(issuer),
        [rotated_response("t1", "r1", 3600)],
        store,
    );
    let begun = begin(&test.client, "a");
    let of = |iss: &str| {
        let callback = format!("{}{iss}", callback(&begun));
        finish_with(&test.client, "a", &callback, &begun.saved)
    };
    assert_rejected(&test, of(""), "has no `iss`");
    assert_rejected(
        &test,
        of("&iss=https://evil.example"),
        "its code was not used",
    );
    assert_rejected(
        &test,
        of("&iss=https://login.acme.example/"),
        "its code was not used",
    );
    assert_rejected(
        &test,
        of("&iss=https://login.acme.example&iss=x"),
        "`iss` twice",
    );
    assert_eq!(of("&iss=https://login.acme.example").unwrap(), "t1");
}

#[test]
fn a_repeated_callback_returns_the_current_token() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let test = bench_on(app(), [rotated_response("t1", "r1", 60)], store.clone());
    let begun = begin(&test.client, "a");
    assert_eq!(finish(&test.client, "a", &begun).unwrap(), "t1");
    // Double click, back button, reload: also in another process.
    assert_eq!(finish(&test.client, "a", &begun).unwrap(), "t1");
    let other = bench_on(app(), [rotated_response("t2", "r2", 60)], store);
    let repeated = other.client.grant("a").unwrap();
    let repeated = repeated
        .finish_login(&callback(&begun), &begun.saved)
        .unwrap();
    assert!(repeated.is_repeated);
    assert_eq!(repeated.token.expose(), "t1");
    assert!(other.transport.requests().is_empty());
    // Once the token has expired, it is refreshed.
    other.clock.advance(Duration::from_secs(60));
    assert_eq!(finish(&other.client, "a", &begun).unwrap(), "t2");
    assert!(other.transport.forms()[0].contains("refresh_token=r1"));
    // A repetition still needs the right state.
    let forged = "/callback?code=c0de&state=x";
    let outcome = finish_with(&other.client, "a", forged, &begun.saved);
    assert_rejected(&other, outcome, "`state` does not match");
}

#[test]
fn a_double_click_sends_one_code() {
    let test = bench([rotated_response("t1", "r1", 3600)]);
    let begun = begin(&test.client, "a");
    test.transport.hold();
    let grant = test.client.grant("a").unwrap();
    let clicks: Vec<_> = (0..3)
        .map(|_| {
            let (grant, begun) = (grant.clone(), begun.clone());
            std::thread::spawn(move || grant.finish_login(&callback(&begun), &begun.saved))
        })
        .collect();
    test.transport.wait_for_requests(1);
    test.transport.release();
    let finished: Vec<_> = clicks
        .into_iter()
        .map(|click| click.join().unwrap().unwrap())
        .collect();
    assert!(
        finished
            .iter()
            .all(|finished| finished.token.expose() == "t1")
    );
    assert_eq!(
        finished
            .iter()
            .filter(|finished| !finished.is_repeated)
            .count(),
        1
    );
    assert_eq!(test.transport.requests().len(), 1);
}

#[test]
fn of_two_tabs_the_later_login_counts_and_both_are_revoked() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let test = bench_on(
        app(),
        [
            rotated_response("t2", "r2", 3600),
            rotated_response("t1", "r1", 3600),
        ],
        store.clone(),
    );
    let (first, second) = (begin(&test.client, "a"), begin(&test.client, "a"));
    assert_eq!(finish(&test.client, "a", &second).unwrap(), "t2");
    assert_eq!(finish(&test.client, "a", &first).unwrap(), "t1");
    let grant = test.client.grant("a").unwrap();
    assert_eq!(grant.token().unwrap().expose(), "t1");
    let logins = grant.events().unwrap();
    let logins = logins.iter().filter(|event| event.what == What::LoggedIn);
    assert_eq!(logins.count(), 2);
    // The callback of the tab that lost changes nothing, in any process.
    let other = bench_on(app(), [], store);
    for test in [&test, &other] {
        let outcome = finish(&test.client, "a", &second);
        assert_rejected(test, outcome, "a later one has replaced it");
    }
    assert_eq!(finish(&other.client, "a", &first).unwrap(), "t1");
    for _ in 0..2 {
        test.transport.push(Ok(Response::new(200, [], "")));
    }
    assert!(matches!(grant.forget().unwrap(), Revocation::Revoked));
    let forms = test.transport.forms();
    assert!(
        forms[2].contains("token=r2") && forms[3].contains("token=r1"),
        "{forms:?}"
    );
}

#[test]
fn a_repeated_callback_never_returns_an_earlier_logins_token() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let one = bench_on(app(), [rotated_response("t1", "r1", 3600)], store.clone());
    let two = bench_on(app(), [rotated_response("t2", "r2", 3600)], store);
    let first = begin(&one.client, "a");
    finish(&one.client, "a", &first).unwrap();
    let second = begin(&two.client, "a");
    finish(&two.client, "a", &second).unwrap();
    // The first process still has the first login's token cached.
    assert_eq!(finish(&one.client, "a", &second).unwrap(), "t2");
    assert_eq!(
        one.client.grant("a").unwrap().token().unwrap().expose(),
        "t2"
    );
}

#[test]
fn a_code_that_the_vendor_rejects_leaves_the_grant_as_it_is() {
    let test = bench([
        rotated_response("t1", "r1", 3600),
        error_response(400, "invalid_grant"),
    ]);
    let first = begin(&test.client, "a");
    finish(&test.client, "a", &first).unwrap();
    let second = begin(&test.client, "a");
    let error = finish(&test.client, "a", &second).unwrap_err();
    assert_eq!(error.verdict(), Verdict::Reauthorize, "{error}");
    let hint = error.hint().unwrap();
    assert!(!hint.contains("start_login"), "{hint}");
    assert_eq!(
        test.client.grant("a").unwrap().token().unwrap().expose(),
        "t1"
    );
}

#[test]
fn a_repeated_callback_does_not_undo_a_failed_logout() {
    let test = bench([
        rotated_response("t1", "r1", 3600),
        error_response(503, "temporarily_unavailable"),
    ]);
    let begun = begin(&test.client, "a");
    finish(&test.client, "a", &begun).unwrap();
    let grant = test.client.grant("a").unwrap();
    assert!(matches!(grant.forget().unwrap(), Revocation::Failed(_)));
    let error = finish(&test.client, "a", &begun).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoToken, "{error}");
    assert_eq!(test.transport.requests().len(), 2);
}

fn with_id_token(access_token: &str, refresh_token: &str, subject: &str) -> Response {
    let encode = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text);
    let header = encode(r#"{"alg":"RS256"}"#);
    let payload = encode(&format!(
        r#"{{"iss":"https://login.acme.example","sub":"{subject}"}}"#
    ));
    let body = serde_json::json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": refresh_token,
        "id_token": format!("{header}.{payload}.AAAA"),
    });
    json(200, body)
}

#[test]
fn another_account_is_rejected_if_the_same_one_is_expected() {
    let test = bench([
        with_id_token("t1", "r1", "joe"),
        with_id_token("t2", "r2", "joe"),
        with_id_token("t3", "r3", "eve"),
        token_response("t4", 3600),
    ]);
    let same = LoginOptions::new().expect_same_account(true);
    for token in ["t1", "t2"] {
        let begun = begin_with(&test.client, "a", &same);
        assert_eq!(finish(&test.client, "a", &begun).unwrap(), token);
    }
    for message in ["another account", "does not say whether"] {
        let begun = begin_with(&test.client, "a", &same);
        let error = finish(&test.client, "a", &begun).unwrap_err();
        assert!(error.message().contains(message), "{error}");
        assert_eq!(error.verdict(), Verdict::Reauthorize);
        assert_eq!(
            test.client.grant("a").unwrap().token().unwrap().expose(),
            "t2"
        );
    }
    // Without that wish, the person may connect another account.
    test.transport.push(Ok(with_id_token("t5", "r5", "eve")));
    let begun = begin(&test.client, "a");
    assert_eq!(finish(&test.client, "a", &begun).unwrap(), "t5");
}

#[test]
fn only_paths_of_the_own_site_are_returned_to() {
    let test = bench([]);
    let grant = test.client.grant("a").unwrap();
    for path in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "",
        "done",
        "/\t/x",
    ] {
        let error = grant
            .begin_login(&LoginOptions::new().return_to(path))
            .unwrap_err();
        assert!(error.message().starts_with("`return_to`"), "{error}");
    }
    assert!(test.store.keys().unwrap().is_empty());
}
