//! Clients that find their endpoints by the issuer: caching, restarts, servers that are down.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::testing::{TestClient, client_of, rotated_response, token_response};
use countersign_core::{
    Clock, Connection, Error, ErrorKind, RecordSummary, Response, SendError, Source, Store, Verdict,
};
use serde_json::json;

use super::any_server::{self, Outcome, found, memory, status, urls};

const ISSUER: &str = "https://login.acme.example/t1";

/// The settings of an app with a secret, and these.
fn try_connection(pairs: &[(&str, &str)]) -> Result<Connection, Error> {
    let app = [("client_id", "app"), ("client_secret", "s3cret")];
    any_server::connection(app.iter().chain(pairs).copied())
}

fn app() -> Connection {
    try_connection(&[("issuer", ISSUER), ("grant", "client-credentials")]).unwrap()
}

fn metadata(token_path: &str) -> Outcome {
    let document = json!({
        "issuer": ISSUER,
        "token_endpoint": format!("https://tokens.acme.example{token_path}"),
        "authorization_endpoint": "https://login.acme.example/authorize",
        "authorization_response_iss_parameter_supported": true,
        "revocation_endpoint": "https://login.acme.example/revoke",
    });
    Ok(Response::new(
        200,
        [("Cache-Control", "public, max-age=3600")],
        document.to_string(),
    ))
}

fn client(store: &Arc<dyn Store>, responses: impl IntoIterator<Item = Outcome>) -> TestClient {
    client_of(app(), responses, Arc::clone(store))
}

const WELL_KNOWN: &str = "https://login.acme.example/.well-known/oauth-authorization-server/t1";

#[test]
fn the_first_request_finds_the_token_endpoint() {
    let test = client(
        &memory(),
        [metadata("/token"), Ok(token_response("t1", 3600))],
    );
    assert!(
        test.transport.requests().is_empty(),
        "making a client does no I/O"
    );
    assert_eq!(test.client.token().unwrap().expose(), "t1");
    assert_eq!(
        urls(&test.transport),
        [WELL_KNOWN, "https://tokens.acme.example/token"]
    );
}

#[test]
fn metadata_is_fetched_again_after_its_lifetime() {
    let responses = [
        metadata("/token"),
        Ok(token_response("t1", 1000)),
        Ok(token_response("t2", 1000)),
        metadata("/moved"),
        Ok(token_response("t3", 1000)),
    ];
    let test = client(&memory(), responses);
    for _ in 0..3 {
        test.client.token().unwrap();
        test.clock.advance(Duration::from_secs(1801));
    }
    assert_eq!(
        urls(&test.transport),
        [
            WELL_KNOWN,
            "https://tokens.acme.example/token",
            "https://tokens.acme.example/token",
            WELL_KNOWN,
            "https://tokens.acme.example/moved",
        ]
    );
}

/// The endpoints of a server may change. The grant is the same one.
#[test]
fn a_moved_endpoint_keeps_the_stored_token() {
    let store = memory();
    let responses = [metadata("/token"), Ok(token_response("t1", 100_000))];
    let first = client(&store, responses);
    first.client.token().unwrap();
    let second = client(&store, []);
    let token = second.client.token().unwrap();
    assert_eq!((token.expose(), token.source()), ("t1", Source::Store));
    assert_eq!(app().record_key(), {
        let moved =
            countersign_core::ServerMetadata::from_json(ISSUER, &metadata("/moved").unwrap().body);
        app()
            .with_metadata(moved.unwrap().into())
            .unwrap()
            .record_key()
    });
}

#[test]
fn a_new_process_reads_metadata_from_the_store() {
    let store = memory();
    client(&store, [metadata("/token"), Ok(token_response("t1", 100))])
        .client
        .token()
        .unwrap();
    let later = client(&store, [Ok(token_response("t2", 100))]);
    later.clock.advance(Duration::from_secs(1800));
    assert_eq!(later.client.token().unwrap().expose(), "t2");
    assert_eq!(
        urls(&later.transport),
        ["https://tokens.acme.example/token"]
    );
}

/// Another issuer's document in the same store is another entry, and a forged one is not used.
#[test]
fn only_the_issuers_own_entry_is_used() {
    let store = memory();
    client(&store, [metadata("/token"), Ok(token_response("t1", 100))])
        .client
        .token()
        .unwrap();
    for key in store.keys().unwrap() {
        let stored = store.load(&key).unwrap().unwrap();
        let value = stored.value.unwrap();
        if !RecordSummary::is_metadata(&value) {
            continue;
        }
        let text = String::from_utf8(value.to_vec()).unwrap();
        let forged = text.replace("https://tokens.acme.example", "http://evil.example");
        assert_ne!(text, forged);
        drop(store.compare_and_swap(&key, Some(stored.version), None, forged.as_bytes()));
    }
    let test = client(&store, [metadata("/token"), Ok(token_response("t2", 100))]);
    test.clock.advance(Duration::from_secs(1800));
    test.client.token().unwrap();
    assert_eq!(urls(&test.transport)[0], WELL_KNOWN);
}

#[test]
fn old_metadata_is_used_while_the_server_does_not_return_it() {
    let responses = [
        metadata("/token"),
        Ok(token_response("t1", 100)),
        status(503),
    ];
    let test = client(&memory(), responses);
    test.client.token().unwrap();
    test.clock.advance(Duration::from_secs(3601));
    test.transport.push(Ok(token_response("t2", 30)));
    assert_eq!(
        test.client
            .token_valid_for(Duration::ZERO)
            .unwrap()
            .expose(),
        "t2"
    );
    // Not asked again with each token request.
    test.clock.advance(Duration::from_secs(31));
    test.transport.push(Ok(token_response("t3", 100)));
    test.client.token_valid_for(Duration::ZERO).unwrap();
    assert_eq!(
        urls(&test.transport)
            .iter()
            .filter(|url| *url == WELL_KNOWN)
            .count(),
        2
    );
    // But not for ever.
    test.clock.advance(Duration::from_secs(8 * 24 * 3600));
    test.transport.push(status(503));
    let error = test.client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry, "{error}");
    assert!(error.to_string().contains(ISSUER), "{error}");
}

#[test]
fn a_refused_client_authentication_sends_nothing() {
    let document = json!({
        "issuer": ISSUER,
        "token_endpoint": "https://tokens.acme.example/token",
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
    });
    let test = client(&memory(), [found(&document)]);
    let error = test.client.token().unwrap_err();
    assert_eq!(error.setting_name(), Some("client_auth"));
    assert_eq!(
        error.hint(),
        Some("set client_auth to one of: private_key_jwt")
    );
    assert_eq!(urls(&test.transport).len(), 1);
}

#[test]
fn a_server_without_the_endpoint_is_named() {
    let document = json!({ "issuer": ISSUER });
    let test = client(&memory(), [found(&document)]);
    let error = test.client.token().unwrap_err();
    assert!(error.message().contains("has no token endpoint"), "{error}");

    let document = json!({ "issuer": ISSUER, "token_endpoint": "https://tokens.acme.example/t" });
    let found = Ok(Response::new(200, [], document.to_string()));
    let settings = [
        ("issuer", ISSUER),
        ("grant", "authorization-code"),
        ("redirect_uri", "https://app.example/callback"),
    ];
    let test = client_of(try_connection(&settings).unwrap(), [found], memory());
    let error = test.client.start_login(None).unwrap_err();
    let message = error.message();
    assert!(message.contains("no authorization endpoint"), "{error}");
    assert!(error.hint().unwrap().contains("authorize_url"), "{error}");
}

/// The refresh token isn't spent, because it never leaves.
#[test]
fn without_metadata_a_rotating_refresh_token_stays_valid() {
    let settings = [
        ("issuer", ISSUER),
        ("grant", "refresh-token"),
        ("refresh_token", "r0"),
    ];
    let connection = try_connection(&settings).unwrap();
    let lost = Error::new(ErrorKind::Interrupted, "no response");
    let responses = [
        Err(SendError::MaybeSent(lost)),
        metadata("/token"),
        Ok(rotated_response("t1", "r1", 100)),
    ];
    let test = client_of(connection, responses, memory());
    let error = test.client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry, "{error}");
    // The client pauses after a failure.
    test.clock.advance(Duration::from_secs(60));
    test.client.token().unwrap();
    let forms = test.transport.forms();
    assert!(forms[2].contains("refresh_token=r0"), "{forms:?}");
}

#[test]
fn a_login_goes_to_the_discovered_page_and_its_issuer_is_checked() {
    let settings = [
        ("issuer", ISSUER),
        ("grant", "authorization-code"),
        ("redirect_uri", "https://app.example/callback"),
    ];
    let connection = try_connection(&settings).unwrap();
    let responses = [metadata("/token"), Ok(rotated_response("t1", "r1", 100))];
    let test = client_of(connection, responses, memory());
    let login = test.client.start_login(None).unwrap();
    assert!(
        login
            .url()
            .as_str()
            .starts_with("https://login.acme.example/authorize?")
    );
    // RFC 9207: the metadata promises `iss`, so a callback without it is another server's.
    for iss in ["", "&iss=https%3A%2F%2Fevil.example"] {
        let callback = format!("code=c&state={}{iss}", login.state());
        let error = test.client.complete_login(&login, &callback).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Callback, "{error}");
    }
    let callback = format!("code=c&state={}&iss={ISSUER}", login.state());
    let token = test.client.complete_login(&login, &callback).unwrap();
    assert_eq!(token.expose(), "t1");
}

#[test]
fn settings_override_the_metadata() {
    let settings = [
        ("issuer", ISSUER),
        ("grant", "client-credentials"),
        ("token_url", "https://own.acme.example/token"),
    ];
    let connection = try_connection(&settings).unwrap();
    let test = client_of(connection, [Ok(token_response("t1", 100))], memory());
    test.client.token().unwrap();
    assert_eq!(urls(&test.transport), ["https://own.acme.example/token"]);
}

#[test]
fn an_issuer_is_required() {
    let error = try_connection(&[("grant", "client-credentials")]).unwrap_err();
    assert_eq!(error.setting_name(), Some("issuer"));
    let settings = [
        ("grant", "client-credentials"),
        ("issuer", "login.acme.example"),
    ];
    let error = try_connection(&settings).unwrap_err();
    assert_eq!(error.setting_name(), Some("issuer"));
}

#[test]
fn metadata_in_a_store_is_not_a_record() {
    let store = memory();
    let test = client(&store, [metadata("/token"), Ok(token_response("t1", 100))]);
    test.client.token().unwrap();
    let values = store.keys().unwrap().into_iter().map(|key| {
        let stored = store.load(&key).unwrap().unwrap();
        stored.value.unwrap()
    });
    let (documents, records): (Vec<_>, Vec<_>) =
        values.partition(|value| RecordSummary::is_metadata(value));
    assert_eq!((documents.len(), records.len()), (1, 1));
    assert!(RecordSummary::read(&records[0], test.clock.now()).is_ok());
}

/// RFC 9728: the API's own metadata names its authorization server. RFC 8707: requests name the API.
#[test]
fn the_url_of_an_api_is_enough_to_find_its_server() {
    let resource = "https://mcp.acme.example/v1";
    let settings = [
        ("resource", resource),
        ("grant", "authorization-code"),
        ("redirect_uri", "https://app.example/callback"),
    ];
    let about = json!({ "resource": resource, "authorization_servers": [ISSUER] });
    let responses = [
        found(&about),
        metadata("/token"),
        Ok(rotated_response("t1", "r1", 100)),
        Ok(rotated_response("t2", "r2", 100)),
    ];
    let store = memory();
    let connection = try_connection(&settings).unwrap();
    let test = client_of(connection, responses, Arc::clone(&store));
    let login = test.client.start_login(None).unwrap();
    let url = login.url().as_str();
    assert!(
        url.contains("&resource=https%3A%2F%2Fmcp.acme.example%2Fv1"),
        "{url}"
    );
    let callback = format!("code=c&state={}&iss={ISSUER}", login.state());
    test.client.complete_login(&login, &callback).unwrap();
    assert_eq!(test.client.refresh_now().unwrap().expose(), "t2");
    for form in &test.transport.forms()[2..] {
        assert!(
            form.contains("resource=https%3A%2F%2Fmcp.acme.example%2Fv1"),
            "{form}"
        );
    }
    // The next process finds the grant and the metadata in the store.
    let connection = try_connection(&settings).unwrap();
    let later = client_of(connection, [Ok(rotated_response("t3", "r3", 100))], store);
    assert_eq!(later.client.refresh_now().unwrap().expose(), "t3");
    assert_eq!(
        urls(&later.transport),
        ["https://tokens.acme.example/token"]
    );
}

/// What one server issued, and the app's secret, must not reach another server only because the
/// API's metadata names that one now.
#[test]
fn a_resource_cannot_move_a_grant_to_another_server() {
    const OTHER: &str = "https://login.evil.example";
    let resource = "https://mcp.acme.example";
    let named = |issuer| found(&json!({ "resource": resource, "authorization_servers": [issuer] }));
    let other = || {
        let token_url = format!("{OTHER}/token");
        found(&json!({ "issuer": OTHER, "token_endpoint": token_url }))
    };
    let settings = [("resource", resource), ("grant", "client-credentials")];
    let connect = || try_connection(&settings).unwrap();
    let responses = [
        named(ISSUER),
        metadata("/token"),
        Ok(token_response("t1", 100)),
    ];
    let store = memory();
    let first = client_of(connect(), responses, Arc::clone(&store));
    first.client.token().unwrap();
    // Another process. The earlier server is used for another week.
    let responses = [named(OTHER), other(), Ok(token_response("t2", 100))];
    let test = client_of(connect(), responses, store);
    test.clock.advance(Duration::from_secs(3601));
    test.client.token().unwrap();
    test.clock.advance(Duration::from_secs(8 * 24 * 3600));
    for response in [named(OTHER), other()] {
        test.transport.push(response);
    }
    let error = test.client.token().unwrap_err();
    assert_eq!(error.setting_name(), Some("issuer"), "{error}");
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
    assert!(error.message().contains(ISSUER), "{error}");
    assert!(error.hint().unwrap().contains(OTHER), "{error}");
    let urls = urls(&test.transport);
    assert!(!urls.contains(&format!("{OTHER}/token")), "{urls:?}");
}

#[test]
fn two_resources_of_one_server_never_share_a_token() {
    let of = |resource| {
        try_connection(&[("resource", resource), ("grant", "client-credentials")]).unwrap()
    };
    let (one, other) = (of("https://a.acme.example"), of("https://b.acme.example"));
    assert_ne!(one.record_key(), other.record_key());
}

#[test]
fn a_resource_needs_a_provider_with_discovery() {
    let settings = [
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s"),
        ("resource", "https://api.acme.example"),
    ];
    let error = countersign_core::testing::connection(settings).unwrap_err();
    assert_eq!(error.setting_name(), Some("resource"));
}
