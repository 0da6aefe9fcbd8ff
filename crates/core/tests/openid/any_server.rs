//! A provider whose servers are found by discovery, and the responses of such servers.

use std::sync::Arc;

use countersign_core::testing::MockTransport;
use countersign_core::{
    Connection, Error, MemoryStore, Profile, Response, SendError, Settings, Store, from_profile,
};
use serde_json::Value;

const PROFILE: &str = r#"
    id = "any"
    name = "the server"
    documentation = "https://acme.example/docs"
    discovery = true
    environments.default = {}
    [grants.client-credentials]
    client_auth = ["basic", "post", "private_key_jwt"]
    [grants.authorization-code]
    client_auth = ["basic", "none"]
    send_redirect_uri = true
    [grants.refresh-token]
    client_auth = ["basic", "none"]
"#;

/// What a server returns, or why nothing was received.
pub(crate) type Outcome = Result<Response, SendError>;

pub(crate) fn connection<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Connection, Error> {
    let provider = from_profile(Profile::from_toml(PROFILE)?);
    Connection::new("mine", &Settings::from_pairs(pairs)?, provider)
}

pub(crate) fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

pub(crate) fn found(document: &Value) -> Outcome {
    json_response(200, document)
}

pub(crate) fn json_response(status: u16, document: &Value) -> Outcome {
    Ok(Response::new(status, [], document.to_string()))
}

/// A response without a body.
pub(crate) fn status(status: u16) -> Outcome {
    Ok(Response::new(status, [], ""))
}

/// Returns the URLs that were requested.
pub(crate) fn urls(transport: &MockTransport) -> Vec<String> {
    let requests = transport.requests();
    let urls = requests.iter().map(|request| request.url().to_string());
    urls.collect()
}
