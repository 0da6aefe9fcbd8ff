//! JSON objects without duplicate names.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::{Error, ErrorKind};

/// Parses a JSON object in UTF-8 and rejects duplicate names.
///
/// Names must be unique (RFC 7515 section 4, RFC 7519 section 4). With duplicates, two parsers
/// could see two different tokens.
pub(crate) fn unique_members(json: &[u8], what: &str) -> Result<Map<String, Value>, Error> {
    if std::str::from_utf8(json).is_err() {
        return Err(invalid(format!("the token's {what} is not UTF-8")));
    }
    let Members(members) = serde_json::from_slice(json)
        .map_err(|_| invalid(format!("the token's {what} is not a JSON object")))?;
    let mut map = Map::new();
    for (name, value) in members {
        if map.contains_key(&name) {
            let shown: String = name.chars().take(32).collect();
            return Err(invalid(format!("the token's {what} has {shown:?} twice")));
        }
        map.insert(name, value);
    }
    Ok(map)
}

/// Builds the error for a token that is not valid.
pub(crate) fn invalid(what: String) -> Error {
    Error::new(ErrorKind::Verification, what)
}

/// The members of an object in their order, including duplicates.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
