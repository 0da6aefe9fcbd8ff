//! Authorization servers found by their issuer, and documents that must not be believed.

use countersign_core::testing::{MockTransport, NOW};
use countersign_core::{
    ClientAuth, Error, ErrorKind, ManualClock, Response, SendError, ServerMetadata, Verdict,
    discover,
};
use serde_json::{Value, json};

use super::any_server::{Outcome, found, status, urls};

const ISSUER: &str = "https://login.acme.example";
const TENANT: &str = "https://login.acme.example/tenants/t1";

fn document(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{ISSUER}/token"),
        "authorization_endpoint": format!("{ISSUER}/authorize"),
        "jwks_uri": format!("{ISSUER}/jwks"),
    })
}

/// Returns the outcome and the addresses that were requested.
fn discovered(
    issuer: &str,
    responses: impl IntoIterator<Item = Outcome>,
) -> (Result<ServerMetadata, Error>, Vec<String>) {
    let transport = MockTransport::new(responses);
    let outcome = discover(issuer, &*transport, &ManualClock::at(NOW));
    (outcome, urls(&transport))
}

fn error(issuer: &str, responses: impl IntoIterator<Item = Outcome>) -> Error {
    discovered(issuer, responses).0.unwrap_err()
}

#[test]
fn an_issuer_without_a_path_has_two_addresses() {
    let (outcome, urls) = discovered(ISSUER, [status(404), found(&document(ISSUER))]);
    assert_eq!(outcome.unwrap().token_endpoint.unwrap().path(), "/token");
    assert_eq!(
        urls,
        [
            format!("{ISSUER}/.well-known/oauth-authorization-server"),
            format!("{ISSUER}/.well-known/openid-configuration"),
        ]
    );
}

/// RFC 8414 inserts the path after the well-known one, OpenID Connect Discovery puts it in front.
#[test]
fn an_issuer_with_a_path_has_three_addresses() {
    let responses = [status(404), status(404), found(&document(TENANT))];
    let (outcome, urls) = discovered(TENANT, responses);
    assert_eq!(outcome.unwrap().issuer, TENANT);
    assert_eq!(
        urls,
        [
            format!("{ISSUER}/.well-known/oauth-authorization-server/tenants/t1"),
            format!("{TENANT}/.well-known/openid-configuration"),
            format!("{ISSUER}/.well-known/openid-configuration/tenants/t1"),
        ]
    );
}

#[test]
fn a_slash_at_the_end_is_removed_from_the_address_but_not_from_the_issuer() {
    let issuer = format!("{ISSUER}/");
    let (outcome, urls) = discovered(&issuer, [found(&document(&issuer))]);
    assert_eq!(outcome.unwrap().issuer, issuer);
    assert_eq!(
        urls,
        [format!("{ISSUER}/.well-known/oauth-authorization-server")]
    );
}

#[test]
fn what_the_server_does_not_say_has_the_default_of_the_rfc() {
    let metadata = discovered(ISSUER, [found(&document(ISSUER))]).0.unwrap();
    assert_eq!(
        metadata.token_endpoint_auth_methods_supported,
        ["client_secret_basic"]
    );
    assert!(!metadata.authorization_response_iss_parameter_supported);
    assert!(metadata.revocation_endpoint.is_none());
    assert!(metadata.check_client_auth(ClientAuth::Basic).is_ok());
}

#[test]
fn the_refusal_of_a_client_authentication_lists_what_the_server_offers() {
    let mut document = document(ISSUER);
    document["token_endpoint_auth_methods_supported"] = json!(["tls_client_auth", "none"]);
    let metadata = discovered(ISSUER, [found(&document)]).0.unwrap();
    let error = metadata.check_client_auth(ClientAuth::Post).unwrap_err();
    assert_eq!(error.setting_name(), Some("client_auth"));
    assert_eq!(error.hint(), Some("set client_auth to one of: none"));
    document["token_endpoint_auth_methods_supported"] = json!(["tls_client_auth"]);
    let metadata = discovered(ISSUER, [found(&document)]).0.unwrap();
    let error = metadata.check_client_auth(ClientAuth::Post).unwrap_err();
    assert!(error.hint().unwrap().contains("tls_client_auth"), "{error}");
    // Keycloak has public clients and doesn't list `none`.
    assert!(metadata.check_client_auth(ClientAuth::None).is_ok());
}

#[test]
fn what_the_server_offers_is_escaped_and_short_in_an_error() {
    let mut document = document(ISSUER);
    let hostile = "\u{1b}[2J\u{202e}\n".repeat(100_000);
    document["token_endpoint_auth_methods_supported"] = json!([hostile]);
    let metadata = discovered(ISSUER, [found(&document)]).0.unwrap();
    let error = metadata.check_client_auth(ClientAuth::Post).unwrap_err();
    let hint = error.hint().unwrap();
    assert!(!hint.contains(['\u{1b}', '\u{202e}', '\n']), "{hint:.100}");
    assert!(hint.len() < 4000, "{}", hint.len());
}

#[test]
fn the_metadata_of_another_issuer_is_rejected() {
    for other in [
        "https://evil.example",
        "https://login.acme.example/",
        "https://login.acme.example/tenants/t2",
        "https://LOGIN.acme.example",
        "https://login.acme.example:443",
        "http://login.acme.example",
        "",
    ] {
        let error = error(ISSUER, [found(&document(other))]);
        assert_eq!(error.kind(), ErrorKind::Verification, "{other}: {error}");
        assert_eq!(error.verdict(), Verdict::FixConfiguration, "{other}");
        assert_eq!(error.setting_name(), Some("issuer"), "{other}");
    }
    // The usual mistake has the solution in its hint.
    let error = error(ISSUER, [found(&document("https://login.acme.example/"))]);
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("issuer = \"https://login.acme.example/\""),
        "{hint}"
    );
}

/// A document of another issuer ends the search: the next address must not be asked for a better
/// one.
#[test]
fn another_issuer_ends_the_search() {
    let (outcome, urls) = discovered(ISSUER, [found(&document("https://evil.example"))]);
    assert!(outcome.is_err());
    assert_eq!(urls.len(), 1);
}

#[test]
fn an_issuer_in_an_error_is_escaped() {
    let error = error(
        ISSUER,
        [found(&document("https://evil.example/\u{1b}[2J\u{202e}"))],
    );
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
    assert!(!error.to_string().contains('\u{202e}'), "{error}");
}

#[test]
fn unsafe_endpoints_are_rejected() {
    for (member, url) in [
        ("token_endpoint", "http://login.acme.example/token"),
        (
            "token_endpoint",
            "https://user:password@login.acme.example/token",
        ),
        ("token_endpoint", "file:///etc/passwd"),
        ("token_endpoint", "http://127.0.0.1:8080/token"),
        ("token_endpoint", "https://localhost/token"),
        ("token_endpoint", "http://[::1]/token"),
        ("authorization_endpoint", "javascript:alert(1)"),
        (
            "authorization_endpoint",
            "http://login.acme.example/authorize",
        ),
        ("userinfo_endpoint", "/userinfo"),
        ("revocation_endpoint", "https://login.acme.example/revoke#x"),
        ("registration_endpoint", "ftp://login.acme.example/"),
        ("jwks_uri", "http://login.acme.example/jwks"),
    ] {
        let mut document = document(ISSUER);
        document[member] = json!(url);
        let error = error(ISSUER, [found(&document)]);
        assert_eq!(error.kind(), ErrorKind::Verification, "{url}: {error}");
        assert!(error.message().contains(member), "{error}");
        assert!(!error.to_string().contains("password@"), "{error}");
    }
}

/// A development server on this machine names its own addresses.
#[test]
fn a_server_on_the_loopback_can_name_the_loopback() {
    let issuer = "http://127.0.0.1:9000";
    let mut document = document(issuer);
    document["token_endpoint"] = json!("http://127.0.0.1:9000/token");
    let metadata = discovered(issuer, [found(&document)]).0.unwrap();
    assert_eq!(metadata.token_endpoint.unwrap().port(), 9000);
}

/// Two readers of such a document could see two issuers.
#[test]
fn a_member_that_is_there_twice_is_not_metadata() {
    let twice = format!(
        r#"{{"issuer": "https://evil.example", "issuer": "{ISSUER}", "token_endpoint": "{ISSUER}/token"}}"#
    );
    let page = || Ok(Response::new(200, [], twice.as_str()));
    let error = error(ISSUER, [page(), page()]);
    assert_eq!(error.kind(), ErrorKind::Unreadable, "{error}");
}

#[test]
fn a_document_of_many_levels_does_not_exhaust_the_stack() {
    let deep = format!(r#"{{"issuer": "{ISSUER}", "x": {}"#, "[".repeat(500_000));
    let page = || Ok(Response::new(200, [], deep.as_str()));
    let error = error(ISSUER, [page(), page()]);
    assert_eq!(error.kind(), ErrorKind::Unreadable, "{error}");
    assert!(error.to_string().len() < 1000);
}

#[test]
fn what_is_not_metadata_is_skipped_and_named() {
    let huge = format!(
        "{{\"issuer\":\"{ISSUER}\",\"x\":\"{}\"",
        "x".repeat(500_000)
    );
    for body in [
        "<!doctype html><title>Welcome</title>",
        "",
        "[]",
        "null",
        "{}",
        r#"{"issuer": 1}"#,
        r#"{"issuer": "https://login.acme.example", "token_endpoint": {}}"#,
        r#"{"issuer": "https://login.acme.example", "scopes_supported": "openid"}"#,
        &huge,
    ] {
        let page = || Ok(Response::new(200, [], body));
        let (outcome, urls) = discovered(ISSUER, [page(), page()]);
        let error = outcome.unwrap_err();
        assert_eq!(urls.len(), 2, "{body:.40}");
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{body:.40}");
        assert_eq!(error.verdict(), Verdict::FixConfiguration);
        assert_eq!(error.setting_name(), Some("issuer"));
        assert!(error.message().contains("/.well-known/"), "{error}");
        assert!(error.to_string().len() < 1000, "{body:.40}");
    }
}

#[test]
fn redirects_are_not_followed() {
    let moved = || {
        let headers = [(
            "Location",
            "https://evil.example/.well-known/openid-configuration",
        )];
        Ok(Response::new(302, headers, ""))
    };
    let (outcome, urls) = discovered(ISSUER, [moved(), moved()]);
    let error = outcome.unwrap_err();
    assert!(error.message().contains("HTTP 302"), "{error}");
    assert!(urls.iter().all(|url| url.starts_with(ISSUER)), "{urls:?}");
}

#[test]
fn a_server_that_is_down_is_worth_a_retry() {
    for code in [429, 500, 502, 503] {
        let (outcome, urls) = discovered(ISSUER, [status(code)]);
        assert_eq!(outcome.unwrap_err().verdict(), Verdict::Retry, "{code}");
        assert_eq!(urls.len(), 1, "{code}");
    }
    let down = Error::new(ErrorKind::Connect, "login.acme.example cannot be reached");
    let error = error(ISSUER, [Err(SendError::NotSent(down))]);
    assert_eq!(error.verdict(), Verdict::Retry);
    assert!(error.to_string().contains("the metadata of"), "{error}");
}

#[test]
fn an_issuer_is_an_https_url_without_a_query() {
    for issuer in [
        "login.acme.example",
        "http://login.acme.example",
        "https://login.acme.example?tenant=1",
        "https://login.acme.example#x",
        "https://login.acme.example/{tenant}",
        "",
    ] {
        let (outcome, urls) = discovered(issuer, []);
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting, "{issuer}");
        assert_eq!(error.setting_name(), Some("issuer"), "{issuer}");
        assert!(urls.is_empty());
    }
}
