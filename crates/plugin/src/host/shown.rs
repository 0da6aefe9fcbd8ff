//! What a plugin's function is shown: a connection without its secrets, what came with a token, an answer.

use std::sync::OnceLock;

use countersign::{Connection, Extra, GrantKind, Response, scalar_text};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

/// The texts of one call, by name.
#[derive(Default)]
pub(super) struct Shown {
    connection: Option<Connection>,
    grant: Option<GrantKind>,
    token: Option<Extra>,
    answer: Option<Answer>,
}

struct Answer {
    response: Response,
    json: OnceLock<Value>,
}

impl Shown {
    pub(super) fn settings(connection: &Connection) -> Self {
        Self {
            connection: Some(connection.clone()),
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

    pub(super) fn with_answer(self, response: &Response) -> Self {
        let answer = Answer {
            response: response.clone(),
            json: OnceLock::new(),
        };
        Self {
            answer: Some(answer),
            ..self
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<Zeroizing<String>> {
        let text = if let Some(member) = name.strip_prefix("token.") {
            self.token.as_ref()?.get(member).cloned()
        } else if name == "request.grant" {
            self.grant.map(|grant| grant.as_str().to_owned())
        } else if let Some(setting) = self.setting(name) {
            Some(setting)
        } else {
            self.answer.as_ref()?.text(name)
        };
        text.map(Zeroizing::new)
    }

    /// The text without the tokens and secrets of the answer.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        if let Some(answer) = &self.answer {
            let mut secrets = Vec::new();
            collect_secrets(answer.json(), false, &mut secrets);
            for secret in secrets {
                clean = clean.replace(secret, "[redacted]");
            }
        }
        clean
    }

    fn setting(&self, name: &str) -> Option<String> {
        let connection = self.connection.as_ref()?;
        if let Some(name) = name.strip_prefix("extra.") {
            return connection.extra(name).map(str::to_owned);
        }
        let text = match name {
            "connection" => connection.name(),
            "provider" => &connection.profile().id,
            "environment" => connection.environment(),
            "grant" => connection.grant().as_str(),
            "client_id" => connection.client_id(),
            "client_auth" => connection.client_auth().as_str(),
            "subject" => connection.subject()?,
            "audience" => connection.audience()?,
            "issuer" => connection.issuer()?,
            "scopes" => return Some(connection.scopes().join(" ")),
            "redirect_uri" => connection.redirect_uri()?.as_str(),
            "base_url" => connection.base_url()?.as_str(),
            "token_url" => connection.token_url().as_str(),
            "userinfo_url" => connection.userinfo_url()?.as_str(),
            _ => return None,
        };
        Some(text.to_owned())
    }
}

impl Answer {
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

impl Drop for Answer {
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

/// The texts under names that say what they are.
fn collect_secrets<'a>(value: &'a Value, is_secret: bool, found: &mut Vec<&'a str>) {
    match value {
        // A short word, such as a `token_type`, is none, and would tear other words apart.
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
