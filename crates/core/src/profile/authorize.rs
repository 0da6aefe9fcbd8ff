//! The rules for authorization requests and consent.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Templated;

/// The authorization request and its response, beyond RFC 6749 section 4.1.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AuthorizeRules {
    /// Whether a login with the scope `openid` sends a `nonce`, which the ID token must repeat
    /// (OpenID Connect Core section 3.1.2.1). True by default.
    pub nonce: bool,
    /// Whether a login sends a `nonce` also without the scope `openid`.
    pub nonce_without_openid: bool,
    /// The `response_type`, `code` by default. The callback must contain the code in its query.
    pub response_type: Option<String>,
    /// Parameters of the authorization request as templates, such as `access_type = "offline"`. The
    /// setting `authorize.NAME` overrides one of that name. Those of the protocol itself are
    /// rejected.
    pub params: BTreeMap<String, Templated>,
    /// Other names for parameters of the authorization request, such as `client_id = "client_key"`.
    /// `""` omits `client_id`, `response_type`, `scope` or `redirect_uri`.
    pub names: BTreeMap<String, String>,
    /// Other names for parameters of the callback, such as `code = "auth_code"`: `code`, `error` and
    /// `error_description`.
    pub callback_names: BTreeMap<String, String>,
    /// The `prompt` of logins with the scope `offline_access`. Servers may ignore that scope unless
    /// the prompt is `consent` (OpenID Connect Core section 11).
    pub offline_access_prompt: Option<String>,
    /// Parameters of the callback that are stored with the grant and returned as `extra`, such as
    /// QuickBooks' `realmId`.
    pub keep: Vec<String>,
    /// The ports that a redirect URI on the loopback may have, if known.
    pub loopback_port: Option<LoopbackPort>,
}

impl Default for AuthorizeRules {
    fn default() -> Self {
        Self {
            nonce: true,
            nonce_without_openid: false,
            response_type: None,
            params: BTreeMap::new(),
            names: BTreeMap::new(),
            callback_names: BTreeMap::new(),
            offline_access_prompt: None,
            keep: Vec::new(),
            loopback_port: None,
        }
    }
}

/// How an authorization server compares the port of a redirect URI on the loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoopbackPort {
    /// Any port is accepted (RFC 8252 section 7.3).
    Any,
    /// The port must be the registered one.
    Exact,
}

/// How consent is requested.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Consent {
    /// The scopes that an individual consents to. `{scopes}` stands for the connection's.
    pub individual: String,
    /// The request for an administrator's consent on behalf of all users.
    pub admin: Option<AdminConsent>,
}

/// The parameters of a request for an administrator's consent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AdminConsent {
    /// The value of `scope`.
    pub scope: String,
    /// The value of `admin_consent_scope`. `{scopes}` stands for the connection's.
    pub admin_consent_scope: String,
}
