//! The strings that a plugin's function may read: settings without secrets, a token's members, a
//! response.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use countersign_core::{App, Extra, GrantKind, Response, Url, scalar_text};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

/// The readable strings of one call, by name.
#[derive(Default)]
pub(super) struct Shown {
    settings: BTreeMap<String, String>,
    grant: Option<GrantKind>,
    token: Option<Extra>,
    response: Option<ParsedResponse>,
}

struct ParsedResponse {
    response: Response,
    json: OnceLock<Value>,
}

impl Shown {
    pub(super) fn settings(app: App<'_>) -> Self {
        let (endpoints, client, policy) = (app.endpoints, app.client, app.policy);
        let scopes = policy.scopes.join(" ");
        let url = |url: &'_ Option<Url>| url.as_ref().map(ToString::to_string);
        let texts = [
            ("connection", Some(app.name.to_owned())),
            ("provider", Some(app.profile.id.clone())),
            ("environment", Some(endpoints.environment.clone())),
            ("grant", Some(policy.grant.to_string())),
            ("client_id", Some(client.id.clone())),
            ("client_auth", Some(client.auth.to_string())),
            ("subject", policy.subject.clone()),
            ("audience", policy.audience.clone()),
            ("issuer", endpoints.issuer.clone()),
            ("scopes", Some(scopes)),
            ("redirect_uri", url(&client.redirect_uri)),
            ("base_url", url(&endpoints.base_url)),
            ("token_url", url(&endpoints.token_url)),
            ("userinfo_url", url(&endpoints.userinfo_url)),
        ];
        let texts = texts.map(|(name, text)| Some((name.to_owned(), text?)));
        let extra = app.profile.extra.keys();
        let extra = extra.filter_map(|name| {
            let text = policy.extra(name)?;
            Some((format!("extra.{name}"), text.to_owned()))
        });
        Self {
            settings: texts.into_iter().flatten().chain(extra).collect(),
            ..Self::default()
        }
    }

    pub(super) fn with_grant(self, grant: GrantKind) -> Self {
        Self {
            grant: Some(grant),
            ..self
        }
    }

    pub(super) fn with_token(self, extra: &Extra) -> Self {
        Self {
            token: Some(extra.clone()),
            ..self
        }
    }

    pub(super) fn with_response(self, response: &Response) -> Self {
        let response = ParsedResponse {
            response: response.clone(),
            json: OnceLock::new(),
        };
        Self {
            response: Some(response),
            ..self
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<Zeroizing<String>> {
        let text = if let Some(member) = name.strip_prefix("token.") {
            self.token.as_ref()?.get(member).cloned()
        } else if name == "request.grant" {
            self.grant.map(|grant| grant.as_str().to_owned())
        } else if let Some(setting) = self.settings.get(name) {
            Some(setting.clone())
        } else {
            self.response.as_ref()?.text(name)
        };
        text.map(Zeroizing::new)
    }

    /// Returns the text without the response's tokens and secrets.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        if let Some(response) = &self.response {
            let mut secrets = Vec::new();
            collect_secrets(response.json(), false, &mut secrets);
            for secret in secrets {
                clean = clean.replace(secret, "[redacted]");
            }
        }
        clean
    }
}

impl ParsedResponse {
    fn text(&self, name: &str) -> Option<String> {
        if let Some(header) = name.strip_prefix("header.") {
            return self.response.header(header).map(str::to_owned);
        }
        match name {
            "http_status" => Some(self.response.status.to_string()),
            "body" => std::str::from_utf8(&self.response.body)
                .ok()
                .map(str::to_owned),
            pointer if pointer.starts_with('/') => match self.json().pointer(pointer)? {
                Value::Null => None,
                whole @ (Value::Array(_) | Value::Object(_)) => Some(whole.to_string()),
                scalar => scalar_text(scalar),
            },
            _ => None,
        }
    }

    fn json(&self) -> &Value {
        let body = &self.response.body;
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        self.json
            .get_or_init(|| serde_json::from_slice(body).unwrap_or_default())
    }
}

impl Drop for ParsedResponse {
    fn drop(&mut self) {
        if let Some(json) = self.json.get_mut() {
            wipe(json);
        }
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(all) => all.iter_mut().for_each(wipe),
        Value::Object(all) => all.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => (),
    }
}

/// Collects the strings whose member names suggest a secret.
fn collect_secrets<'a>(value: &'a Value, is_secret: bool, found: &mut Vec<&'a str>) {
    match value {
        // Short strings, such as a `token_type`, are not secrets, and may be part of other words.
        Value::String(text) if is_secret && text.len() >= 8 => found.push(text),
        Value::Array(all) => all
            .iter()
            .for_each(|v| collect_secrets(v, is_secret, found)),
        Value::Object(all) => {
            for (name, value) in all {
                let name = name.to_ascii_lowercase();
                let telling = ["token", "secret", "assertion", "password"];
                let telling = telling.iter().any(|word| name.contains(word));
                collect_secrets(value, telling || is_secret, found);
            }
        }
        _ => (),
    }
}
