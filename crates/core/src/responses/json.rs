//! The members of a token response, without duplicates.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::charset;
use crate::profile::pointer::is_same;
use crate::profile::{Pointer, Pointers, ResponseRules};
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
    pub(super) fn read(
        response: &Response,
        body: &[u8],
        rules: &ResponseRules,
    ) -> Result<Self, String> {
        let converted = charset::to_utf8(body);
        let body = converted.as_ref().map_or(body, |converted| converted);
        let decisive = decisive(rules);
        let parsed = Self::parse(body, &decisive);
        let text = std::str::from_utf8(body).unwrap_or_default();
        let is_form = || {
            let own = rules.access_token.iter().map(Pointer::as_str);
            let mut names = ["access_token", "error"].into_iter().chain(own);
            response.is_form() || names.any(|name| form::has_field(text, name))
        };
        if parsed.is_ok() || !is_form() {
            return parsed;
        }
        let fields = form::parse_query(text.trim()).map_err(|error| error.message().to_owned())?;
        let mut members = Collected::new(&decisive);
        for (name, value) in fields {
            members.add(name, Value::String(value))?;
        }
        Ok(Self(members.members))
    }

    fn parse(body: &[u8], decisive: &Decisive) -> Result<Self, String> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err("it is empty".into());
        }
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let mut json = serde_json::Deserializer::from_slice(body);
        let members =
            json.deserialize_map(Collect(decisive))
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

    pub(super) fn scalar(&self, name: &str) -> Option<String> {
        self.member(name).and_then(super::scalar_text)
    }

    /// Returns the value that a pointer leads to. `null` counts as absent.
    pub(super) fn at(&self, pointer: &Pointer) -> Option<&Value> {
        let (name, rest) = pointer.split();
        let found = self.member(&name)?.pointer(rest)?;
        (!found.is_null()).then_some(found)
    }

    /// Returns the value where the profile says it is, or else the member of this name.
    pub(super) fn found(&self, places: &Pointers, name: &str) -> Option<&Value> {
        match places.is_empty() {
            true => self.member(name),
            false => places.iter().find_map(|place| self.at(place)),
        }
    }

    pub(super) fn has_access_token(&self, rules: &ResponseRules) -> bool {
        let found = self.found(&rules.access_token, "access_token");
        found
            .and_then(Value::as_str)
            .is_some_and(|token| !token.is_empty())
    }

    /// Returns whether the response has all members of a successful one.
    pub(super) fn says_success(&self, rules: &ResponseRules) -> bool {
        let mut wanted = rules.success.iter();
        wanted.all(|(pointer, wanted)| self.at(pointer).is_some_and(|value| is_same(value, wanted)))
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
        let error = self.member("error").and_then(Value::as_str);
        error.is_some_and(|error| !error.is_empty())
    }
}

/// The names of members that must not occur twice.
struct Decisive {
    /// In the outermost object: the [`DECISIVE`] ones, and those that the profile reads instead.
    outer: Vec<String>,
    /// In the objects within.
    inner: Vec<String>,
}

fn decisive(rules: &ResponseRules) -> Decisive {
    let places = [
        &rules.access_token,
        &rules.refresh_token,
        &rules.expires_in,
        &rules.token_type,
        &rules.id_token,
        &rules.error,
    ];
    let own = places.into_iter().flat_map(Pointers::iter);
    let own: Vec<_> = own.chain(rules.success.keys()).collect();
    let names = DECISIVE.iter().map(|name| (*name).to_owned());
    let steps = own
        .iter()
        .flat_map(|pointer| pointer.steps().into_iter().skip(1));
    Decisive {
        inner: steps.collect(),
        outer: names
            .chain(own.iter().map(|pointer| pointer.split().0))
            .collect(),
    }
}

struct Collect<'a>(&'a Decisive);

impl<'de> Visitor<'de> for Collect<'_> {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Collected::new(self.0);
        while let Some(name) = map.next_key::<String>()? {
            let value = match self.0.inner.is_empty() {
                true => map.next_value()?,
                false => map.next_value_seed(Inner(&self.0.inner))?,
            };
            members.add(name, value).map_err(A::Error::custom)?;
        }
        Ok(Members(members.members))
    }
}

/// Reads a value in whose objects none of these members occurs twice.
struct Inner<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Inner<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inner<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Inner(self.0))? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = serde_json::Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if self.0.contains(&name) && members.contains_key(&name) {
                return Err(A::Error::custom(occurs_twice(&name)));
            }
            let value = map.next_value_seed(Inner(self.0))?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

fn occurs_twice(name: &str) -> String {
    format!("`{name}` occurs twice")
}

struct Collected<'a> {
    members: Vec<(String, Value)>,
    decisive: &'a Decisive,
}

impl<'a> Collected<'a> {
    fn new(decisive: &'a Decisive) -> Self {
        Self {
            members: Vec::new(),
            decisive,
        }
    }

    fn add(&mut self, name: String, value: Value) -> Result<(), String> {
        let again = self.decisive.outer.contains(&name)
            && self.members.iter().any(|(known, _)| *known == name);
        if again {
            return Err(occurs_twice(&name));
        }
        self.members.push((name, value));
        Ok(())
    }
}
