//! One app at its provider, as values that requests are built from and responses are read with.

mod fill;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::fill::{no_certificate, text_of};
use crate::profile::usage::Usage;
use crate::profile::{GrantRules, SentAs};
use crate::{BasicEncoding, ClientAuth, Error, GrantKind, Profile, Secret, Signer, Url, jws};

/// The part of a connection that providers and request builders need.
///
/// It says nothing about where tokens are stored or how requests are sent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct App<'a> {
    /// The connection's name in the configuration; empty if it has none.
    pub name: &'a str,
    /// The provider's profile.
    pub profile: &'a Profile,
    /// The environment and its endpoints.
    pub endpoints: &'a Endpoints,
    /// The client ID and how the client authenticates.
    pub client: &'a ClientIdentity,
    /// The grant type, subject, audience and scopes.
    pub policy: &'a GrantPolicy,
}

impl<'a> App<'a> {
    /// Returns the profile's rules for the connection's grant type.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::ClientAuth;
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// // The methods that Acme offers for this grant type, its preferred one first.
    /// assert_eq!(connection.app().rules().client_auth[0], ClientAuth::Post);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn rules(self) -> &'a GrantRules {
        // A connection whose grant type isn't in the profile has been rejected.
        &self.profile.grants[&self.policy.grant]
    }

    /// Returns how API requests carry the tokens, unless it is the usual way.
    pub(crate) fn usage(self) -> Option<Usage> {
        Usage::of(
            &self.profile.usage,
            &self.client.id,
            &self.policy.extra,
            self.client.secret.as_ref(),
            &self.client.secrets,
        )
    }

    /// Returns the rules for how requests with this grant type are encoded: body, headers and names.
    ///
    /// If the profile has none for `refresh-token`, those of the login that it follows apply. If it
    /// has none for `device-code`, those of the other login apply.
    pub(crate) fn request_rules(self, grant: GrantKind) -> Option<&'a GrantRules> {
        let own = self.profile.grants.get(&grant);
        let of_login = || {
            let of_login = [GrantKind::RefreshToken, GrantKind::DeviceCode];
            let follows = of_login.contains(&grant) && self.policy.grant.needs_login();
            self.profile
                .grants
                .get(&self.policy.grant)
                .filter(|_| follows)
        };
        own.or_else(of_login)
    }

    /// Returns the scopes of the connection as requests with this grant type send them.
    pub(crate) fn joined_scopes(self, grant: GrantKind) -> String {
        let rules = self.request_rules(grant);
        let separator = rules.map_or(" ", |rules| rules.scope_separator.as_str());
        self.policy.scopes.join(separator)
    }

    /// Returns whether the connection's tokens are assertions that it signs itself, without a
    /// request.
    pub(crate) fn signs_tokens(self) -> bool {
        self.policy.grant == GrantKind::JwtBearer
            && self.profile.assertion.sent_as == SentAs::AccessToken
    }

    /// Returns the grant types that token requests use: the connection's own, and `refresh-token`
    /// if it starts with a login.
    pub(crate) fn requested_grants(self) -> impl Iterator<Item = GrantKind> {
        let grant = self.policy.grant;
        let refresh = grant.needs_login().then_some(GrantKind::RefreshToken);
        let refresh = refresh.filter(|refresh| *refresh != grant);
        std::iter::once(grant).chain(refresh)
    }
}

/// The environment of a connection and the URLs of its endpoints.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoints {
    /// The name of the environment, such as `demo`.
    pub environment: String,
    /// The URL that the endpoints are based on, if any.
    pub base_url: Option<Url>,
    /// The token endpoint. `None` only if the assertions are access tokens.
    pub token_url: Option<Url>,
    /// The endpoint for requests with a refresh token, if it is another one.
    pub refresh_url: Option<Url>,
    /// The authorization endpoint.
    pub authorize_url: Option<Url>,
    /// The device authorization endpoint.
    pub device_authorization_url: Option<Url>,
    /// The userinfo endpoint.
    pub userinfo_url: Option<Url>,
    /// The revocation endpoint.
    pub revoke_url: Option<Url>,
    /// The issuer identifier of the authorization server.
    pub issuer: Option<String>,
    /// Whether the issuer is the setting, which is also the audience of client assertions.
    pub(crate) issuer_is_set: bool,
    /// Facts about the environment that every token has in `extra`.
    pub(crate) extra: BTreeMap<String, String>,
}

/// The client ID of the app, and how the app authenticates.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientIdentity {
    /// The client ID. It is empty if the grant has none.
    pub id: String,
    /// The client authentication method.
    pub auth: ClientAuth,
    /// How the client ID and secret are encoded in the `Basic` header.
    pub basic_encoding: BasicEncoding,
    /// The redirect URI of logins.
    pub redirect_uri: Option<Url>,
    pub(crate) secret: Option<Secret>,
    /// The vendor's own secrets, the settings `secret.NAME`.
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) signer: Option<Arc<dyn Signer>>,
}

impl ClientIdentity {
    /// Returns the client ID, or `None` if the grant has none.
    pub(crate) fn known_id(&self) -> Option<&str> {
        Some(self.id.as_str()).filter(|id| !id.is_empty())
    }

    /// Checks whether `expected` is the base64 HMAC-SHA256 of the message, keyed with the client
    /// secret.
    ///
    /// Returns `None` if there is no client secret. Providers verify signatures with this without
    /// seeing the secret.
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::{Connection, Profile, Settings};
    /// # let profile = Profile::from_toml(r#"
    /// #     id = "acme"
    /// #     name = "Acme"
    /// #     documentation = "https://acme.example/docs"
    /// #     environments.production.base_url = "https://login.acme.example"
    /// #     endpoints.token = "{base_url}/token"
    /// #     grants.client-credentials.client_auth = ["post"]
    /// # "#)?;
    /// # let settings = Settings::from_pairs([
    /// #     ("provider", "acme"),
    /// #     ("client_id", "app"),
    /// #     ("client_secret", "s3cret"),
    /// # ])?;
    /// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
    /// use countersign_core::jws;
    ///
    /// let expected = jws::hmac_sha256_base64("s3cret", b"message");
    /// assert_eq!(connection.client().secret_signed(b"message", &expected), Some(true));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
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

/// The grant type of a connection, and what its tokens are requested for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GrantPolicy {
    /// The grant type.
    pub grant: GrantKind,
    /// The subject of assertions.
    pub subject: Option<String>,
    /// The audience of assertions. If unset, it is the token endpoint.
    pub audience: Option<String>,
    /// The protected resource that tokens are for (RFC 8707).
    pub resource: Option<String>,
    /// The scopes to request.
    pub scopes: Vec<String>,
    /// The lifetime of assertions.
    pub assertion_ttl: Duration,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) extra: BTreeMap<String, String>,
    /// Extra parameters of the authorization request, settings `authorize.NAME`.
    pub(crate) authorize: BTreeMap<String, String>,
}

impl GrantPolicy {
    /// Returns the vendor-specific setting `extra.NAME`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let connection = testing::connection([
    ///     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    ///     ("extra.tenant", "42"),
    /// ])?;
    /// assert_eq!(connection.policy().extra("tenant"), Some("42"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn extra(&self, name: &str) -> Option<&str> {
        self.extra.get(name).map(String::as_str)
    }
}
