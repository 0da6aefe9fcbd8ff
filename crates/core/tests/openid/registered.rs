//! Clients without a client ID, which the server registers before a login (RFC 7591).

use std::sync::Arc;

use countersign_core::testing::{TestClient, client_of, error_response, rotated_response};
use countersign_core::{Connection, Error, ErrorKind, Login, Response, Revocation, Store, Verdict};
use serde_json::{Value, json};

use super::any_server::{self, Outcome, found, json_response, memory, status};

const ISSUER: &str = "https://login.acme.example";
const REDIRECT: &str = "http://127.0.0.1:7000/callback";

/// The settings of a login, and these.
fn connection(pairs: &[(&str, &str)]) -> Result<Connection, Error> {
    let login = [
        ("issuer", ISSUER),
        ("grant", "authorization-code"),
        ("redirect_uri", REDIRECT),
    ];
    any_server::connection(login.iter().chain(pairs).copied())
}

fn metadata(methods: &Value) -> Outcome {
    found(&json!({
        "issuer": ISSUER,
        "token_endpoint": format!("{ISSUER}/token"),
        "authorization_endpoint": format!("{ISSUER}/authorize"),
        "registration_endpoint": format!("{ISSUER}/register"),
        "revocation_endpoint": format!("{ISSUER}/revoke"),
        "token_endpoint_auth_methods_supported": methods,
    }))
}

fn public() -> Outcome {
    metadata(&json!(["none", "client_secret_basic"]))
}

fn registered(client_id: &str) -> Outcome {
    let method = "none";
    json_response(
        201,
        &json!({ "client_id": client_id, "token_endpoint_auth_method": method }),
    )
}

fn client(store: &Arc<dyn Store>, responses: impl IntoIterator<Item = Outcome>) -> TestClient {
    client_of(connection(&[]).unwrap(), responses, Arc::clone(store))
}

fn logged_in(test: &TestClient, redirect_uri: &str) -> Login {
    let login = test.client.start_login(Some(redirect_uri)).unwrap();
    let callback = format!("code=c&state={}", login.state());
    test.client.complete_login(&login, &callback).unwrap();
    login
}

/// Returns the requests as texts of URL and body.
fn requests(test: &TestClient) -> Vec<String> {
    let requests = test.transport.requests();
    let text = |request: &countersign_core::Request| {
        let body = request.body().map(|body| body.to_string());
        format!("{} {}", request.url().path(), body.unwrap_or_default())
    };
    requests.iter().map(text).collect()
}

#[test]
fn the_registration_is_a_json_object_for_a_public_native_client() {
    let test = client(&memory(), [public(), registered("c1")]);
    let login = test.client.start_login(None).unwrap();
    assert!(
        login.url().as_str().contains("client_id=c1&"),
        "{}",
        login.url().as_str()
    );
    let request = &test.transport.requests()[1];
    assert_eq!(request.content_type(), Some("application/json"));
    let body: Value = serde_json::from_str(&request.body().unwrap()).unwrap();
    assert_eq!(
        body,
        json!({
            "client_name": "countersign",
            "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        })
    );
}

#[test]
fn later_requests_use_the_registration_of_the_grant() {
    let store = memory();
    let responses = [
        public(),
        registered("c1"),
        Ok(rotated_response("t1", "r1", 100)),
    ];
    let first = client(&store, responses);
    logged_in(&first, REDIRECT);
    assert!(
        requests(&first)[2].ends_with("&client_id=c1"),
        "{:?}",
        requests(&first)
    );
    // Another process: nothing is fetched and nothing is registered.
    let responses = [Ok(rotated_response("t2", "r2", 100)), status(200)];
    let second = client(&store, responses);
    second.client.refresh_now().unwrap();
    assert!(matches!(
        second.client.forget().unwrap(),
        Revocation::Revoked
    ));
    for request in requests(&second) {
        assert!(request.contains("client_id=c1"), "{request}");
    }
}

#[test]
fn a_secret_of_the_registration_is_sent_as_the_server_asked() {
    let store = memory();
    let with_secret = json!({ "client_id": "c1", "client_secret": "s1" });
    let responses = [
        metadata(&json!(["client_secret_basic"])),
        json_response(201, &with_secret),
        Ok(rotated_response("t1", "r1", 100)),
    ];
    let test = client(&store, responses);
    let login = test.client.start_login(None).unwrap();
    assert!(!format!("{login:?}").contains("s1\""), "{login:?}");
    let login = Login::restore(&login.save()).unwrap();
    let callback = format!("code=c&state={}", login.state());
    test.client.complete_login(&login, &callback).unwrap();
    let request = &test.transport.requests()[2];
    let basic = request.headers().find(|(name, _)| *name == "Authorization");
    assert_eq!(basic.unwrap().1.expose(), "Basic YzE6czE=");
}

/// The refresh token of the first login belongs to the first client ID until the second login ends.
#[test]
fn a_login_that_is_not_completed_does_not_replace_the_registration() {
    let store = memory();
    let responses = [
        public(),
        registered("c1"),
        Ok(rotated_response("t1", "r1", 100)),
        registered("c2"),
        Ok(rotated_response("t2", "r2", 100)),
    ];
    let test = client(&store, responses);
    logged_in(&test, REDIRECT);
    let other = "http://127.0.0.1:7001/callback";
    let login = test.client.start_login(Some(other)).unwrap();
    assert!(login.url().as_str().contains("client_id=c2&"));
    test.client.refresh_now().unwrap();
    assert!(
        requests(&test)[4].contains("client_id=c1"),
        "{:?}",
        requests(&test)
    );
}

#[test]
fn the_same_redirect_uri_needs_no_second_registration() {
    let responses = [
        public(),
        registered("c1"),
        Ok(rotated_response("t1", "r1", 100)),
        Ok(rotated_response("t2", "r2", 100)),
    ];
    let test = client(&memory(), responses);
    logged_in(&test, REDIRECT);
    logged_in(&test, REDIRECT);
    let count = requests(&test)
        .iter()
        .filter(|r| r.starts_with("/register"))
        .count();
    assert_eq!(count, 1);
}

/// Each token is revoked by the client that it was issued to.
#[test]
fn earlier_tokens_are_revoked_by_their_own_client() {
    let revoked = || status(200);
    let responses = [
        public(),
        registered("c1"),
        Ok(rotated_response("t1", "r1", 100)),
        status(503),
        registered("c2"),
        Ok(rotated_response("t2", "r2", 100)),
        revoked(),
        revoked(),
    ];
    let test = client(&memory(), responses);
    logged_in(&test, REDIRECT);
    assert!(matches!(
        test.client.forget().unwrap(),
        Revocation::Failed(_)
    ));
    logged_in(&test, "http://127.0.0.1:7001/callback");
    assert!(matches!(test.client.forget().unwrap(), Revocation::Revoked));
    let revocations = requests(&test).split_off(6);
    for (token, client_id) in [("token=r1&", "client_id=c1"), ("token=r2&", "client_id=c2")] {
        let found = revocations.iter().find(|request| request.contains(token));
        assert!(found.unwrap().contains(client_id), "{revocations:?}");
    }
}

#[test]
fn a_server_that_registers_nobody_needs_a_client_id() {
    let document = json!({
        "issuer": ISSUER,
        "token_endpoint": format!("{ISSUER}/token"),
        "authorization_endpoint": format!("{ISSUER}/authorize"),
    });
    let test = client(&memory(), [found(&document)]);
    let error = test.client.start_login(None).unwrap_err();
    assert_eq!(error.setting_name(), Some("client_id"), "{error}");
    assert!(error.hint().unwrap().contains("set client_id"), "{error}");
}

#[test]
fn failed_registrations_are_explained() {
    for response in [
        Ok(error_response(400, "invalid_redirect_uri")),
        Ok(error_response(401, "invalid_token")),
        Ok(Response::new(403, [], "<html>no</html>")),
        Ok(Response::new(201, [], "{}")),
        Ok(Response::new(201, [], "not JSON")),
        Ok(Response::new(201, [], r#"{"client_id":""}"#)),
        Ok(Response::new(
            201,
            [],
            r#"{"client_id":"c","token_endpoint_auth_method":"tls_client_auth"}"#,
        )),
        Ok(Response::new(
            302,
            [("Location", "https://evil.example")],
            "",
        )),
    ] {
        let test = client(&memory(), [public(), response]);
        let error = test.client.start_login(None).unwrap_err();
        assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error}");
        assert!(error.message().contains(ISSUER), "{error}");
        assert!(error.hint().is_some(), "{error}");
    }
    let test = client(&memory(), [public(), status(503)]);
    let error = test.client.start_login(None).unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry, "{error}");
}

#[test]
fn without_a_login_there_is_no_token_and_nothing_is_registered() {
    let test = client(&memory(), []);
    let error = test.client.token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoToken, "{error}");
    assert!(requests(&test).is_empty());
}

/// Somebody who set a secret has an app: its id was forgotten.
#[test]
fn a_secret_without_a_client_id_is_a_mistake() {
    for pair in [("client_secret", "s"), ("client_auth", "basic")] {
        let error = connection(&[pair]).unwrap_err();
        assert_eq!(error.setting_name(), Some("client_id"), "{error}");
    }
}
