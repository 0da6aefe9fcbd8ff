//! The log: one entry per request to a vendor's endpoint, with secrets as fingerprints.

use aws_lc_rs::digest;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Provider, random};

/// A logged request to a vendor's endpoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LogEntry {
    /// When it arrived, by the sandbox's clock, in milliseconds since 1970.
    pub time_ms: i64,
    /// The provider that the endpoint belongs to.
    pub provider: Provider,
    /// `token`, `userinfo`, `revoke`, `introspect`, `authorize` or `landed` (a followed redirect).
    pub endpoint: &'static str,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The grant's name in settings, such as `jwt-bearer`, or an unknown `grant_type` as sent.
    pub grant: Option<String>,
    /// The form fields in the order sent; secrets as the first 16 hex digits of their SHA-256.
    pub fields: Vec<(String, String)>,
    /// The claims of the assertion or client assertion, unless it is malformed.
    pub claims: Option<Map<String, Value>>,
    /// `none`, `basic`, `post` or `private_key_jwt`.
    pub client_auth: &'static str,
    /// The client id in the request's header, body or assertion.
    pub client_id: Option<String>,
    /// The status of the response; `None` if the connection was cut.
    pub status: Option<u16>,
    /// The `error` in the response.
    pub error: Option<String>,
    /// The `error_description` in the response.
    pub error_description: Option<String>,
    /// The injected fault that affected the response.
    pub fault: Option<String>,
    /// The access token in the response, with its app and user.
    pub issued: Option<Issued>,
}

/// An access token in a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Issued {
    /// The [`fingerprint`] of the token.
    pub access_token: String,
    /// The client id of the app that it was issued to.
    pub client_id: String,
    /// The login of the user that it acts for; empty if the app acts for itself.
    pub login: String,
}

/// All entries since the start or the last reset.
#[derive(Debug, Default)]
pub(crate) struct Log(Vec<LogEntry>);

impl Log {
    pub(crate) fn push(&mut self, entry: LogEntry) {
        // Bounds the memory that a load test uses.
        if self.0.len() >= 100_000 {
            self.0.drain(..50_000);
        }
        self.0.push(entry);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the token requests, or with `all` every request to a vendor's endpoint.
    pub(crate) fn entries(&self, all: bool) -> Vec<LogEntry> {
        let wanted = |e: &&LogEntry| all || e.endpoint == "token";
        self.0.iter().filter(wanted).cloned().collect()
    }
}

/// Returns the first 16 hex digits of a secret's SHA-256, which the log shows instead of it.
#[must_use]
pub fn fingerprint(secret: &str) -> String {
    random::to_hex(&digest::digest(&digest::SHA256, secret.as_bytes()).as_ref()[..8])
}
