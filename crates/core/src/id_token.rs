//! ID tokens, validated as OpenID Connect Core 1.0 requires.

mod rules;

use serde_json::{Map, Value};

pub use self::rules::IdTokenRules;

/// A validated ID token, which identifies the user who logged in.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IdToken {
    /// The issuer: `iss`.
    pub issuer: String,
    /// The user: `sub`. Issuers never reuse it for another user.
    pub subject: String,
    /// The expiry in seconds since 1970: `exp`.
    pub expires_at: i64,
    /// The time of issue in seconds since 1970: `iat`.
    pub issued_at: i64,
    /// All claims, including those above.
    pub claims: Map<String, Value>,
}
