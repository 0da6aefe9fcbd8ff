//! The rules of one grant type.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Templated;
use crate::ClientAuth;

/// The rules of one grant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GrantRules {
    /// The supported client authentications. The first one is the default.
    pub client_auth: Vec<ClientAuth>,
    /// The default of the setting `scopes`.
    #[serde(default)]
    pub default_scopes: Vec<String>,
    /// Scopes that the grant requires.
    #[serde(default)]
    pub required_scopes: Vec<String>,
    /// Scopes of which an authorization must request one to get a refresh token.
    #[serde(default)]
    pub refresh_scopes: Vec<String>,
    /// Whether the token request contains `scope`.
    #[serde(default)]
    pub send_scope: bool,
    /// Whether a `jwt-bearer` request without client authentication contains `client_id` in
    /// addition to its assertion. Requests of the other grants always do.
    #[serde(default)]
    pub send_client_id: bool,
    /// Whether the code exchange repeats `redirect_uri` (RFC 6749 section 4.1.3).
    #[serde(default)]
    pub send_redirect_uri: bool,
    /// Whether an authorization without PKCE is rejected. Logins always use it.
    #[serde(default)]
    pub pkce_required: bool,
    /// Settings that this grant requires, in addition to those of every provider.
    #[serde(default)]
    pub required: Vec<String>,
    /// Additional parameters of the token request, as templates.
    ///
    /// A parameter overrides one of the grant, such as a `grant_type` that only this vendor has. An
    /// array becomes one parameter for each item. `client_*`, `assertion`, `code`, `code_verifier`
    /// and `refresh_token` are rejected.
    #[serde(default)]
    pub params: BTreeMap<String, Templated>,
}
