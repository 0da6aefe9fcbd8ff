//! The format of a file with cases.

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// A remark for readers.
    #[serde(default, rename = "about")]
    _about: Option<String>,
    /// The metadata of the authorization server, for a profile with discovery.
    pub(super) metadata: Option<Value>,
    #[serde(default)]
    pub(super) requests: Vec<RequestCase>,
    #[serde(default)]
    pub(super) responses: Vec<ResponseCase>,
}

/// Settings, and the request that they lead to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestCase {
    pub(super) name: String,
    /// Where the expectation comes from.
    #[serde(default, rename = "source")]
    _source: Option<String>,
    /// The grant of the request. Defaults to the connection's.
    #[serde(rename = "as")]
    pub(super) kind: Option<String>,
    pub(super) settings: Map<String, Value>,
    pub(super) request: Option<WantedRequest>,
    /// The error of wrong settings, in place of a request.
    pub(super) error: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedRequest {
    pub(super) method: Option<String>,
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) headers: Map<String, Value>,
    pub(super) body: Option<Value>,
    #[serde(default)]
    pub(super) assertions: Vec<WantedAssertion>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedAssertion {
    pub(super) r#in: String,
    pub(super) header: Option<Value>,
    pub(super) claims: Value,
}

/// A response, and its meaning: a token or an error.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResponseCase {
    pub(super) name: String,
    /// Where the response comes from.
    #[serde(default, rename = "source")]
    _source: Option<String>,
    /// Settings, or the index of the request case that has them.
    #[serde(default)]
    pub(super) settings: Value,
    #[serde(rename = "as")]
    pub(super) kind: Option<String>,
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: Map<String, Value>,
    /// An object or array for JSON, or a text.
    #[serde(default)]
    pub(super) body: Value,
    pub(super) token: Option<Value>,
    pub(super) error: Option<Value>,
}

impl RequestCase {
    /// Returns the word for the kind of the request: `authorize`, `device_authorization`, or a grant.
    pub(super) fn kind(&self) -> &str {
        let grant = || self.settings.get("grant").and_then(Value::as_str);
        self.kind.as_deref().or_else(grant).unwrap_or_default()
    }
}
