//! Replaces secrets in the texts of a request by their names.

use base64_simd::STANDARD;
use serde_json::{Value, json};

use super::UnsignedAssertion;
use crate::{Connection, GrantKind, jws};

/// The secrets that a connection with named secrets has.
const SECRETS: &[&str] = &[
    "client_secret",
    "refresh_token",
    "code",
    "code_verifier",
    "access_token",
    "device_code",
];

/// Names the secrets of one request, and collects its assertions.
pub(super) struct Namer<'a> {
    connection: &'a Connection,
    kind: GrantKind,
    pub(super) assertions: Vec<UnsignedAssertion>,
}

impl<'a> Namer<'a> {
    pub(super) fn new(connection: &'a Connection, kind: GrantKind) -> Self {
        Self {
            connection,
            kind,
            assertions: Vec::new(),
        }
    }

    /// Names the secrets of a URL.
    pub(super) fn url(&mut self, url: &str) -> String {
        match url.split_once('?') {
            Some((base, query)) => format!("{base}?{}", self.form(query)),
            None => url.to_owned(),
        }
    }

    /// Names the secrets of a form or query.
    pub(super) fn form(&mut self, form: &str) -> String {
        let pairs = form.split('&').map(|pair| match pair.split_once('=') {
            Some((name, value)) => format!("{name}={}", self.value(name, value)),
            None => pair.to_owned(),
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Names the secrets of a JSON body.
    pub(super) fn json(&mut self, body: &str) -> Value {
        let mut body: Value = serde_json::from_str(body).unwrap_or_default();
        if let Some(members) = body.as_object_mut() {
            for (name, value) in members {
                if let Value::String(text) = value {
                    *text = self.value(name, text);
                }
            }
        }
        body
    }

    /// Names the secrets of a header.
    pub(super) fn header(&mut self, name: &str, value: &str) -> String {
        let basic = value.strip_prefix("Basic ").and_then(credentials_of);
        if let Some(named) = basic {
            return format!("Basic <{named}>");
        }
        match value.split_once(' ') {
            Some((scheme, rest)) => format!("{scheme} {}", self.value(name, rest)),
            None => self.value(name, value),
        }
    }

    fn value(&mut self, name: &str, value: &str) -> String {
        if let Some(assertion) = assertion(self.place(name), value) {
            self.assertions.push(assertion);
            return "<assertion>".to_owned();
        }
        let own = self.connection.client().secrets.keys();
        let own = own.map(|name| format!("secret.{name}"));
        let names = SECRETS.iter().map(|name| (*name).to_owned()).chain(own);
        names.fold(value.to_owned(), |value, name| {
            value.replace(&format!("%3C{name}%3E"), &format!("<{name}>"))
        })
    }

    /// Returns the engine's own name of a parameter or header.
    fn place(&self, name: &str) -> String {
        let rules = self.connection.app().request_rules(self.kind);
        let mut names = rules.into_iter().flat_map(|rules| &rules.names);
        match names.find(|(_, new)| *new == name) {
            Some((own, _)) => own.clone(),
            None => name.to_lowercase(),
        }
    }
}

/// Returns what these credentials consist of, if they contain the client secret.
fn credentials_of(credentials: &str) -> Option<&'static str> {
    let decoded = STANDARD.decode_to_vec(credentials).unwrap_or_default();
    let decoded = String::from_utf8_lossy(&decoded).replace("%3C", "<");
    match decoded.replace("%3E", ">").as_str() {
        "<client_secret>:" => Some("client_secret:"),
        pair if pair.ends_with(":<client_secret>") => Some("client_id:client_secret"),
        _ => None,
    }
}

/// Parses a compact JWS without a signature.
pub(super) fn assertion(place: String, value: &str) -> Option<UnsignedAssertion> {
    if value.split('.').count() != 3 {
        return None;
    }
    let parsed = jws::inspect(value).ok()?;
    let mut claims: Value = serde_json::from_slice(&parsed.payload).ok()?;
    if let Some(jti) = claims.get_mut("jti") {
        *jti = json!("<jti>");
    }
    Some(UnsignedAssertion {
        r#in: place,
        header: Value::Object(parsed.header),
        claims,
    })
}
