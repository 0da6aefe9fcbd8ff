//! JOSE headers (RFC 7515 section 4) and JSON objects in which no name comes twice.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::Signer;
use crate::Error;

/// The header of a token to be signed, as JSON: `{"alg":…,"typ":…,"kid":…}`.
pub(super) fn write(signer: &dyn Signer, typ: Option<&str>) -> Result<Vec<u8>, Error> {
    let mut json = Vec::with_capacity(96);
    json.extend_from_slice(b"{\"alg\":\"");
    json.extend_from_slice(signer.algorithm().as_str().as_bytes());
    json.push(b'"');
    for (name, value) in [("typ", typ), ("kid", signer.key_id())] {
        if let Some(value) = value {
            json.extend_from_slice(b",\"");
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
            serde_json::to_writer(&mut json, value).map_err(|_| {
                Error::new(
                    crate::ErrorKind::Internal,
                    format!("header member `{name}` is not JSON"),
                )
            })?;
        }
    }
    json.push(b'}');
    Ok(json)
}

/// Reads a JSON object in UTF-8, refusing one in which a name comes twice (RFC 7515 section 4,
/// RFC 7519 section 4): two readers could otherwise see two different tokens.
pub(super) fn unique_members(json: &[u8], what: &str) -> Result<Map<String, Value>, Error> {
    if std::str::from_utf8(json).is_err() {
        return Err(super::verify::refuse(format!(
            "the token's {what} is not UTF-8"
        )));
    }
    let Members(members) = serde_json::from_slice(json)
        .map_err(|_| super::verify::refuse(format!("the token's {what} is not a JSON object")))?;
    let mut map = Map::new();
    for (name, value) in members {
        if map.contains_key(&name) {
            let shown: String = name.chars().take(32).collect();
            return Err(super::verify::refuse(format!(
                "the token's {what} has {shown:?} twice"
            )));
        }
        map.insert(name, value);
    }
    Ok(map)
}

/// The members of an object as they come.
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
