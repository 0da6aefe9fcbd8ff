//! A connection whose endpoints come from the metadata of its authorization server.

use std::sync::Arc;

use super::Connection;
use crate::metadata::{MetadataSource, Registration, listed};
use crate::{Error, GrantKind, ServerMetadata, Url};

impl Connection {
    /// Returns whether the endpoints must be discovered before the first request.
    ///
    /// # Example
    ///
    /// ```
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// // Acme's endpoints are in its profile.
    /// assert!(!connection.needs_metadata());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn needs_metadata(&self) -> bool {
        let endpoints = &self.endpoints;
        let lacks_login = match self.grant() {
            GrantKind::AuthorizationCode => endpoints.authorize_url.is_none(),
            GrantKind::DeviceCode => endpoints.device_authorization_url.is_none(),
            _ => false,
        };
        self.profile().discovery && (endpoints.token_url.is_none() || lacks_login)
    }

    /// Returns a copy of the connection with the endpoints of the server's metadata. Endpoints that
    /// the settings or the profile name stay.
    ///
    /// A [`Client`](crate::Client) does this itself, before its first request.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`](crate::ErrorKind::Setting) if the server doesn't offer the
    /// connection's client authentication or algorithm, or has no endpoint for its grant.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Connection, Profile, ServerMetadata, Settings, from_profile};
    ///
    /// let profile = Profile::from_toml(r#"
    ///     id = "any"
    ///     name = "Any server"
    ///     documentation = "https://acme.example/docs"
    ///     discovery = true
    ///     environments.default = {}
    ///     grants.client-credentials.client_auth = ["basic"]
    /// "#)?;
    /// let settings = Settings::from_pairs([
    ///     ("issuer", "https://login.acme.example"), ("client_id", "app"), ("client_secret", "s"),
    /// ])?;
    /// let connection = Connection::new("mine", &settings, from_profile(profile))?;
    /// assert!(connection.needs_metadata());
    /// let metadata = ServerMetadata::from_json("https://login.acme.example", br#"{
    ///     "issuer": "https://login.acme.example",
    ///     "token_endpoint": "https://login.acme.example/token"
    /// }"#)?;
    /// let connection = connection.with_metadata(metadata.into())?;
    /// assert_eq!(connection.token_url().unwrap().path(), "/token");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn with_metadata(&self, metadata: Arc<ServerMetadata>) -> Result<Self, Error> {
        let named = |error: Error| {
            error
                .in_context(self.label())
                .with_provider(&self.profile().id)
        };
        // The server decides how a client authenticates that it registers itself.
        if !self.needs_registration() {
            metadata
                .check_client_auth(self.client_auth())
                .and_then(|()| self.check_algorithm(&metadata))
                .map_err(named)?;
        }
        let mut discovered = self.clone();
        let fill = |endpoint: &mut Option<Url>, found: &Option<Url>| {
            if endpoint.is_none() {
                endpoint.clone_from(found);
            }
        };
        let endpoints = &mut discovered.endpoints;
        fill(&mut endpoints.token_url, &metadata.token_endpoint);
        fill(
            &mut endpoints.authorize_url,
            &metadata.authorization_endpoint,
        );
        fill(
            &mut endpoints.device_authorization_url,
            &metadata.device_authorization_endpoint,
        );
        fill(&mut endpoints.userinfo_url, &metadata.userinfo_endpoint);
        fill(&mut endpoints.revoke_url, &metadata.revocation_endpoint);
        if endpoints.issuer.is_none() {
            endpoints.issuer = Some(metadata.issuer.clone());
        }
        discovered.metadata = Some(metadata);
        discovered.check_discovered().map_err(named)?;
        Ok(discovered)
    }

    /// Whether the server must register the client before a login (RFC 7591).
    pub(crate) fn needs_registration(&self) -> bool {
        self.profile().discovery && self.client.id.is_empty()
    }

    /// Returns a copy with the client ID that the server registered.
    pub(crate) fn with_registration(&self, registration: &Registration) -> Self {
        let mut registered = self.clone();
        let client = &mut registered.client;
        client.id.clone_from(&registration.client_id);
        client.auth = registration.client_auth;
        client.secret.clone_from(&registration.client_secret);
        registered
    }

    /// Returns the error for a request whose endpoint is not known yet.
    pub(crate) fn lacks_metadata(&self) -> Error {
        let source = self.metadata_source();
        let message = format!(
            "the endpoints of {} have not been discovered yet",
            source.as_str()
        );
        Error::setting(source.setting(), message)
            .with_provider(&self.profile().id)
            .with_hint("set token_url and authorize_url, or let a client discover them, which sends requests")
    }

    /// Returns where the metadata of the server comes from. An issuer has priority.
    pub(crate) fn metadata_source(&self) -> MetadataSource<'_> {
        match (self.issuer(), &self.policy.resource) {
            (None, Some(resource)) => MetadataSource::Resource(resource),
            // A connection with discovery has one of both.
            (issuer, _) => MetadataSource::Issuer(issuer.unwrap_or_default()),
        }
    }

    /// Returns the metadata that the endpoints come from.
    pub(crate) fn metadata(&self) -> Option<&Arc<ServerMetadata>> {
        self.metadata.as_ref()
    }

    /// Returns an endpoint unless it comes from the metadata. What the server may change doesn't
    /// identify the grant.
    pub(super) fn declared<'a>(
        &'a self,
        endpoint: &'a Option<Url>,
        found: impl FnOnce(&ServerMetadata) -> &Option<Url>,
    ) -> Option<&'a str> {
        let discovered = self.metadata.as_deref().map(found);
        let endpoint = endpoint.as_ref();
        endpoint
            .filter(|_| discovered.is_none_or(|found| found.as_ref() != endpoint))
            .map(Url::as_str)
    }

    fn check_algorithm(&self, metadata: &ServerMetadata) -> Result<(), Error> {
        let offered = &metadata.token_endpoint_auth_signing_alg_values_supported;
        let Some(signer) = self.signer() else {
            return Ok(());
        };
        let algorithm = signer.algorithm();
        let signs_for_client = self.client_auth() == crate::ClientAuth::PrivateKeyJwt;
        let is_offered = || offered.iter().any(|word| word == algorithm.as_str());
        if !signs_for_client || offered.is_empty() || is_offered() {
            return Ok(());
        }
        let issuer = &metadata.issuer;
        let message =
            format!("the private key signs with {algorithm}, which {issuer} does not accept");
        Err(Error::setting("algorithm", message).with_hint(format!(
            "set algorithm to one that the key supports, or use another key; the server accepts {}",
            listed(offered)
        )))
    }

    fn check_discovered(&self) -> Result<(), Error> {
        let (endpoint, setting) = match self.endpoints {
            crate::Endpoints {
                token_url: None, ..
            } => ("token endpoint", "token_url"),
            _ if !self.needs_metadata() => return Ok(()),
            _ if self.grant() == GrantKind::DeviceCode => return Err(self.has_no_device_login()),
            _ => ("authorization endpoint", "authorize_url"),
        };
        let issuer = self.issuer().unwrap_or_default();
        let message = format!("the metadata of {issuer} has no {endpoint}");
        Err(Error::setting("issuer", message).with_hint(format!(
            "check issuer, or set {setting} if the server has one: grant {} needs it",
            self.grant()
        )))
    }
}
