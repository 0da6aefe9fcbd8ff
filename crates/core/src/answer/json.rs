//! The members of an answer's JSON object, refusing those that are there twice.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// Members that decide what a client does: there twice, they may mean two things.
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
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
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
                    // Our own message, with a member's name and nothing of a value.
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
        let mut members: Vec<(String, Value)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            let again = DECISIVE.contains(&name.as_str())
                && members.iter().any(|(known, _)| *known == name);
            if again {
                return Err(serde::de::Error::custom(format!("`{name}` is there twice")));
            }
            members.push((name, value));
        }
        Ok(Members(members))
    }
}
