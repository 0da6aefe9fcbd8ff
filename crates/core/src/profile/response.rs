//! How a successful response is read.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::pointer::{Pointer, Pointers};

/// How a response of the token endpoint is read.
///
/// Where a value is, is a JSON pointer (RFC 6901) such as `/data/access_token`, or the name of a
/// member, or a list of these, of which the first that leads to a value counts. Without one, the
/// member of RFC 6749 is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResponseRules {
    /// Where the access token is.
    pub access_token: Pointers,
    /// Where the refresh token is.
    pub refresh_token: Pointers,
    /// Where the ID token is.
    pub id_token: Pointers,
    /// Where the token type is.
    pub token_type: Pointers,
    /// Where the lifetime of the access token, or its end, is. See [`ResponseRules::expires_as`].
    pub expires_in: Pointers,
    /// Where the lifetime of the refresh token, or its end, is.
    ///
    /// The value is a number of seconds, a date (RFC 3339), or seconds or milliseconds since 1970.
    /// If `expires_as` is `milliseconds`, `minutes` or `hours`, that is its unit, too.
    pub refresh_token_expires_in: Pointers,
    /// Where the granted scopes are: a text or an array of texts.
    pub scope: Pointers,
    /// What separates scopes in responses, in addition to spaces. That of requests by default.
    pub scope_separator: Option<String>,
    /// What `expires_in` means.
    pub expires_as: ExpiresAs,
    /// Members that a successful response has, with their values. Any other response is a failure,
    /// whatever its status. If it is empty, a response with an `error` is a failure.
    pub success: BTreeMap<Pointer, Value>,
    /// Where the code of an error is. If nothing is there, the code is searched in the places that
    /// other vendors use.
    pub error: Pointers,
    /// Where the message of an error is. If nothing is there, it is searched like the code.
    pub error_description: Pointers,
    /// Members of the response that are kept and returned as `extra`.
    ///
    /// What only a login returns is kept until the next login.
    pub keep: Vec<String>,
    /// More values that are kept and returned as `extra`, by the name that they get there.
    pub kept: BTreeMap<String, Kept>,
    /// Token types in addition to `Bearer`, each with the scheme of its `Authorization` header,
    /// such as `bot = "Bearer"`.
    ///
    /// If there are any, all other types are rejected. If there are none, every type is sent as
    /// `Bearer`, except those known to need a proof, such as `DPoP`, which are rejected.
    pub token_types: BTreeMap<String, String>,
    /// The lifetime to assume if the response has no `expires_in`, in seconds.
    pub assume_lifetime_s: Option<u32>,
    /// The header that contains the vendor's trace id.
    pub trace_header: Option<String>,
}

/// The default of `assume_lifetime_s`: the shortest session lifetime of the known vendors.
pub(crate) const DEFAULT_LIFETIME_S: u32 = 900;

/// What the value at `expires_in` means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExpiresAs {
    /// A lifetime in seconds (RFC 6749 section 5.1).
    #[default]
    Seconds,
    /// A lifetime in milliseconds.
    Milliseconds,
    /// A lifetime in minutes.
    Minutes,
    /// A lifetime in hours.
    Hours,
    /// The end, as a date (RFC 3339).
    Rfc3339,
    /// The end, in seconds since 1970.
    Unix,
    /// The end, in milliseconds since 1970.
    UnixMilliseconds,
    /// Nothing: the end is the `exp` of the access token, which is a JWT.
    Jwt,
    /// Nothing, because tokens don't expire: a token is used until an API rejects it. If a response
    /// does state a lifetime in seconds, that counts, unless it is 0 or negative.
    Never,
}

impl ExpiresAs {
    /// Returns the unit in seconds if the value is a lifetime in another unit than seconds.
    pub(crate) fn unit_s(self) -> Option<f64> {
        match self {
            Self::Milliseconds => Some(0.001),
            Self::Minutes => Some(60.0),
            Self::Hours => Some(3600.0),
            _ => None,
        }
    }
}

/// Where a value that is kept comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kept {
    /// A place in the body of the token response.
    Body(Pointer),
    /// A claim of the ID token in the token response.
    ///
    /// The signature of the ID token is not verified for this. What is trusted is the TLS connection
    /// to the token endpoint that the ID token came through (OpenID Connect Core section 3.1.3.7).
    IdToken(Pointer),
    /// A header of the token response.
    Header(String),
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Source;

        impl<'de> Visitor<'de> for Source {
            type Value = Kept;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON pointer, { id_token = \"/claim\" } or { header = \"Name\" }")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Kept, E> {
                let text = serde::de::value::StrDeserializer::new(text);
                Pointer::deserialize(text).map(Kept::Body)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kept, A::Error> {
                let kept = match map.next_key::<String>()?.as_deref() {
                    Some("id_token") => Kept::IdToken(map.next_value()?),
                    Some("header") => Kept::Header(map.next_value()?),
                    Some(other) => {
                        return Err(A::Error::unknown_field(other, &["id_token", "header"]));
                    }
                    None => return Err(A::Error::invalid_length(0, &self)),
                };
                match map.next_key::<String>()? {
                    Some(_) => Err(A::Error::invalid_length(2, &self)),
                    None => Ok(kept),
                }
            }
        }

        deserializer.deserialize_any(Source)
    }
}

#[cfg(test)]
mod tests {
    use super::DEFAULT_LIFETIME_S;
    use crate::profile::FIELDS;

    #[test]
    fn the_reference_has_the_default_lifetime() {
        let path = "response.assume_lifetime_s";
        let field = FIELDS.iter().find(|field| field.path == path).unwrap();
        assert_eq!(field.default, DEFAULT_LIFETIME_S.to_string());
    }
}
