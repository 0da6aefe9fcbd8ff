//! Protected resources, whose metadata names their authorization servers.

use countersign_core::testing::{MockTransport, NOW};
use countersign_core::{
    Error, ErrorKind, ManualClock, ResourceMetadata, Response, Verdict, discover_resource,
};
use serde_json::{Value, json};

use super::any_server::{Outcome, found, status, urls};

const ORIGIN: &str = "https://mcp.acme.example";
const RESOURCE: &str = "https://mcp.acme.example/v1";

fn document(resource: &str) -> Value {
    json!({ "resource": resource, "authorization_servers": ["https://login.acme.example"] })
}

fn challenge(challenge: &str) -> Outcome {
    Ok(Response::new(401, [("WWW-Authenticate", challenge)], ""))
}

/// Returns the outcome and the addresses that were requested.
fn discovered(
    responses: impl IntoIterator<Item = Outcome>,
) -> (Result<ResourceMetadata, Error>, Vec<String>) {
    let transport = MockTransport::new(responses);
    let outcome = discover_resource(RESOURCE, &*transport, &ManualClock::at(NOW));
    (outcome, urls(&transport))
}

#[test]
fn the_well_known_address_comes_before_the_path() {
    let (outcome, urls) = discovered([found(&document(RESOURCE))]);
    let servers = outcome.unwrap().authorization_servers;
    assert_eq!(servers, ["https://login.acme.example"]);
    assert_eq!(
        urls,
        [format!("{ORIGIN}/.well-known/oauth-protected-resource/v1")]
    );
}

#[test]
fn a_resource_can_name_the_address_in_its_challenge() {
    for text in [
        r#"Bearer resource_metadata="https://mcp.acme.example/meta""#,
        r#"Bearer realm="x, resource_metadata=no", error="invalid_token", resource_metadata="https://mcp.acme.example/\meta""#,
        "bearer RESOURCE_METADATA=https://mcp.acme.example/meta, scope=a",
    ] {
        let responses = [
            status(404),
            status(404),
            challenge(text),
            found(&document(RESOURCE)),
        ];
        let (outcome, urls) = discovered(responses);
        assert!(outcome.is_ok(), "{text}: {outcome:?}");
        assert_eq!(urls[2..], [RESOURCE.to_owned(), format!("{ORIGIN}/meta")]);
    }
}

#[test]
fn another_resource_or_origin_is_rejected() {
    for other in [
        "https://evil.example/v1",
        "https://mcp.acme.example",
        "https://mcp.acme.example/v1/",
    ] {
        let error = discovered([found(&document(other))]).0.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Verification, "{other}");
        assert_eq!(error.setting_name(), Some("resource"), "{other}");
    }
    for address in [
        "https://evil.example/meta",
        "http://mcp.acme.example/meta",
        "https://mcp.acme.example:8443/meta",
        "/meta",
    ] {
        let text = format!("Bearer resource_metadata=\"{address}\"");
        let (outcome, urls) = discovered([status(404), status(404), challenge(&text)]);
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Verification, "{address}: {error}");
        assert_eq!(urls.len(), 3, "{address}: nothing more is requested");
    }
}

#[test]
fn a_resource_without_metadata_is_a_setting_to_fix() {
    for last in [
        status(404),
        challenge("Bearer"),
        challenge(r#"Bearer resource_metadata="unterminated"#),
        Ok(Response::new(200, [], "hello")),
    ] {
        let error = discovered([status(404), status(404), last]).0.unwrap_err();
        assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error}");
        assert_eq!(error.setting_name(), Some("resource"));
    }
    let nobody = json!({ "resource": RESOURCE });
    let error = discovered([found(&nobody)]).0.unwrap_err();
    assert!(
        error.message().contains("no authorization server"),
        "{error}"
    );
}

/// Otherwise a resource could make this machine request its own services.
#[test]
fn a_resource_elsewhere_cannot_name_a_server_on_this_machine() {
    for server in [
        "http://127.0.0.1:9000",
        "https://localhost",
        "http://[::1]:9000/t1",
    ] {
        let mut document = document(RESOURCE);
        document["authorization_servers"] = json!(["https://login.acme.example", server]);
        let (outcome, urls) = discovered([found(&document)]);
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Verification, "{server}: {error}");
        assert_eq!(error.setting_name(), Some("resource"), "{server}");
        assert_eq!(urls.len(), 1, "{server}");
    }
    // A development machine has both.
    let resource = "http://127.0.0.1:8000";
    let document = json!({
        "resource": resource,
        "authorization_servers": ["http://127.0.0.1:9000"],
    });
    let transport = MockTransport::new([found(&document)]);
    discover_resource(resource, &*transport, &ManualClock::at(NOW)).unwrap();
}
