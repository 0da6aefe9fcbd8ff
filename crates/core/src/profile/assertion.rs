//! The rules for assertions.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::Templated;
use crate::{Algorithm, jose};

/// The contents of an assertion (RFC 7523 section 3).
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AssertionRules {
    /// The algorithms that the vendor accepts. The first one that the key supports is the default.
    #[serde(deserialize_with = "algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// How the assertion is sent. `assertion` by default.
    #[serde(rename = "as")]
    pub sent_as: SentAs,
    /// The lifetime from now, in seconds.
    pub ttl_s: u32,
    /// The maximum lifetime that the vendor accepts, in seconds.
    pub max_ttl_s: u32,
    /// How far `iat` is in the past, in seconds, to tolerate clocks that differ.
    pub backdate_s: u32,
    /// Whether `iat` is sent.
    pub issued_at: bool,
    /// Whether `nbf` is sent, with the value of `iat`.
    pub not_before: bool,
    /// Whether `jti` is sent.
    pub jwt_id: bool,
    /// Whether the assertion contains the scopes.
    pub scope_claim: bool,
    /// The audience of `private_key_jwt` and `client_secret_jwt`: `token_url` or `issuer`.
    pub client_audience: ClientAudience,
    /// Additional claims, as templates. They override the default ones.
    ///
    /// They are part of the assertion of the `jwt-bearer` grant. With any other grant, they are
    /// part of the assertion that authenticates the client. If there is a template for `sub`, the
    /// setting `subject` is required only if the template contains `{subject}`; `sub =
    /// "{subject?}"` makes it optional. `exp`, `iat`, `jti` and `nbf` are rejected, because each
    /// assertion has its own.
    pub claims: BTreeMap<String, Templated>,
    /// Additional header members of every assertion, as templates. They override `typ` and `kid`.
    /// `alg`, `b64`, `crit` and `x5c` are rejected.
    pub header: BTreeMap<String, Templated>,
    /// Whether the header of every assertion contains the key's certificates in `x5c` (RFC 7515
    /// section 4.1.6).
    pub x5c: bool,
}

impl Default for AssertionRules {
    fn default() -> Self {
        Self {
            algorithms: Vec::new(),
            sent_as: SentAs::default(),
            ttl_s: 300,
            max_ttl_s: 3600,
            backdate_s: 60,
            issued_at: true,
            not_before: false,
            jwt_id: false,
            scope_claim: false,
            client_audience: ClientAudience::default(),
            claims: BTreeMap::new(),
            header: BTreeMap::new(),
            x5c: false,
        }
    }
}

/// The audience of client authentication assertions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientAudience {
    /// The URL of the token endpoint.
    #[default]
    TokenUrl,
    /// The issuer: the setting `issuer`, which defaults to the base URL (RFC 8414 section 2).
    Issuer,
}

/// How an assertion is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SentAs {
    /// As `assertion` in a `jwt-bearer` request, and as `client_assertion` with `private_key_jwt`
    /// (RFC 7523 section 2).
    #[default]
    Assertion,
    /// As `client_secret`, with `client_auth = "private_key_jwt"`. Sign in with Apple needs it.
    ClientSecret,
    /// As the bearer token of a `jwt-bearer` request, which has no parameters but those of the
    /// profile. GitHub Apps need it.
    AuthorizationHeader,
    /// Not at all: it is the access token of the grant `jwt-bearer`, which makes no request.
    /// Snowflake and App Store Connect need it.
    AccessToken,
}

impl SentAs {
    /// Returns the value of `assertion.as`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assertion => "assertion",
            Self::ClientSecret => "client_secret",
            Self::AuthorizationHeader => "authorization_header",
            Self::AccessToken => "access_token",
        }
    }
}

fn algorithms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Algorithm>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let algorithms = names.iter().map(|name| name.parse());
    let algorithms = algorithms.collect::<Result<_, jose::Error>>();
    algorithms.map_err(|error| D::Error::custom(error.message()))
}
