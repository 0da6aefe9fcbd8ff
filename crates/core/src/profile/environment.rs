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
}
