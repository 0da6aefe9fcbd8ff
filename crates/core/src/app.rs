//! One app at its provider, as values: what requests are built from and responses are read by.

mod fill;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::fill::no_certificate;
use crate::profile::GrantRules;
use crate::{BasicEncoding, ClientAuth, Error, GrantKind, Profile, Secret, Signer, Url, jws};

/// A connection as its provider and the builders of requests see it, without where tokens are
/// stored and how requests are sent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct App<'a> {
    /// The connection's name in the configuration; empty if it has none.
    pub name: &'a str,
    /// The provider's profile.
    pub profile: &'a Profile,
    /// Where requests go.
    pub endpoints: &'a Endpoints,
    /// Who asks.
    pub client: &'a ClientIdentity,
    /// What is asked for.
    pub policy: &'a GrantPolicy,
}

impl<'a> App<'a> {
    pub(crate) fn new(
        name: &'a str,
        profile: &'a Profile,
        endpoints: &'a Endpoints,
        client: &'a ClientIdentity,
        policy: &'a GrantPolicy,
    ) -> Self {
        Self {
            name,
            profile,
            endpoints,
            client,
            policy,
        }
    }

    /// The profile's rules for the connection's grant.
    pub fn rules(self) -> &'a GrantRules {
        // A connection with a grant that the profile does not have is rejected.
        &self.profile.grants[&self.policy.grant]
    }

    /// The grants that token requests use: what a login brought is refreshed.
    pub(crate) fn requested_grants(self) -> impl Iterator<Item = GrantKind> {
        let grant = self.policy.grant;
        let refresh = grant.needs_login().then_some(GrantKind::RefreshToken);
        let refresh = refresh.filter(|refresh| *refresh != grant);
        std::iter::once(grant).chain(refresh)
    }
}

/// The deployment of the provider, and where it is reached.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoints {
    /// The word for the provider's deployment.
    pub environment: String,
    /// The base of the endpoints, if there is one.
    pub base_url: Option<Url>,
    /// The token endpoint.
    pub token_url: Url,
    /// The authorization endpoint.
    pub authorize_url: Option<Url>,
    /// The userinfo endpoint.
    pub userinfo_url: Option<Url>,
    /// The revocation endpoint.
    pub revoke_url: Option<Url>,
    /// The server's issuer.
    pub issuer: Option<String>,
}

/// The app, and how it proves that it is the one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientIdentity {
    /// The app's id.
    pub id: String,
    /// How the app proves itself.
    pub auth: ClientAuth,
    /// How id and secret are written in Basic.
    pub basic_encoding: BasicEncoding,
    /// Where the browser comes back to after a login.
    pub redirect_uri: Option<Url>,
    pub(crate) secret: Option<Secret>,
    pub(crate) signer: Option<Arc<dyn Signer>>,
}

impl ClientIdentity {
    /// Whether `expected` is the base64 of HMAC-SHA256 of the message under the client secret;
    /// `None` if no secret is known. Lets a provider check without seeing the secret.
    pub fn secret_signed(&self, message: &[u8], expected: &str) -> Option<bool> {
        let secret = self.secret.as_ref()?;
        Some(jws::hmac_sha256_base64_matches(
            secret.expose(),
            message,
            expected,
        ))
    }

    pub(crate) fn require_secret(&self) -> Result<&Secret, Error> {
        let missing = || Error::missing("client_secret");
        self.secret.as_ref().ok_or_else(missing)
    }

    pub(crate) fn require_signer(&self) -> Result<&dyn Signer, Error> {
        let missing = || Error::missing("private_key");
        Ok(self.signer.as_ref().ok_or_else(missing)?.as_ref())
    }
}

/// Which grant is used, for whom and for what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GrantPolicy {
    /// The grant that tokens are requested by.
    pub grant: GrantKind,
    /// Whom assertions stand for.
    pub subject: Option<String>,
    /// The audience of assertions, apart from the endpoint.
    pub audience: Option<String>,
    /// The scopes to ask for.
    pub scopes: Vec<String>,
    /// The lifetime of assertions.
    pub assertion_ttl: Duration,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) extra: BTreeMap<String, String>,
    /// Parameters of the authorization request, settings `authorize.NAME`.
    pub(crate) authorize: BTreeMap<String, String>,
}

impl GrantPolicy {
    /// A vendor-specific setting, `extra.NAME`.
    pub fn extra(&self, name: &str) -> Option<&str> {
        self.extra.get(name).map(String::as_str)
    }
}
