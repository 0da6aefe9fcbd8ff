//! The deployments of a provider and the URLs of its token service.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Templated;
use crate::ClientAuth;
use crate::http::{BodyFormat, Method};

/// One deployment of a provider.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Environment {
    /// The base URL of the endpoints, as a template. If absent, the setting `base_url` is required.
    pub base_url: Option<String>,
    /// The audience of `jwt-bearer` assertions, independent of the endpoint, as a template.
    pub audience: Option<String>,
    /// The issuer identifier of the authorization server, as a template: the default of the setting
    /// `issuer`.
    pub issuer: Option<String>,
    /// Endpoints of this deployment that differ in more than the base URL, by the names that they
    /// have in [`Endpoints`], as templates.
    pub endpoints: BTreeMap<String, String>,
    /// Who this deployment is for.
    pub about: String,
    /// Facts about this deployment that every token has in `extra`, such as the API's base URL. They
    /// are templates.
    pub extra: BTreeMap<String, String>,
}

/// The endpoints that a deployment can have of its own.
pub(crate) const ENDPOINTS: &[&str] = &[
    "token",
    "refresh",
    "authorize",
    "device_authorization",
    "userinfo",
    "revoke",
];

/// The URLs of a token service, as templates.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Endpoints {
    /// The token endpoint (RFC 6749 section 3.2). Only a profile whose assertions are access tokens
    /// needs none.
    pub token: Option<String>,
    /// The endpoint for requests with a refresh token, if it is another one.
    pub refresh: Option<String>,
    /// The authorization endpoint (RFC 6749 section 3.1).
    pub authorize: Option<String>,
    /// The device authorization endpoint (RFC 8628 section 3.1).
    pub device_authorization: Option<String>,
    /// Whether authorization responses always contain the issuer in `iss`. The name is that of the
    /// server's metadata (RFC 9207 section 3).
    ///
    /// If true, a response is rejected if it has no `iss`, or another one than the setting
    /// `issuer`, which defaults to the base URL.
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    /// The endpoint that returns whom a token is for.
    pub userinfo: Option<String>,
    /// The revocation endpoint (RFC 7009).
    pub revoke: Option<String>,
    /// Whether a revocation request has only the token, without client authentication.
    #[serde(default)]
    pub revoke_without_client: bool,
    /// How revocation requests encode their parameters. `form` by default.
    #[serde(default)]
    pub revoke_format: BodyFormat,
    /// The method of revocation requests: `post` or `delete`.
    #[serde(default)]
    pub revoke_method: RevocationMethod,
    /// Which token is revoked to end a grant.
    #[serde(default)]
    pub revoke_token: RevokedToken,
    /// Whether the token authenticates the revocation as a bearer token (RFC 6750 section 2.1), in
    /// place of the client.
    #[serde(default)]
    pub revoke_bearer: bool,
    /// How the client authenticates a revocation. By default as in token requests, or not at all if
    /// the token does.
    pub revoke_client_auth: Option<ClientAuth>,
    /// Other names for the parameters of revocation requests: `token`, `access_token` (the name of
    /// `token` if it is an access token), `token_type_hint`, `client_id` and `client_secret`. `""`
    /// omits one, except `client_secret`.
    #[serde(default)]
    pub revoke_names: BTreeMap<String, String>,
    /// Additional parameters of revocation requests, as templates.
    #[serde(default)]
    pub revoke_params: BTreeMap<String, Templated>,
}

/// The method of revocation requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RevocationMethod {
    /// `POST` (RFC 7009 section 2.1).
    #[default]
    Post,
    /// `DELETE`.
    Delete,
}

impl RevocationMethod {
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Post => Method::Post,
            Self::Delete => Method::Delete,
        }
    }
}

/// Which token is revoked to end a grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RevokedToken {
    /// The refresh token, or the access token if there is none.
    #[default]
    RefreshToken,
    /// The access token, with which the vendor revokes the refresh token, too.
    AccessToken,
}
