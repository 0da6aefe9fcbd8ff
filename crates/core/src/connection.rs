//! The settings of one app and one principal at one provider, checked and ready to use.

mod identity;
mod live;
mod reader;
mod urls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::live::LiveConnection;
use self::live::Origin;
use self::reader::Reader;
use crate::jws::Backend;
use crate::profile::GrantRules;
use crate::{
    App, BasicEncoding, ClientAuth, ClientIdentity, Endpoints, Error, GrantKind, GrantPolicy,
    KeyRing, Network, Profile, Provider, Registry, Settings, Signer, StoreSetting, Url,
};

/// A connection: settings held against a provider, with every word checked.
///
/// # Example
///
/// ```
/// use countersign_core::{Connection, Profile, Settings};
///
/// # let profile = Profile::from_toml(r#"
/// #     id = "acme"
/// #     name = "Acme"
/// #     documentation = "https://acme.example/docs"
/// #     environments.production.base_url = "https://login.acme.example"
/// #     endpoints.token = "{base_url}/token"
/// #     grants.client-credentials.client_auth = ["post"]
/// # "#)?;
/// # let provider = countersign_core::from_profile(profile);
/// let settings = Settings::from_pairs([
///     ("provider", "acme"),
///     ("grant", "client-credentials"),
///     ("client_id", "app"),
///     ("client_secret", "s3cret"),
/// ])?;
/// let connection = Connection::new("mine", &settings, provider)?;
/// assert_eq!(connection.token_url().as_str(), "https://login.acme.example/token");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Connection {
    name: String,
    provider: Arc<dyn Provider>,
    endpoints: Endpoints,
    client: ClientIdentity,
    policy: GrantPolicy,
    network: Network,
    min_valid: Duration,
    assume_lifetime: Option<Duration>,
    store: StoreSetting,
    store_create: bool,
    store_key: Option<KeyRing>,
    /// What it was made from, if files have a part in that.
    origin: Option<Arc<Origin>>,
}

impl Connection {
    /// The same connection for another subject.
    #[must_use]
    pub fn for_subject(&self, subject: &str) -> Self {
        let mut other = self.clone();
        other.policy.subject = Some(subject.to_owned());
        other
    }

    /// Holds settings against a provider. `name` may be empty as long as nothing outlives the
    /// process: in a shared store it tells whose the tokens are.
    ///
    /// # Errors
    ///
    /// Where a setting is missing, malformed, not the provider's, or contradicts another; the
    /// error names it and says what to write.
    pub fn new(
        name: &str,
        settings: &Settings,
        provider: Arc<dyn Provider>,
    ) -> Result<Self, Error> {
        Self::build(name, settings, provider, None, None)
    }

    /// As [`Connection::new`], with a signer in place of `private_key`: a key that stays in an
    /// HSM or a KMS. A `private_key` that is a `pkcs11:` URI (RFC 7512) may stay: it is what the
    /// signer was made from.
    ///
    /// # Errors
    ///
    /// As [`Connection::new`]; also where `private_key` is set as well and holds a key.
    pub fn with_signer(
        name: &str,
        settings: &Settings,
        provider: Arc<dyn Provider>,
        signer: Arc<dyn Signer>,
    ) -> Result<Self, Error> {
        Self::build(name, settings, provider, Some(signer), None)
    }

    /// As [`Connection::new`], with the library that signs with `private_key`; it is ring where
    /// none is chosen. What is signed with `client_secret` stays with ring, which is as fast.
    ///
    /// # Errors
    ///
    /// As [`Connection::new`]; also where that library does not take the key.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::jws::Backend;
    /// use countersign_core::{Connection, Profile, Settings};
    ///
    /// # let profile = Profile::from_toml(r#"
    /// #     id = "acme"
    /// #     name = "Acme"
    /// #     documentation = "https://acme.example/docs"
    /// #     environments.production.base_url = "https://login.acme.example"
    /// #     endpoints.token = "{base_url}/token"
    /// #     grants.jwt-bearer.client_auth = ["none"]
    /// #     assertion.algorithms = ["EdDSA"]
    /// # "#)?;
    /// # let provider = countersign_core::from_profile(profile);
    /// # // RFC 8037 appendix A.1.
    /// # let key = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    /// #     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// let settings = Settings::from_pairs([
    ///     ("provider", "acme"),
    ///     ("client_id", "app"),
    ///     ("subject", "joe"),
    ///     ("private_key", key),
    /// ])?;
    /// #[cfg(feature = "aws-lc")]
    /// let backend = Backend::AwsLc;
    /// #[cfg(not(feature = "aws-lc"))]
    /// let backend = Backend::default();
    /// let connection = Connection::with_backend("mine", &settings, provider, backend)?;
    /// let debug = format!("{:?}", connection.signer());
    /// # #[cfg(feature = "aws-lc")]
    /// assert!(debug.contains("backend: AwsLc"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn with_backend(
        name: &str,
        settings: &Settings,
        provider: Arc<dyn Provider>,
        backend: Backend,
    ) -> Result<Self, Error> {
        Self::build(name, settings, provider, None, Some(backend))
    }

    /// As [`Connection::new`], with the provider that the settings name.
    ///
    /// # Errors
    ///
    /// As [`Connection::new`] and [`Registry::provider`].
    pub fn from_registry(
        name: &str,
        settings: &Settings,
        registry: &Registry,
    ) -> Result<Self, Error> {
        let named = |e: Error| e.in_context(label(name));
        let id = settings.value("provider").ok_or_else(|| {
            let ids: Vec<_> = registry.iter().map(|p| p.profile().id.clone()).collect();
            named(
                Error::missing("provider")
                    .with_hint(format!("set it to one of: {}", ids.join(", "))),
            )
        })?;
        let provider = registry.provider(id).map_err(named)?;
        Self::new(name, settings, provider)
    }

    fn build(
        name: &str,
        settings: &Settings,
        provider: Arc<dyn Provider>,
        signer: Option<Arc<dyn Signer>>,
        backend: Option<Backend>,
    ) -> Result<Self, Error> {
        let connection = Reader {
            settings,
            profile: provider.profile(),
            backend,
        }
        .read(name, Arc::clone(&provider), signer.clone())
        .and_then(|connection| {
            if connection.store != StoreSetting::Memory {
                connection.check_named()?;
            }
            provider.check(connection.app()).map(|()| connection)
        })
        .map(|connection| Self {
            origin: Origin::of(settings, signer, backend),
            ..connection
        });
        connection.map_err(|error| {
            error
                .in_context(label(name))
                .with_provider(&provider.profile().id)
        })
    }

    /// The name it has in the configuration; empty if it was given none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What messages call it.
    pub(crate) fn label(&self) -> String {
        label(&self.name)
    }

    /// Fails without a name: where its tokens outlive the process, nothing else tells whose they are.
    pub(crate) fn check_named(&self) -> Result<(), Error> {
        if !self.name.trim().is_empty() {
            return Ok(());
        }
        let message = "`name` is missing: the store outlives this process, and only the name tells whose the tokens in it are";
        Err(Error::setting("name", message).with_hint(
            "give this client a name that no other user of the store has, or set store = \"memory\"",
        ))
    }

    /// What providers, requests and responses see of it.
    pub fn app(&self) -> App<'_> {
        App::new(
            &self.name,
            self.provider.profile(),
            &self.endpoints,
            &self.client,
            &self.policy,
        )
    }

    /// Where its requests go.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Who asks.
    pub fn client(&self) -> &ClientIdentity {
        &self.client
    }

    /// What it asks for.
    pub fn policy(&self) -> &GrantPolicy {
        &self.policy
    }

    /// The provider.
    pub fn provider(&self) -> &Arc<dyn Provider> {
        &self.provider
    }

    /// The provider's profile.
    pub fn profile(&self) -> &Profile {
        self.provider.profile()
    }

    /// The word for the provider's deployment.
    pub fn environment(&self) -> &str {
        &self.endpoints.environment
    }

    /// The grant it asks by.
    pub fn grant(&self) -> GrantKind {
        self.policy.grant
    }

    /// The profile's rules for its grant.
    pub fn rules(&self) -> &GrantRules {
        self.app().rules()
    }

    /// The app's id.
    pub fn client_id(&self) -> &str {
        &self.client.id
    }

    /// How the app proves itself.
    pub fn client_auth(&self) -> ClientAuth {
        self.client.auth
    }

    /// How id and secret are written in Basic.
    pub fn basic_encoding(&self) -> BasicEncoding {
        self.client.basic_encoding
    }

    /// What signs its assertions.
    pub fn signer(&self) -> Option<&Arc<dyn Signer>> {
        self.client.signer.as_ref()
    }

    /// Whom its assertions stand for.
    pub fn subject(&self) -> Option<&str> {
        self.policy.subject.as_deref()
    }

    /// The audience of its assertions, apart from the endpoint.
    pub fn audience(&self) -> Option<&str> {
        self.policy.audience.as_deref()
    }

    /// The server's issuer.
    pub fn issuer(&self) -> Option<&str> {
        self.endpoints.issuer.as_deref()
    }

    /// The scopes to ask for.
    pub fn scopes(&self) -> &[String] {
        &self.policy.scopes
    }

    /// The lifetime of its assertions.
    pub fn assertion_ttl(&self) -> Duration {
        self.policy.assertion_ttl
    }

    /// Where the browser comes back to.
    pub fn redirect_uri(&self) -> Option<&Url> {
        self.client.redirect_uri.as_ref()
    }

    /// The base of the provider's endpoints, where it has one.
    pub fn base_url(&self) -> Option<&Url> {
        self.endpoints.base_url.as_ref()
    }

    /// The token endpoint.
    pub fn token_url(&self) -> &Url {
        &self.endpoints.token_url
    }

    /// The userinfo endpoint.
    pub fn userinfo_url(&self) -> Option<&Url> {
        self.endpoints.userinfo_url.as_ref()
    }

    /// The revocation endpoint.
    pub fn revoke_url(&self) -> Option<&Url> {
        self.endpoints.revoke_url.as_ref()
    }

    /// How it reaches the network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// How long a token must still be valid to be handed out without a refresh.
    pub fn min_valid(&self) -> Duration {
        self.min_valid
    }

    /// The lifetime to assume where an answer has none.
    pub fn assume_lifetime(&self) -> Option<Duration> {
        let by_profile = self.profile().response.assume_lifetime_s;
        let by_profile = by_profile.map(|s| Duration::from_secs(s.into()));
        self.assume_lifetime.or(by_profile)
    }

    /// Where its tokens survive.
    pub fn store(&self) -> &StoreSetting {
        &self.store
    }

    /// Whether a store that is missing is created, setting `store_create`.
    pub fn store_create(&self) -> bool {
        self.store_create
    }

    /// The keys that encrypt the store, setting `store_key`.
    pub fn store_key(&self) -> Option<&KeyRing> {
        self.store_key.as_ref()
    }

    /// A vendor-specific setting, `extra.NAME`.
    pub fn extra(&self, name: &str) -> Option<&str> {
        self.policy.extra(name)
    }

    /// Facts about its environment that come along with every token.
    pub fn environment_extra(&self) -> &BTreeMap<String, String> {
        &self.profile().environments[&self.endpoints.environment].extra
    }
}

/// What messages call a connection of this name.
#[doc(hidden)]
pub fn label(name: &str) -> String {
    match name {
        "" => "the connection without a name".to_owned(),
        name => format!("connection `{name}`"),
    }
}
