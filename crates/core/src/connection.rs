//! The validated settings of one app at one provider.

mod discovered;
mod endpoints;
mod identity;
mod key_file;
mod live;
mod reader;
mod urls;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::live::LiveConnection;
use self::live::Origin;
use self::reader::Reader;
pub(crate) use self::urls::LOGIN_CALLS;
use crate::jws::Backend;
use crate::profile::GrantRules;
use crate::{
    App, BasicEncoding, ClientAuth, ClientIdentity, Endpoints, Error, GrantKind, GrantPolicy,
    KeyRing, Network, Profile, Provider, Registry, ServerMetadata, Settings, Signer, StoreSetting,
    Url,
};

/// The settings of one app at one provider, validated.
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
/// assert_eq!(connection.token_url().unwrap().as_str(), "https://login.acme.example/token");
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
    /// The metadata that endpoints come from.
    metadata: Option<Arc<ServerMetadata>>,
    /// The settings it was built from, if some of them came from files.
    origin: Option<Arc<Origin>>,
}

impl Connection {
    /// Validates settings against a provider.
    ///
    /// `name` identifies the connection's tokens in a store. It may be empty if tokens are only
    /// kept in memory.
    ///
    /// # Errors
    ///
    /// If a setting is missing, malformed, unknown to the provider, or contradicts another one. The
    /// error names the setting and how to correct it.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Connection, Settings, testing};
    ///
    /// let settings = Settings::from_pairs([
    ///     ("grant", "client-credentials"),
    ///     ("environment", "demo"),
    ///     ("client_id", "app"),
    /// ])?;
    /// let error = Connection::new("mine", &settings, testing::provider()).unwrap_err();
    /// assert_eq!(error.setting_name(), Some("client_secret"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn new(
        name: &str,
        settings: &Settings,
        provider: Arc<dyn Provider>,
    ) -> Result<Self, Error> {
        Self::build(name, settings, provider, None, None)
    }

    /// Like [`Connection::new`], but signs with a signer instead of `private_key`, such as a key in
    /// an HSM or a KMS.
    ///
    /// `private_key` must be unset or a `pkcs11:` URI (RFC 7512), which names the signer's key.
    ///
    /// # Errors
    ///
    /// As [`Connection::new`], and if `private_key` contains a key.
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::{Connection, Settings, testing};
    /// # let settings = Settings::from_pairs([
    /// #     ("environment", "demo"), ("grant", "jwt-bearer"), ("client_id", "app"),
    /// #     ("subject", "joe"),
    /// # ])?;
    /// # let provider = testing::provider();
    /// use std::sync::Arc;
    /// use countersign_core::{Algorithm, CallbackSigner};
    ///
    /// let signer = CallbackSigner::new(Algorithm::RS256, None, |_message| {
    ///     // Sign with the key in the KMS.
    ///     Ok(vec![0; 256])
    /// });
    /// let connection = Connection::with_signer("mine", &settings, provider, Arc::new(signer))?;
    /// assert!(connection.signer().is_some());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn with_signer(
        name: &str,
        settings: &Settings,
        provider: Arc<dyn Provider>,
        signer: Arc<dyn Signer>,
    ) -> Result<Self, Error> {
        Self::build(name, settings, provider, Some(signer), None)
    }

    /// Like [`Connection::new`], but chooses the library that signs with `private_key`.
    ///
    /// The default is ring. ring always signs with `client_secret`: for HMAC it is just as fast.
    ///
    /// # Errors
    ///
    /// As [`Connection::new`], and if the library does not support the key.
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

    /// Like [`Connection::new`], but looks up the provider that the settings name.
    ///
    /// # Errors
    ///
    /// As [`Connection::new`] and [`Registry::provider`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Connection, Registry, Settings, testing};
    ///
    /// # let settings = Settings::from_pairs([
    /// #     ("provider", "acme"), ("environment", "demo"), ("grant", "client-credentials"),
    /// #     ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// let registry = Registry::new().with(testing::provider())?;
    /// let connection = Connection::from_registry("mine", &settings, &registry)?;
    /// assert_eq!(connection.profile().name, "Acme");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
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

    /// Returns a copy of the connection for another subject.
    ///
    /// # Example
    ///
    /// ```
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// let other = connection.for_subject("joe");
    /// assert_eq!(other.subject(), Some("joe"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn for_subject(&self, subject: &str) -> Self {
        let mut other = self.clone();
        other.policy.subject = Some(subject.to_owned());
        other
    }

    fn build(
        name: &str,
        settings: &Settings,
        provider: Arc<dyn Provider>,
        signer: Option<Arc<dyn Signer>>,
        backend: Option<Backend>,
    ) -> Result<Self, Error> {
        let filled = key_file::filled(settings, provider.profile());
        let read = filled.and_then(|settings| {
            let reader = Reader {
                settings: &settings,
                profile: provider.profile(),
                backend,
            };
            reader.read(name, Arc::clone(&provider), signer.clone())
        });
        let connection = read.and_then(|connection| {
            if connection.store != StoreSetting::Memory {
                connection.check_named()?;
            }
            provider.check(connection.app()).map(|()| Self {
                origin: Origin::of(settings, signer, backend),
                ..connection
            })
        });
        connection.map_err(|error| {
            error
                .in_context(label(name))
                .with_provider(&provider.profile().id)
        })
    }

    /// Returns the connection's name in the configuration, which may be empty.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns how messages refer to the connection.
    pub(crate) fn label(&self) -> String {
        label(&self.name)
    }

    /// Checks that the connection has a name, which identifies its tokens in a store that outlives
    /// the process.
    pub(crate) fn check_named(&self) -> Result<(), Error> {
        if !self.name.trim().is_empty() {
            return Ok(());
        }
        let message =
            "`name` is missing: it identifies the tokens in a store that outlives this process";
        Err(Error::setting("name", message).with_hint(
            "set name to one that nothing else in the store uses, or set store = \"memory\"",
        ))
    }

    /// Returns the part that providers, requests and responses need.
    pub fn app(&self) -> App<'_> {
        App {
            name: &self.name,
            profile: self.provider.profile(),
            endpoints: &self.endpoints,
            client: &self.client,
            policy: &self.policy,
        }
    }

    /// Returns the environment and its endpoints.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Returns the client ID and how the client authenticates.
    pub fn client(&self) -> &ClientIdentity {
        &self.client
    }

    /// Returns the grant type, subject, audience and scopes.
    pub fn policy(&self) -> &GrantPolicy {
        &self.policy
    }

    /// Returns the provider.
    pub fn provider(&self) -> &Arc<dyn Provider> {
        &self.provider
    }

    /// Returns the provider's profile.
    ///
    /// # Example
    ///
    /// ```
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// let profile = connection.profile();
    /// println!("{}: see {}", profile.name, profile.documentation);
    /// # assert_eq!(profile.name, "Acme");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn profile(&self) -> &Profile {
        self.provider.profile()
    }

    /// Returns the name of the environment, such as `demo`.
    pub fn environment(&self) -> &str {
        &self.endpoints.environment
    }

    /// Returns the grant type.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::GrantKind;
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// assert_eq!(connection.grant(), GrantKind::ClientCredentials);
    /// assert!(!connection.grant().needs_login());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn grant(&self) -> GrantKind {
        self.policy.grant
    }

    /// Returns the profile's rules for the grant type.
    pub fn rules(&self) -> &GrantRules {
        self.app().rules()
    }

    /// Returns the client ID. It is empty if the grant has none.
    pub fn client_id(&self) -> &str {
        &self.client.id
    }

    /// Returns the client authentication method.
    pub fn client_auth(&self) -> ClientAuth {
        self.client.auth
    }

    /// Returns how the client ID and secret are encoded in the `Basic` header.
    pub fn basic_encoding(&self) -> BasicEncoding {
        self.client.basic_encoding
    }

    /// Returns the signer of assertions, if there is one.
    pub fn signer(&self) -> Option<&Arc<dyn Signer>> {
        self.client.signer.as_ref()
    }

    /// Returns the subject of assertions.
    pub fn subject(&self) -> Option<&str> {
        self.policy.subject.as_deref()
    }

    /// Returns the audience of assertions. If there is none, it is the token endpoint.
    pub fn audience(&self) -> Option<&str> {
        self.policy.audience.as_deref()
    }

    /// Returns the issuer identifier of the authorization server.
    pub fn issuer(&self) -> Option<&str> {
        self.endpoints.issuer.as_deref()
    }

    /// Returns the scopes to request.
    ///
    /// # Example
    ///
    /// ```
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// // The profile's default scopes, because none are set.
    /// assert_eq!(connection.scopes(), ["sign", "offline"]);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn scopes(&self) -> &[String] {
        &self.policy.scopes
    }

    /// Returns the lifetime of assertions.
    pub fn assertion_ttl(&self) -> Duration {
        self.policy.assertion_ttl
    }

    /// Returns the redirect URI of logins.
    ///
    /// # Example
    ///
    /// ```
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// let listens_here = connection.redirect_uri().is_some_and(|uri| uri.is_loopback());
    /// assert!(!listens_here);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn redirect_uri(&self) -> Option<&Url> {
        self.client.redirect_uri.as_ref()
    }

    /// Returns the URL that the endpoints are based on, if any.
    pub fn base_url(&self) -> Option<&Url> {
        self.endpoints.base_url.as_ref()
    }

    /// Returns the token endpoint, or `None` if the connection signs its tokens itself.
    ///
    /// # Example
    ///
    /// ```
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// let url = connection.token_url().unwrap();
    /// assert_eq!(url.as_str(), "https://demo.acme.example/token");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn token_url(&self) -> Option<&Url> {
        self.endpoints.token_url.as_ref()
    }

    /// Returns the userinfo endpoint.
    pub fn userinfo_url(&self) -> Option<&Url> {
        self.endpoints.userinfo_url.as_ref()
    }

    /// Returns the revocation endpoint.
    ///
    /// # Example
    ///
    /// ```
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// match connection.revoke_url() {
    ///     Some(url) => println!("a logout revokes the token at {url}"),
    ///     None => println!("a logout only deletes the token here"),
    /// }
    /// # assert!(connection.revoke_url().is_some());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn revoke_url(&self) -> Option<&Url> {
        self.endpoints.revoke_url.as_ref()
    }

    /// Returns the network settings.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::UreqTransport;
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// let transport = UreqTransport::new(connection.network())?;
    /// # let _ = transport;
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns how long a token must still be valid to be returned without a refresh.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::testing;
    ///
    /// let connection = testing::connection([
    ///     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    ///     ("min_valid_s", "120"),
    /// ])?;
    /// assert_eq!(connection.min_valid(), Duration::from_secs(120));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn min_valid(&self) -> Duration {
        self.min_valid
    }

    /// Returns the lifetime to assume if a response has none.
    pub fn assume_lifetime(&self) -> Option<Duration> {
        let by_profile = self.profile().response.assume_lifetime_s;
        let by_profile = by_profile.map(|s| Duration::from_secs(s.into()));
        self.assume_lifetime.or(by_profile)
    }

    /// Returns the setting `store`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{StoreSetting, testing};
    ///
    /// let connection = testing::connection([
    ///     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    ///     ("store", "file:/var/lib/app/tokens"),
    /// ])?;
    /// assert_eq!(*connection.store(), StoreSetting::File("/var/lib/app/tokens".into()));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn store(&self) -> &StoreSetting {
        &self.store
    }

    /// Whether a missing store is created, setting `store_create`.
    pub fn store_create(&self) -> bool {
        self.store_create
    }

    /// Returns the keys that encrypt the store, setting `store_key`.
    pub fn store_key(&self) -> Option<&KeyRing> {
        self.store_key.as_ref()
    }

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
    /// assert_eq!(connection.extra("tenant"), Some("42"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn extra(&self, name: &str) -> Option<&str> {
        self.policy.extra(name)
    }
}

/// Returns how messages refer to a connection with this name.
#[doc(hidden)]
pub fn label(name: &str) -> String {
    match name {
        "" => "the unnamed connection".to_owned(),
        name => format!("connection `{name}`"),
    }
}
