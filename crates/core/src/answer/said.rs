//! What a server said about a request it did not grant, in whatever shape it said it.

use serde_json::{Map, Value};

use super::{Redactor, markup};
use crate::{Error, Response, form};

/// The code and the words of a response that brings no token.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// The code, such as `invalid_grant`.
    pub(crate) code: Option<String>,
    /// The words for people.
    pub(crate) text: Option<String>,
    /// Whether it is a web page. Proxies, firewalls and captive portals answer so, too.
    pub(crate) is_page: bool,
}

/// Members that hold a code, the most telling first: RFC 6749 section 5.2, then what vendors use.
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

/// Members that hold words, the most telling first.
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

/// Members that hold another object, or several, with a code or words.
const NESTS: &[&str] = &[
    "error", "errors", "fault", "Fault", "response", "error_v2", "status", "detail", "details",
    "data",
];

/// Strava, for one, says in these what the words are about.
const ABOUT: &[&str] = &["resource", "field"];

/// How deep objects are looked into.
const DEPTH: usize = 4;

impl Said {
    /// Reads the body, and then the `WWW-Authenticate` header (RFC 6750 section 3).
    pub(crate) fn of(response: &Response, body: &[u8]) -> Self {
        let said = Self::in_body(response, body);
        let header = response
            .header("www-authenticate")
            .map(Self::in_challenge)
            .unwrap_or_default();
        match said.code {
            Some(_) => said,
            None => Self {
                code: header.code,
                text: said.text.or(header.text),
                is_page: said.is_page,
            },
        }
    }

    /// Reads only what cannot be a token: for a response that should have brought one.
    pub(crate) fn besides_tokens(response: &Response, body: &[u8]) -> Self {
        let body = trim(body);
        match serde_json::from_slice(body) {
            Ok(value @ Value::Object(_)) => Self::in_json(&value, response.status, DEPTH),
            _ if is_markup(body) => Self {
                text: markup::title(&String::from_utf8_lossy(body)),
                is_page: true,
                ..Self::default()
            },
            _ => form_fields(response, &String::from_utf8_lossy(body))
                .map(|fields| Self::in_json(&fields, response.status, DEPTH))
                .unwrap_or_default(),
        }
    }

    /// Whether nothing was said.
    pub(crate) fn is_nothing(&self) -> bool {
        self.code.is_none() && self.text.is_none()
    }

    fn in_body(response: &Response, body: &[u8]) -> Self {
        let body = trim(body);
        if body.is_empty() {
            return Self::default();
        }
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            let said = Self::in_json(&value, response.status, DEPTH);
            let shape_is_unknown = said.is_nothing();
            return Self {
                text: match shape_is_unknown {
                    true => shown(value),
                    false => said.text,
                },
                ..said
            };
        }
        let text = String::from_utf8_lossy(body);
        if is_markup(body) {
            return markup::read(&text);
        }
        if let Some(fields) = form_fields(response, &text) {
            let said = Self::in_json(&fields, response.status, DEPTH);
            if !said.is_nothing() {
                return said;
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
            // The code in other members is not repeated as words.
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

    fn in_challenge(header: &str) -> Self {
        let parameter = |name: &str| {
            let at = header.to_ascii_lowercase().find(&format!("{name}="))?;
            let value = &header[at + name.len() + 1..];
            let value = match value.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next(),
                None => value.split([',', ' ']).next(),
            };
            value.filter(|v| !v.is_empty()).map(str::to_owned)
        };
        Self {
            code: parameter("error"),
            text: parameter("error_description"),
            is_page: false,
        }
    }

    /// Words without a code.
    fn words(text: &str) -> Self {
        let text = text.trim();
        Self {
            text: (!text.is_empty()).then(|| text.to_owned()),
            ..Self::default()
        }
    }

    /// Adds what was said in another place. The first code counts; all words do.
    fn and(self, other: Self) -> Self {
        let (code, second) = match (self.code, other.code) {
            (None, code) => (code, None),
            // A second code has something to say as well, such as Strava's `invalid`.
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
    /// What the server said, as the end of a message.
    pub(crate) fn quoted(&self, said: &Said) -> String {
        let (code, text) = self.shown(said);
        let words: Vec<_> = [code, text].into_iter().flatten().collect();
        match words.is_empty() {
            true => String::new(),
            false => format!("; it says: {}", words.join(": ")),
        }
    }

    /// The error with what the server said.
    pub(crate) fn note(&self, error: Error, said: &Said) -> Error {
        match self.shown(said) {
            (Some(code), text) => error.with_oauth(code, text),
            (None, Some(text)) => error.with_oauth_description(text),
            (None, None) => error,
        }
    }

    /// The code and the words, fit to be shown.
    pub(crate) fn shown(&self, said: &Said) -> (Option<String>, Option<String>) {
        let clean = |text: &Option<String>| {
            let clean = text.as_ref().map(|text| self.clean(text));
            clean.filter(|text| !text.is_empty())
        };
        (clean(&said.code), clean(&said.text))
    }
}

/// A member's value as a code. In `error` any text counts, as RFC 6749 has it; elsewhere a code is
/// one word, and says more than the HTTP status or the name of a schema does.
fn code_in(name: &str, value: &Value, status: u16) -> Option<String> {
    if super::scalar_text(value)? == status.to_string() {
        return None;
    }
    const EMPTY: &[&str] = &["error", "fail", "failed", "failure", "about:blank"];
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) if name == "error" => Some(text.clone()),
        Value::String(text) => {
            let of_code = |b: u8| b.is_ascii_alphanumeric() || b"_-.:".contains(&b);
            let is_word = text.len() <= 64 && text.bytes().all(of_code);
            let is_number = text.bytes().all(|b| b.is_ascii_digit());
            let says_nothing = EMPTY.contains(&text.to_ascii_lowercase().as_str())
                || is_number && matches!(name, "status" | "id" | "name");
            (is_word && !says_nothing).then(|| text.clone())
        }
        Value::Number(number) if matches!(name, "error" | "code" | "errorCode" | "error_code") => {
            Some(number.to_string())
        }
        _ => None,
    }
}

/// The fields of a form-encoded body: what GitHub, for one, used to answer with.
fn form_fields(response: &Response, body: &str) -> Option<Value> {
    if !response.is_form() && !body.starts_with("error=") {
        return None;
    }
    let fields = form::parse_query(body).ok()?;
    let members = fields
        .into_iter()
        .map(|(name, value)| (name, Value::String(value)));
    Some(Value::Object(members.collect()))
}

/// JSON in a shape that is not known, without the values of members that may be secret.
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

/// Whether what goes by this name may be a credential.
pub(super) fn may_be_secret(name: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> (Option<String>, Option<String>) {
        let said = Said::of(&Response::new(400, [], body), body.as_bytes());
        (said.code, said.text)
    }

    #[test]
    fn every_shape_that_vendors_use_is_read() {
        for (body, code, text) in [
            (
                r#"{"error":"invalid_grant","error_description":"d"}"#,
                "invalid_grant",
                "d",
            ),
            (
                r#"{"status":"BAD_REFRESH_TOKEN","message":"missing or unknown"}"#,
                "BAD_REFRESH_TOKEN",
                "missing or unknown",
            ),
            (
                r#"{"code":"invalid_client","message":"no"}"#,
                "invalid_client",
                "no",
            ),
            (r#"{"error":{"message":"m","code":"c"}}"#, "c", "m"),
            (
                r#"{"error":{"message":"m","code":400,"status":"UNAUTHENTICATED"}}"#,
                "UNAUTHENTICATED",
                "m",
            ),
            (
                r#"{"error":{"error_name":"unauthorized","error_msg":"m"}}"#,
                "unauthorized",
                "m",
            ),
            (r#"{"errorCode":"E1","errorSummary":"s"}"#, "E1", "s"),
            (r#"{"error_code":19,"error_msg":"s"}"#, "19", "s"),
            (
                r#"[{"message":"Session expired","errorCode":"INVALID_SESSION_ID"}]"#,
                "INVALID_SESSION_ID",
                "Session expired",
            ),
            (
                r#"{"errors":[{"errorType":"invalid_grant","message":"m"}],"success":false}"#,
                "invalid_grant",
                "m",
            ),
            (r#"{"errors":["one","two"]}"#, "", "one; two"),
            (
                r#"{"response":{"errors":[{"code":"10401","message":"m"}]}}"#,
                "10401",
                "m",
            ),
            (
                r#"{"fault":{"faultstring":"f","detail":{"errorcode":"x"}}}"#,
                "",
                "f",
            ),
            (
                r#"{"message":"Bad Request","errors":[{"resource":"RefreshToken","field":"refresh_token","code":"invalid"}]}"#,
                "invalid",
                "Bad Request; RefreshToken refresh_token",
            ),
            (
                r#"{"message":"Bad Request","error":400}"#,
                "",
                "Bad Request",
            ),
            (r#"{"error":true,"status":400,"message":"m"}"#, "", "m"),
            (r#"{"detail":"d"}"#, "", "d"),
            (
                r#"{"type":"about:blank","title":"t","status":400}"#,
                "",
                "t",
            ),
            (
                r#"{"id":"unauthorized","message":"m"}"#,
                "unauthorized",
                "m",
            ),
            (
                "error=bad_refresh_token&error_description=It+is+gone.",
                "bad_refresh_token",
                "It is gone.",
            ),
            ("Invalid credentials.", "", "Invalid credentials."),
            (
                "<html><head><title>Sign in</title></head><body>x</body></html>",
                "",
                "Sign in",
            ),
            (
                "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>a &amp; b</Message></Error>",
                "AccessDenied",
                "a & b",
            ),
            (
                r#"{"odd":[1,{"access_token":"t"}]}"#,
                "",
                r#"{"odd":[1,{"access_token":"[redacted]"}]}"#,
            ),
            ("", "", ""),
            ("{}", "", ""),
            (r#"{"error":null,"x":[""]}"#, "", ""),
        ] {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            assert_eq!(said(body), (some(code), some(text)), "{body}");
        }
    }

    #[test]
    fn a_challenge_is_read_if_the_body_has_no_code() {
        let headers = [(
            "WWW-Authenticate",
            r#"Bearer realm="x", error="invalid_token", error_description="it expired""#,
        )];
        let said = |body: &str| Said::of(&Response::new(401, headers, body), body.as_bytes());
        assert_eq!(said("").code.as_deref(), Some("invalid_token"));
        assert_eq!(said("").text.as_deref(), Some("it expired"));
        assert_eq!(said("no").text.as_deref(), Some("no"));
        assert_eq!(said(r#"{"error":"e"}"#).code.as_deref(), Some("e"));
    }

    #[test]
    fn what_should_have_brought_a_token_shows_none_of_it() {
        let said = |body: &str| {
            let said = Said::besides_tokens(&Response::new(200, [], body), body.as_bytes());
            (said.code, said.text)
        };
        assert_eq!(said(r#"{"access_tok"#), (None, None));
        assert_eq!(said(r#""t0ken""#), (None, None));
        assert_eq!(said("t0ken"), (None, None));
        assert_eq!(said("<a>t0ken</a>"), (None, None));
        let page = said("<html><title>Wi-Fi</title>t0ken</html>");
        assert_eq!(page, (None, Some("Wi-Fi".to_owned())));
        let json = said(r#"{"code":40105,"message":"m","data":{"access_token":"t0ken"}}"#);
        assert_eq!(json, (Some("40105".to_owned()), Some("m".to_owned())));
    }
}
