//! What a server said about a request it did not grant, in whatever shape it said it.

mod markup;

use serde_json::{Map, Value};

use super::{Redactor, charset};
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
        let converted = charset::to_utf8(body);
        let body = converted.as_ref().map_or(body, |converted| converted);
        Self::in_body(response, body).or_in_challenges(response)
    }

    /// Reads only what cannot be a token: for a response that should have brought one.
    pub(crate) fn besides_tokens(response: &Response, body: &[u8]) -> Self {
        let converted = charset::to_utf8(body);
        let body = trim(converted.as_ref().map_or(body, |converted| converted));
        let text = String::from_utf8_lossy(body);
        let said = match first_value(body) {
            Some(value) => Self::in_json(&value, response.status, DEPTH),
            None if is_markup(body) => markup::read_marked(&text),
            None => form_fields(response, &text)
                .map(|fields| Self::in_json(&fields, response.status, DEPTH))
                .unwrap_or_default(),
        };
        said.or_in_challenges(response)
    }

    /// Whether nothing was said.
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

    /// Adds what `WWW-Authenticate` says if no code was found elsewhere.
    fn or_in_challenges(self, response: &Response) -> Self {
        if self.code.is_some() {
            return self;
        }
        let headers = response.headers.iter();
        let challenges = headers
            .filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"))
            .map(|(_, value)| Self::in_challenge(value));
        let Some(found) = challenges.into_iter().find(|said| !said.is_nothing()) else {
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

/// The parameters of the challenges in a `WWW-Authenticate` header (RFC 9110 section 11.2).
fn challenge_parameters(header: &str) -> Vec<(&str, String)> {
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

/// A quoted string whose opening quote was taken (RFC 9110 section 5.6.4), and what follows it.
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

/// The JSON object or array that a body starts with, whatever follows it.
fn first_value(body: &[u8]) -> Option<Value> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter();
    let first: Value = values.next()?.ok()?;
    (first.is_object() || first.is_array()).then_some(first)
}

/// The fields of a form-encoded body: what GitHub, for one, used to answer with.
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
            (
                "error_description=It+is+over&error=bad",
                "bad",
                "It is over",
            ),
            (
                "{\"error\":\"e\",\"message\":\"m\"}\n{\"trace\":1}",
                "e",
                "m",
            ),
            (
                r#"{"error":"e","error_description":"d"}<!-- proxy 7 -->"#,
                "e",
                "d",
            ),
            ("Invalid credentials.", "", "Invalid credentials."),
            ("1 and 1=2", "", "1 and 1=2"),
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
    fn challenges_are_parsed_as_quoted_strings() {
        for (headers, code, text) in [
            (&[r#"Basic realm="error=x, or not""#][..], None, None),
            (
                &[r#"Bearer error = "e", error_description="say \"no\", \\ too""#],
                Some("e"),
                Some(r#"say "no", \ too"#),
            ),
            (&[r#"Bearer error="cut o"#], Some("cut o"), None),
            (&["Negotiate YWJj==", "Bearer error=e,x=y"], Some("e"), None),
        ] {
            let headers = headers.iter().map(|value| ("WWW-Authenticate", *value));
            let response = Response::new(401, headers, "");
            for said in [
                Said::of(&response, b""),
                Said::besides_tokens(&response, b"{}"),
            ] {
                assert_eq!((said.code.as_deref(), said.text.as_deref()), (code, text));
            }
        }
    }

    #[test]
    fn any_character_encoding_is_read_and_what_is_no_text_is_not() {
        let said = |body: &[u8]| Said::of(&Response::new(400, [], body), body);
        let utf16: Vec<_> =
            r#"{"error":"e","message":"é"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for body in [&utf16[..], b"{\"error\":\"e\",\"message\":\"\xe9\"}"] {
            assert_eq!(said(body).code.as_deref(), Some("e"));
            assert_eq!(said(body).text.as_deref(), Some("é"));
        }
        assert_eq!(said(b"Schl\xfcssel").text.as_deref(), Some("Schlüssel"));
        assert!(said(b"\x0b\x02\x80abc\x03").is_nothing());
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
        for body in [
            r#"[{"errorCode":"e","message":"m"}]"#,
            "<OAuth><error>e</error><error_description>m</error_description><x>t0ken</x></OAuth>",
        ] {
            assert_eq!(said(body), (Some("e".to_owned()), Some("m".to_owned())));
        }
    }
}
