//! Builds log entries from requests and responses.

use serde_json::Value;

use crate::{
    Provider,
    client_auth::{self, Decoding},
    exchange::{Call, Fields, Reply},
    jwt::Assertion,
    log::{Issued, LogEntry, fingerprint},
    world::World,
};

impl Issued {
    /// Reads the token from a response, and looks up its app and user.
    pub(crate) fn by(reply: &Reply, world: &World) -> Option<Self> {
        let body: Value = serde_json::from_slice(&reply.body).ok()?;
        let token = body.get("access_token")?.as_str()?;
        let grant = &world.tokens.access.get(token)?.grant;
        let user = world.registry.user(grant.provider, &grant.user);
        Some(Self {
            access_token: fingerprint(token),
            client_id: grant.client_id.clone(),
            login: user.map(|user| user.login.to_owned()).unwrap_or_default(),
        })
    }
}

/// Builds the entry for `call`. `reply` is `None` if the connection was cut before the body.
pub(crate) fn of_call(
    call: &Call,
    provider: Provider,
    endpoint: &'static str,
    time_ms: i64,
    reply: Option<&Reply>,
    fault: Option<String>,
) -> LogEntry {
    let form = call.form().unwrap_or_default();
    let credentials = client_auth::read(call, &form, Decoding::of(provider));
    let member = |name: &str| {
        let body: Value = serde_json::from_slice(&reply?.body).ok()?;
        Some(body.get(name)?.as_str()?.to_owned())
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
        error: member("error"),
        error_description: member("error_description"),
        fields: redacted(form),
        fault,
        issued: None,
    }
}

/// Returns the setting's name for a `grant_type` on the wire.
pub(crate) fn grant_name(wire: &str) -> &str {
    match wire {
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => "jwt-bearer",
        "urn:ietf:params:oauth:grant-type:device_code" => "device-code",
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
        let value = if OPEN.contains(&name.as_str()) {
            value
        } else {
            fingerprint(&value)
        };
        (name, value)
    };
    form.0.into_iter().map(hide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_unknown_fields_are_fingerprints() {
        let form = Fields::parse(
            b"grant_type=refresh_token&refresh_token=abc&client_secret=abc&unknown=abc",
        );
        let fields = redacted(form);
        assert_eq!(fields[0].1, "refresh_token");
        assert!(fields[1..].iter().all(|(_, v)| v == "ba7816bf8f01cfea"));
    }
}
