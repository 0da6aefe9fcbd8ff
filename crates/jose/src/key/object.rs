//! JSON objects whose members are not copied until they are needed, because they may be secret.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The members of an object as raw JSON, so that secrets are not copied.
#[derive(Clone)]
pub(crate) struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Members<'a> {
    pub(crate) fn of(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn is(&self, name: &str, expected: &str) -> bool {
        self.text(name)
            .is_some_and(|text| text.as_str() == expected)
    }

    /// Returns a string member, unescaped.
    pub(crate) fn text(&self, name: &str) -> Option<Zeroizing<String>> {
        let raw = self.raw(name)?;
        match raw.strip_prefix('"')?.strip_suffix('"')? {
            plain if !plain.contains('\\') => Some(Zeroizing::new(plain.to_owned())),
            _ => serde_json::from_str(raw).ok(),
        }
    }

    /// Returns the members that are not secret.
    pub(crate) fn public(&self) -> Value {
        let names = [
            "kty", "crv", "x", "y", "n", "e", "use", "key_ops", "alg", "kid",
        ];
        let mut members = Map::new();
        for name in names {
            let value = self.raw(name).map(serde_json::from_str);
            if let Some(Ok(value)) = value {
                members.insert(name.to_owned(), value);
            }
        }
        Value::Object(members)
    }

    /// Returns whether both are the same private JWK with the same `kid`.
    pub(crate) fn is_same_key(&self, other: &Self) -> bool {
        ["kid", "d", "k"]
            .iter()
            .all(|name| self.raw(name) == other.raw(name))
    }

    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|raw| raw.get())
    }

    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        Self::of(self.raw(name)?).ok()
    }
}
