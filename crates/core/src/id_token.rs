//! ID tokens: who logged in, believed only after every check of OpenID Connect Core 1.0.

mod rules;

use serde_json::{Map, Value};

pub use self::rules::IdTokenRules;

/// An ID token that was verified and judged: who logged in.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IdToken {
    /// Who issued it: `iss`.
    pub issuer: String,
    /// Who logged in: `sub`, never reused within the issuer.
    pub subject: String,
    /// When it ends, in seconds since 1970: `exp`.
    pub expires_at: i64,
    /// When it was made, in seconds since 1970: `iat`.
    pub issued_at: i64,
    /// All claims, those above among them.
    pub claims: Map<String, Value>,
}
