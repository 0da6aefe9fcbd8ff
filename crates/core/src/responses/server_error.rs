//! The code and the message of a server's error, in any shape that servers use.

mod markup;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{Redactor, charset};
use crate::{Error, Response, form};

/// The code and the message of a response without a token.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ServerError {
    /// The code, such as `invalid_grant`.
    pub(crate) code: Option<String>,
    /// The message for people.
    pub(crate) text: Option<String>,
    /// Whether it is a web page. Proxies, firewalls and captive portals return those.
    pub(crate) is_page: bool,
}

/// Members that contain a code, the most specific first: RFC 6749 section 5.2, then the vendors'.
const CODES: &[&str] = &[
    "error",
    "errorCode",
    "error_code",
    "errorType",
    "error_type",
    "error_name",
    "error_key",
    "ECODE",
    "code",
    "id",
    "status",
    "type",
    "name",
];

/// Members that contain a message, the most specific first.
const TEXTS: &[&str] = &[
    "error_description",
    "errorDescription",
    "error_message",
    "errorMessage",
    "errorSummary",
    "error_summary",
    "error_msg",
    "message",
    "msg",
    "detail",
    "details",
    "description",
    "reason",
    "faultstring",
    "faultString",
    "title",
    "err",
    "error_uri",
];

/// Members that contain objects with a code or a message.
const NESTS: &[&str] = &[
    "error", "errors", "fault", "Fault", "response", "error_v2", "status", "detail", "details",
    "data",
];

/// Members that name what the message is about, such as Strava's.
const ABOUT: &[&str] = &["resource", "field"];

/// The maximum depth of nested objects.
const MAX_DEPTH: usize = 4;

impl ServerError {
    /// Reads the body, and then the `WWW-Authenticate` header (RFC 6750 section 3).
    pub(crate) fn of(response: &Response, body: &[u8]) -> Self {
        let converted = charset::to_utf8(body);
        let body = converted.as_ref().map_or(body, |converted| converted);
        Self::in_body(response, body).or_in_challenges(response)
    }

    /// Reads only what can't be a token, for a response that should have contained one.
    pub(crate) fn besides_tokens(response: &Response, body: &[u8]) -> Self {
        let converted = charset::to_utf8(body);
        let body = trim(converted.as_ref().map_or(body, |converted| converted));
        let text = String::from_utf8_lossy(body);
        let reported = match first_value(body) {
            Some(value) => Self::in_json(&value, response.status, MAX_DEPTH),
            None if is_markup(body) => markup::read_marked(&text),
            None => form_fields(response, &text)
                .map(|fields| Self::in_json(&fields, response.status, MAX_DEPTH))
                .unwrap_or_default(),
        };
        reported.or_in_challenges(response)
    }

    /// Parses the JSON at the start of a body, or its form.
    pub(super) fn document(response: &Response, body: &[u8]) -> Option<Value> {
        let converted = charset::to_utf8(body);
        let body = trim(converted.as_ref().map_or(body, |converted| converted));
        first_value(body).or_else(|| form_fields(response, &String::from_utf8_lossy(body)))
    }

    /// Returns whether there is neither a code nor a message.
    pub(crate) fn is_nothing(&self) -> bool {
        self.code.is_none() && self.text.is_none()
    }

    fn in_body(response: &Response, body: &[u8]) -> Self {
        let body = trim(body);
        if body.is_empty() || !charset::is_text(body) {
            return Self::default();
        }
        let value = serde_json::from_slice(body).ok();
        if let Some(value) = value.or_else(|| first_value(body)) {
            let reported = Self::in_json(&value, response.status, MAX_DEPTH);
            let shape_is_unknown = reported.is_nothing();
            return Self {
                text: match shape_is_unknown {
                    true => shown(value),
                    false => reported.text,
                },
                ..reported
            };
        }
        let text = String::from_utf8_lossy(body);
        if is_markup(body) {
            return markup::read(&text);
        }
        if let Some(fields) = form_fields(response, &text) {
            let reported = Self::in_json(&fields, response.status, MAX_DEPTH);
            if !reported.is_nothing() {
                return reported;
            }
        }
        Self {
            text: Some(text.into_owned()),
            ..Self::default()
        }
    }

    fn in_json(value: &Value, status: u16, depth: usize) -> Self {
        match value {
            _ if depth == 0 => Self::default(),
            Value::Object(members) => Self::in_object(members, status, depth),
            Value::Array(items) => items
                .iter()
                .map(|item| Self::in_json(item, status, depth - 1))
                .reduce(Self::and)
                .unwrap_or_default(),
            Value::String(text) => Self::words(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::default(),
        }
    }

    fn in_object(members: &Map<String, Value>, status: u16, depth: usize) -> Self {
        let mut codes = CODES
            .iter()
            .filter_map(|name| Some((*name, members.get(*name)?)));
        let code = codes.find_map(|(name, value)| code_in(name, value, status));
        let text_of = |name: &&str| {
            let text = members.get(*name)?.as_str()?.trim();
            // A message that repeats the code adds nothing.
            (!text.is_empty() && code.as_deref() != Some(text)).then(|| text.to_owned())
        };
        let about: Vec<_> = ABOUT.iter().filter_map(text_of).collect();
        let text = TEXTS.iter().find_map(text_of);
        let outer = Self {
            code,
            text: match about.is_empty() {
                true => text,
                false => Some(about.into_iter().chain(text).collect::<Vec<_>>().join(" ")),
            },
            is_page: false,
        };
        let nested = NESTS.iter().filter_map(|name| members.get(*name));
        nested
            .filter(|value| value.is_object() || value.is_array())
            .map(|value| Self::in_json(value, status, depth - 1))
            .fold(outer, Self::and)
    }

    /// Adds the error in `WWW-Authenticate` if no code was found elsewhere.
    fn or_in_challenges(self, response: &Response) -> Self {
        if self.code.is_some() {
            return self;
        }
        let headers = response.headers.iter();
        let challenges = headers
            .filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"))
            .map(|(_, value)| Self::in_challenge(value));
        let Some(found) = challenges
            .into_iter()
            .find(|reported| !reported.is_nothing())
        else {
            return self;
        };
        Self {
            code: found.code,
            text: self.text.or(found.text),
            is_page: self.is_page,
        }
    }

    fn in_challenge(header: &str) -> Self {
        let parameters = challenge_parameters(header);
        let parameter = |name: &str| {
            let mut found = parameters.iter();
            let (_, value) = found
                .find(|(known, value)| known.eq_ignore_ascii_case(name) && !value.is_empty())?;
            Some(value.clone())
        };
        Self {
            code: parameter("error"),
            text: parameter("error_description"),
            is_page: false,
        }
    }

    /// Returns a message without a code.
    fn words(text: &str) -> Self {
        let text = text.trim();
        Self {
            text: (!text.is_empty()).then(|| text.to_owned()),
            ..Self::default()
        }
    }

    /// Merges an error from another place. The first code wins; messages are joined.
    fn and(self, other: Self) -> Self {
        let (code, second) = match (self.code, other.code) {
            (None, code) => (code, None),
            // A second code is part of the message, such as Strava's `invalid`.
            (code, second) => (
                code.clone(),
                second.filter(|second| Some(second) != code.as_ref()),
            ),
        };
        let texts = [self.text, other.text, second];
        let mut words: Vec<String> = Vec::new();
        for text in texts.into_iter().flatten() {
            if !words.contains(&text) {
                words.push(text);
            }
        }
        Self {
            code,
            text: (!words.is_empty()).then(|| words.join("; ")),
            is_page: self.is_page || other.is_page,
        }
    }
}

impl Redactor {
    /// Returns the server's error as the end of a message.
    pub(crate) fn quoted(&self, reported: &ServerError) -> String {
        let (code, text) = self.shown(reported);
        let words: Vec<_> = [code, text].into_iter().flatten().collect();
        match words.is_empty() {
            true => String::new(),
            false => format!("; it says: {}", words.join(": ")),
        }
    }

    /// Adds the server's code and message to an error.
    pub(crate) fn note(&self, error: Error, reported: &ServerError) -> Error {
        match self.shown(reported) {
            (Some(code), text) => error.with_oauth(code, text),
            (None, Some(text)) => error.with_oauth_description(text),
            (None, None) => error,
        }
    }

    /// Returns the code and the message without secrets.
    pub(crate) fn shown(&self, reported: &ServerError) -> (Option<String>, Option<String>) {
        let clean = |text: &Option<String>| {
            let clean = text.as_ref().map(|text| self.clean(text));
            clean.filter(|text| !text.is_empty())
        };
        (clean(&reported.code), clean(&reported.text))
    }
}

/// Returns a member's value as a code.
///
/// In `error`, any text is a code, as in RFC 6749. In other members, a code is one word that says
/// more than the HTTP status.
fn code_in(name: &str, value: &Value, status: u16) -> Option<String> {
    if super::scalar_text(value)? == status.to_string() {
        return None;
    }
    const MEANINGLESS: &[&str] = &["error", "fail", "failed", "failure", "about:blank"];
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) if name == "error" => Some(text.clone()),
        Value::String(text) => {
            let of_code = |b: u8| b.is_ascii_alphanumeric() || b"_-.:".contains(&b);
            let is_word = text.len() <= 64 && text.bytes().all(of_code);
            let is_number = text.bytes().all(|b| b.is_ascii_digit());
            let is_meaningless = MEANINGLESS.contains(&text.to_ascii_lowercase().as_str())
                || is_number && matches!(name, "status" | "id" | "name");
            (is_word && !is_meaningless).then(|| text.clone())
        }
        Value::Number(number) if matches!(name, "error" | "code" | "errorCode" | "error_code") => {
            Some(number.to_string())
        }
        _ => None,
    }
}

/// Parses the parameters of the challenges in a `WWW-Authenticate` header (RFC 9110 section 11.2).
pub(crate) fn challenge_parameters(header: &str) -> Vec<(&str, String)> {
    let mut parameters = Vec::new();
    let mut rest = header;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.trim_end().rsplit([' ', '\t', ',']).next();
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = after.find([' ', '\t', ',']).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        parameters.push((name.unwrap_or_default(), value));
        rest = next;
    }
    parameters
}

/// Parses a quoted string after its opening quote (RFC 9110 section 5.6.4). Returns its value and
/// the rest of the text.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// Parses the JSON object or array at the start of a body, and ignores what follows it.
fn first_value(body: &[u8]) -> Option<Value> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter();
    let first: Value = values.next()?.ok()?;
    (first.is_object() || first.is_array()).then_some(first)
}

/// Parses the fields of a form-encoded body, which GitHub used to return.
fn form_fields(response: &Response, body: &str) -> Option<Value> {
    if !response.is_form() && !form::has_field(body, "error") {
        return None;
    }
    let fields = form::parse_query(body).ok()?;
    let members = fields
        .into_iter()
        .map(|(name, value)| (name, Value::String(value)));
    Some(Value::Object(members.collect()))
}

/// Returns JSON of an unknown shape as text, without the values of members that may be secret.
fn shown(value: Value) -> Option<String> {
    says_something(&value).then(|| without_secrets(value).to_string())
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
        Value::Array(items) => items.iter().any(says_something),
        Value::Object(members) => members.values().any(says_something),
    }
}

fn without_secrets(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| match may_be_secret(&name) {
                true if !value.is_null() => (name, "[redacted]".into()),
                _ => (name, without_secrets(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(without_secrets).collect(),
        other => other,
    }
}

/// Returns whether the value of a member with this name may be a credential.
fn may_be_secret(name: &str) -> bool {
    const PARTS: &[&str] = &["token", "secret", "password", "assertion", "key", "cookie"];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

fn trim(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(body)
        .trim_ascii()
}

fn is_markup(body: &[u8]) -> bool {
    body.first() == Some(&b'<')
}
