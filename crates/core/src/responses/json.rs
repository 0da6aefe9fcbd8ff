//! The members of a token response, without duplicates.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::charset;
use crate::{Response, form};

/// Members that decide what a client does. If one occurs twice, which one counts is unknown.
const DECISIVE: &[&str] = &[
    "access_token",
    "refresh_token",
    "expires_in",
    "token_type",
    "error",
    "id_token",
];

pub(super) struct Members(Vec<(String, Value)>);

impl Members {
    /// Reads the body as JSON, or as a form, which GitHub and Facebook used to return.
    pub(super) fn read(response: &Response, body: &[u8]) -> Result<Self, String> {
        let converted = charset::to_utf8(body);
        let body = converted.as_ref().map_or(body, |converted| converted);
        let parsed = Self::parse(body);
        let text = std::str::from_utf8(body).unwrap_or_default();
        let is_form = || {
            let names = ["access_token", "error"];
            response.is_form() || names.iter().any(|name| form::has_field(text, name))
        };
        if parsed.is_ok() || !is_form() {
            return parsed;
        }
        let fields = form::parse_query(text.trim()).map_err(|error| error.message().to_owned())?;
        let mut members = Collected::default();
        for (name, value) in fields {
            members.add(name, Value::String(value))?;
        }
        Ok(Self(members.0))
    }

    fn parse(body: &[u8]) -> Result<Self, String> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err("it is empty".into());
        }
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let mut json = serde_json::Deserializer::from_slice(body);
        let members = json
            .deserialize_map(Collect)
            .map_err(|error| match error.classify() {
                serde_json::error::Category::Eof => "it ends early".to_owned(),
                serde_json::error::Category::Data if error.to_string().contains("twice") => {
                    // Our own message, which names a member and contains no value.
                    error
                        .to_string()
                        .split(" at line")
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                }
                _ => "it is not a JSON object".to_owned(),
            })?;
        json.end()
            .map_err(|_| "something follows the JSON object".to_owned())?;
        Ok(members)
    }

    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.member(name).and_then(Value::as_str)
    }

    pub(super) fn scalar(&self, name: &str) -> Option<String> {
        self.member(name).and_then(super::scalar_text)
    }

    pub(super) fn has_access_token(&self) -> bool {
        self.text("access_token")
            .is_some_and(|token| !token.is_empty())
    }

    /// Returns whether the response reports errors in a shape other than RFC 6749's.
    pub(super) fn has_errors(&self) -> bool {
        let found = ["error", "errors"].map(|name| self.member(name));
        found.into_iter().flatten().any(|errors| match errors {
            Value::Object(members) => !members.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => false,
        })
    }

    pub(super) fn says_oauth_error(&self) -> bool {
        self.text("error").is_some_and(|error| !error.is_empty())
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Collected::default();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            members.add(name, value).map_err(serde::de::Error::custom)?;
        }
        Ok(Members(members.0))
    }
}

#[derive(Default)]
struct Collected(Vec<(String, Value)>);

impl Collected {
    fn add(&mut self, name: String, value: Value) -> Result<(), String> {
        let again =
            DECISIVE.contains(&name.as_str()) && self.0.iter().any(|(known, _)| *known == name);
        if again {
            return Err(format!("`{name}` occurs twice"));
        }
        self.0.push((name, value));
        Ok(())
    }
}
