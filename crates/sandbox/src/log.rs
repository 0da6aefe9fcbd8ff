//! What was asked: one entry per request to a vendor's endpoint, with secrets as fingerprints.

use aws_lc_rs::digest;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    Provider,
    client_auth::{self, Decoding},
    exchange::{Call, Fields, Reply},
    jwt::Assertion,
    random,
    world::World,
};

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

impl Issued {
    /// Reads the token from an answer, and looks up whose it is.
    pub(crate) fn by(reply: &Reply, world: &World) -> Option<Self> {
        let answer: Value = serde_json::from_slice(&reply.body).ok()?;
        let token = answer.get("access_token")?.as_str()?;
        let grant = &world.tokens.access.get(token)?.grant;
        let user = world.registry.user(grant.provider, &grant.user);
        Some(Self {
            access_token: fingerprint(token),
            client_id: grant.client_id.clone(),
            login: user.map(|user| user.login.to_owned()).unwrap_or_default(),
        })
    }
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

/// The entry for `call`, answered with `reply` (`None`: cut before the body was read).
pub(crate) fn entry(
    call: &Call,
    provider: Provider,
    endpoint: &'static str,
    time_ms: i64,
    reply: Option<&Reply>,
    fault: Option<String>,
) -> LogEntry {
    let form = call.form().unwrap_or_default();
    let credentials = client_auth::read(call, &form, Decoding::of(provider));
    let said = |name: &str| {
        let answer: Value = serde_json::from_slice(&reply?.body).ok()?;
        Some(answer.get(name)?.as_str()?.to_owned())
    };
    let assertion = form
        .one("assertion")
        .or_else(|| form.one("client_assertion"));
    LogEntry {
        time_ms,
        provider,
        endpoint,
        method: call.method.clone(),
        path: call.path.clone(),
        grant: form.one("grant_type").map(|g| grant_name(g).to_owned()),
        claims: assertion.and_then(Assertion::read).map(|a| a.claims),
        client_auth: credentials.as_ref().map_or("basic", |c| c.kind.as_str()),
        client_id: credentials.ok().and_then(|c| c.client_id),
        status: reply.map(|r| r.status).filter(|s| *s != 0),
        error: said("error"),
        error_description: said("error_description"),
        fields: redacted(form),
        fault,
        issued: None,
    }
}

/// The name of DESIGN section 4 for a `grant_type` on the wire.
pub(crate) fn grant_name(wire: &str) -> &str {
    match wire {
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => "jwt-bearer",
        "authorization_code" => "authorization-code",
        "refresh_token" => "refresh-token",
        "client_credentials" => "client-credentials",
        other => other,
    }
}

fn redacted(form: Fields) -> Vec<(String, String)> {
    const OPEN: [&str; 11] = [
        "grant_type",
        "client_id",
        "redirect_uri",
        "scope",
        "format",
        "token_type_hint",
        "client_assertion_type",
        "response_type",
        "state",
        "flow",
        "audience",
    ];
    let hide = |(name, value): (String, String)| {
        let shown = if OPEN.contains(&name.as_str()) {
            value
        } else {
            fingerprint(&value)
        };
        (name, shown)
    };
    form.0.into_iter().map(hide).collect()
}

/// Returns the first 16 hex digits of a secret's SHA-256, as the log shows secrets.
#[must_use]
pub fn fingerprint(secret: &str) -> String {
    random::to_hex(&digest::digest(&digest::SHA256, secret.as_bytes()).as_ref()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_fingerprints() {
        let form = Fields::parse(
            b"grant_type=refresh_token&refresh_token=abc&client_secret=abc&unknown=abc",
        );
        let shown = redacted(form);
        assert_eq!(shown[0].1, "refresh_token");
        assert!(shown[1..].iter().all(|(_, v)| v == "ba7816bf8f01cfea"));
    }
}
