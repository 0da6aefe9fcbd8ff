//! What was asked: one entry per request to a vendor's endpoint, with secrets as fingerprints.

use aws_lc_rs::digest;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Provider, random};

/// A request that a vendor's endpoint received.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LogEntry {
    /// The sandbox's clock, in milliseconds since 1970.
    pub time_ms: i64,
    /// Whose endpoint.
    pub provider: Provider,
    /// `token`, `userinfo`, `revoke`, `introspect`, `authorize` or `landed` (a redirect that was followed).
    pub endpoint: &'static str,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// `jwt-bearer`, `authorization-code`, `refresh-token`, `client-credentials`, or what was sent instead.
    pub grant: Option<String>,
    /// The form fields in the order sent; secrets as the first 16 hex digits of their SHA-256.
    pub fields: Vec<(String, String)>,
    /// The claims of the assertion or client assertion, if one was sent that can be read.
    pub claims: Option<Map<String, Value>>,
    /// `none`, `basic`, `post` or `private_key_jwt`.
    pub client_auth: &'static str,
    /// The app that the request named, wherever it named it.
    pub client_id: Option<String>,
    /// The status answered; `None` when the connection was cut.
    pub status: Option<u16>,
    /// The `error` answered.
    pub error: Option<String>,
    /// The `error_description` answered.
    pub error_description: Option<String>,
    /// The injected fault that decided the answer.
    pub fault: Option<String>,
    /// The access token that the answer carried, and whose it is.
    pub issued: Option<Issued>,
}

/// An access token that an answer carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Issued {
    /// The [`fingerprint`] of the token.
    pub access_token: String,
    /// The app that it was issued to.
    pub client_id: String,
    /// The login of the person it acts for; empty if the app acts for itself.
    pub login: String,
}

/// All entries since the start or the last reset.
#[derive(Debug, Default)]
pub(crate) struct Log(Vec<LogEntry>);

impl Log {
    pub(crate) fn push(&mut self, entry: LogEntry) {
        // A load test must not fill the memory: the newest hundred thousand are plenty.
        if self.0.len() >= 100_000 {
            self.0.drain(..50_000);
        }
        self.0.push(entry);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The token requests, or with `all` every request to a vendor's endpoint.
    pub(crate) fn entries(&self, all: bool) -> Vec<LogEntry> {
        let wanted = |e: &&LogEntry| all || e.endpoint == "token";
        self.0.iter().filter(wanted).cloned().collect()
    }
}

/// Returns the first 16 hex digits of a secret's SHA-256, as the log shows secrets.
#[must_use]
pub fn fingerprint(secret: &str) -> String {
    random::to_hex(&digest::digest(&digest::SHA256, secret.as_bytes()).as_ref()[..8])
}
