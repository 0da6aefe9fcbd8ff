//! The rules of one grant type.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Templated;
use crate::ClientAuth;
use crate::http::{BodyFormat, Method};

/// The rules of one grant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GrantRules {
    /// The supported client authentications. The first one is the default.
    pub client_auth: Vec<ClientAuth>,
    /// The user of Basic authentication.
    #[serde(default)]
    pub basic_user: BasicUser,
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
    /// Whether the parameters contain `client_id`, except with the client authentication `basic`.
    ///
    /// If absent, they do, unless an assertion of `jwt-bearer` is all that the request has.
    pub send_client_id: Option<bool>,
    /// Whether the request contains `redirect_uri`: that of the login in a code exchange (RFC 6749
    /// section 4.1.3), the setting in a refresh.
    #[serde(default)]
    pub send_redirect_uri: bool,
    /// Whether logins use PKCE (RFC 7636). `supported` by default.
    #[serde(default)]
    pub pkce: PkceSupport,
    /// The method of token requests: `post`, or `get` with the parameters in the query.
    #[serde(default)]
    pub method: TokenMethod,
    /// How token requests encode their parameters. `form` by default.
    #[serde(default)]
    pub body: BodyFormat,
    /// Headers of token requests, as templates. They may replace `Accept`. Those of the protocol
    /// itself are rejected, such as `Authorization` and `Content-Type`.
    #[serde(default)]
    pub headers: BTreeMap<String, Templated>,
    /// What separates scopes in requests, in `{scopes}` and in responses. A space by default.
    #[serde(default = "space")]
    pub scope_separator: String,
    /// Other names for parameters of token requests, such as `client_id = "client_key"`. `""` omits
    /// `grant_type`, `scope` or `redirect_uri`.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
    /// Whether the grant has no client ID. The setting `client_id` is then rejected.
    #[serde(default)]
    pub without_client_id: bool,
    /// Settings that this grant requires, in addition to those of every provider.
    #[serde(default)]
    pub required: Vec<String>,
    /// Additional parameters of the token request, as templates.
    ///
    /// A parameter overrides one of the grant, such as a `grant_type` that only this vendor has. An
    /// array becomes one parameter for each item. In a JSON body, numbers, booleans and arrays keep
    /// their type. `client_*`, `assertion`, `code`, `code_verifier`
    /// and `refresh_token` are rejected.
    #[serde(default)]
    pub params: BTreeMap<String, Templated>,
}

/// The method of token requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenMethod {
    /// `POST` (RFC 6749 section 3.2).
    #[default]
    Post,
    /// `GET`, with the parameters in the query.
    Get,
}

impl TokenMethod {
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Post => Method::Post,
            Self::Get => Method::Get,
        }
    }
}

/// The user of Basic authentication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BasicUser {
    /// The client ID, with the secret as the password (RFC 6749 section 2.3.1).
    #[default]
    ClientId,
    /// The client secret, with an empty password.
    ClientSecret,
}

/// Whether logins use PKCE (RFC 7636).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PkceSupport {
    /// The vendor rejects an authorization without PKCE. Logins use it.
    Required,
    /// Logins use it.
    #[default]
    Supported,
    /// The vendor rejects the parameters of PKCE, so logins don't send them.
    Off,
}

fn space() -> String {
    " ".to_owned()
}
