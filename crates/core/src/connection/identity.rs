//! The identity of a connection's grant and of its token in shared stores.
//!
//! These are two separate things. The identity of the grant decides which refresh token may be
//! used; it is the key of the record ([`Connection::record_key`]). The identity of the request
//! decides which access token may be returned; it is a fingerprint stored with the token. So
//! another `audience` gets its own token from the same grant, and another tenant never uses the
//! grant.

use super::Connection;
use crate::http::BodyFormat;
use crate::profile::template::Templated;
use crate::profile::{SentAs, TokenMethod};
use crate::secret::fingerprint;
use crate::{Error, ErrorKind, Extra, GrantId, GrantKind, Secret, StoreKey};

/// Names and values, hashed in order. Each value follows its name, so a value can't be mistaken
/// for the next one if it is missing.
#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.extend([name.into(), value.into()]);
    }

    fn add_if_set(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    fn hashed(&self) -> StoreKey {
        StoreKey::of(self.0.iter().map(String::as_str))
    }
}

/// Authorization request parameters that control how a login proceeds, not what is granted: those
/// of OpenID Connect Core 3.1.2.1 and Google's. Changing one of them keeps the grant.
const SAME_GRANT: &[&str] = &[
    "access_type",
    "acr_values",
    "approval_prompt",
    "claims_locales",
    "display",
    "include_granted_scopes",
    "max_age",
    "prompt",
    "response_mode",
    "ui_locales",
];

impl Connection {
    /// Returns the fingerprint of everything that token requests are built from, except
    /// credentials. Two connections with the same fingerprint request the same token.
    ///
    /// # Errors
    ///
    /// As [`crate::Provider::parameters`].
    pub(crate) fn request_fingerprint(&self) -> Result<String, Error> {
        let mut words = Words::default();
        words.add("provider", &self.profile().id);
        words.add("grant", self.policy.grant.as_str());
        self.add_server(&mut words);
        words.add("client_id", &self.client.id);
        words.add_if_set("subject", self.subject());
        words.add_if_set("audience", self.audience());
        words.add("scopes", self.policy.scopes.join(" "));
        for (name, value) in &self.policy.extra {
            words.add(format!("extra.{name}"), value);
        }
        for (name, value) in self.environment_extra() {
            words.add(format!("environment.extra.{name}"), value);
        }
        self.add_templates(&mut words);
        self.add_encoding(&mut words);
        for grant in self.app().requested_grants() {
            for (name, value) in self.provider.parameters(self.app(), grant)? {
                words.add(format!("{grant}.parameter.{name}"), value);
            }
        }
        Ok(words.hashed().to_hex())
    }

    /// Returns the fingerprint of the client's credentials, salted with the refresh token that they
    /// are used with.
    pub(crate) fn credentials_fingerprint(&self, refresh_token: &Secret) -> String {
        let signer = self.client.signer.as_ref();
        let public = signer.and_then(|signer| signer.public_key());
        let public = public.map(|key| base64_simd::STANDARD.encode_to_string(key.spki_sha256()));
        let own = self.client.secrets.iter();
        let own = own.flat_map(|(name, secret)| [name.as_str(), secret.expose()]);
        let words = [
            "credentials",
            self.client.auth.as_str(),
            self.client.basic_encoding.as_str(),
            refresh_token.expose(),
            self.client.secret.as_ref().map_or("", Secret::expose),
            signer.map_or("", |signer| signer.algorithm().as_str()),
            signer.and_then(|signer| signer.key_id()).unwrap_or(""),
            public.as_deref().unwrap_or(""),
        ];
        StoreKey::of(words.into_iter().chain(own)).to_hex()
    }

    /// Checks that the provider returns the same parameters each time. They identify the stored
    /// token, which couldn't be found again otherwise.
    ///
    /// # Errors
    ///
    /// If they differ, naming one that does. Other mistakes are reported by requests.
    pub(crate) fn check_parameters(&self) -> Result<(), Error> {
        for grant in self.app().requested_grants() {
            let parameters = || self.provider.parameters(self.app(), grant);
            let (Ok(first), Ok(second)) = (parameters(), parameters()) else {
                continue;
            };
            if first == second {
                continue;
            }
            let only_in = |one: &[(String, String)], other: &[(String, String)]| {
                let differing = one.iter().find(|parameter| !other.contains(parameter));
                differing.map(|(name, _)| name.clone())
            };
            let name = only_in(&first, &second).or_else(|| only_in(&second, &first));
            let profile = self.profile();
            let message = format!(
                "provider `{}` sets the parameter `{}` differently in each request, so stored tokens cannot be identified",
                profile.id,
                name.unwrap_or_default()
            );
            return Err(Error::new(ErrorKind::Plugin, message)
                .with_provider(&profile.id)
                .with_hint("change the provider's `parameters` to return the same values for the same connection: no times, no randomness"));
        }
        Ok(())
    }

    /// Adds the parameters of the login. An audience, resource, tenant or organization in them is
    /// part of the grant.
    fn add_login(&self, words: &mut Words) {
        let url = self.declared(&self.endpoints.authorize_url, |metadata| {
            &metadata.authorization_endpoint
        });
        words.add_if_set("authorize_url", url);
        for (name, value) in &self.policy.authorize {
            if !SAME_GRANT.contains(&name.as_str()) {
                words.add(format!("authorize.{name}"), value);
            }
        }
    }

    fn add_server(&self, words: &mut Words) {
        words.add("environment", &self.endpoints.environment);
        let token_url = self.declared(&self.endpoints.token_url, |metadata| {
            &metadata.token_endpoint
        });
        words.add("token_url", token_url.unwrap_or_default());
        let refresh_url = self.endpoints.refresh_url.as_ref();
        words.add_if_set("refresh_url", refresh_url.map(crate::Url::as_str));
        words.add_if_set(
            "base_url",
            self.endpoints.base_url.as_ref().map(crate::Url::as_str),
        );
        // An issuer that the resource names may change.
        let named = self.endpoints.issuer_is_set || self.policy.resource.is_none();
        words.add_if_set("issuer", self.issuer().filter(|_| named));
        words.add_if_set("resource", self.policy.resource.as_deref());
    }

    /// Adds the profile's templates, not filled in: the values that fill them are either among the
    /// words already or credentials.
    fn add_templates(&self, words: &mut Words) {
        let mut add = |table: String, name: &str, value: &Templated| {
            words.add(format!("{table}.{name}"), value.0.to_string());
        };
        let profile = self.profile();
        for (name, value) in &profile.assertion.claims {
            add("claims".to_owned(), name, value);
        }
        for (name, value) in &profile.assertion.header {
            add("header".to_owned(), name, value);
        }
        for grant in self.app().requested_grants() {
            let rules = profile.grants.get(&grant);
            for (name, value) in rules.into_iter().flat_map(|rules| &rules.params) {
                add(format!("{grant}.params"), name, value);
            }
            let rules = self.app().request_rules(grant);
            for (name, value) in rules.into_iter().flat_map(|rules| &rules.headers) {
                add(format!("{grant}.headers"), name, value);
            }
        }
    }

    /// Adds how requests are encoded, as far as it differs from the RFCs.
    fn add_encoding(&self, words: &mut Words) {
        for grant in self.app().requested_grants() {
            let Some(rules) = self.app().request_rules(grant) else {
                continue;
            };
            if rules.body != BodyFormat::Form {
                words.add(format!("{grant}.body"), rules.body.as_str());
            }
            if rules.method != TokenMethod::Post {
                words.add(format!("{grant}.method"), rules.method.method().as_str());
            }
            if let Some(send) = rules.send_client_id {
                words.add(format!("{grant}.send_client_id"), send.to_string());
            }
            // That of a code exchange is part of the login.
            if rules.send_redirect_uri && grant == GrantKind::RefreshToken {
                let redirect_uri = self.client.redirect_uri.as_ref();
                let redirect_uri = redirect_uri.map_or("", crate::Url::as_str);
                words.add(format!("{grant}.redirect_uri"), redirect_uri);
            }
            if rules.scope_separator != " " {
                let name = format!("{grant}.scope_separator");
                words.add(name, rules.scope_separator.as_str());
            }
            for (name, new) in &rules.names {
                words.add(format!("{grant}.names.{name}"), new);
            }
        }
        let sent_as = self.profile().assertion.sent_as;
        if sent_as != SentAs::Assertion {
            words.add("assertion.as", sent_as.as_str());
        }
    }

    /// Returns the `extra.*` settings that don't identify the grant, because they only choose among
    /// what it is for. A setting that a request contains always identifies it.
    fn identity_settings(&self) -> Vec<&str> {
        let profile = self.profile();
        let grants = profile.grants.values();
        let of_requests =
            grants.flat_map(|rules| rules.params.values().chain(rules.headers.values()));
        let of_assertions = profile.assertion.claims.values();
        let of_assertions = of_assertions.chain(profile.assertion.header.values());
        let sent: Vec<_> = of_requests
            .chain(of_assertions)
            .chain(profile.authorize.params.values())
            .flat_map(Templated::settings)
            .collect();
        let by_provider = self.provider.identity_settings().iter().copied();
        let lookup = profile.lookup.as_ref();
        let by_profile = lookup.and_then(|lookup| lookup.choose.as_deref());
        by_provider
            .chain(by_profile)
            .filter(|name| !sent.contains(&format!("extra.{name}")))
            .collect()
    }

    /// Whether no setting can select another tenant at the same endpoint.
    pub(crate) fn has_no_tenants(&self) -> bool {
        let by_identity = self.identity_settings();
        let mut extra = self.profile().extra.keys();
        let mut login = self.policy.authorize.keys();
        extra.all(|name| by_identity.contains(&name.as_str()))
            && login.all(|name| SAME_GRANT.contains(&name.as_str()))
    }
}

impl Connection {
    /// Returns the settings that identify the grant, without secrets, to help a person tell records
    /// apart.
    pub(crate) fn grant_settings(&self, principal: Option<&GrantId>) -> Extra {
        let words = self.grant_words(principal.map(GrantId::as_str)).0;
        let pairs = words.chunks_exact(2).skip(3);
        pairs
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect()
    }

    /// Returns a marker, the names of the connection and its provider, and the settings that
    /// distinguish grants with the same names.
    ///
    /// The grant of a principal is not the one that the setting `refresh_token` starts.
    fn grant_words(&self, principal: Option<&str>) -> Words {
        let mut words = Words::default();
        words.add("countersign", "grant");
        words.add("name", self.name());
        words.add("provider", &self.profile().id);
        self.add_server(&mut words);
        words.add("client_id", self.client_id());
        words.add_if_set("subject", self.subject());
        words.add(
            "renewed",
            match self.grant() {
                kind if kind.needs_login() => "login",
                kind => kind.as_str(),
            },
        );
        match principal {
            None => {
                let seed = self.policy.refresh_token.as_ref().map(fingerprint);
                words.add_if_set("refresh_token", seed.as_deref());
            }
            Some(id) => words.add("principal", id),
        }
        let by_identity = self.identity_settings();
        for (name, value) in &self.policy.extra {
            if !by_identity.contains(&name.as_str()) {
                words.add(format!("extra.{name}"), value);
            }
        }
        if self.grant().needs_login() {
            self.add_login(&mut words);
        }
        words
    }

    /// Returns the key of this connection's record in a store. It identifies the grant.
    ///
    /// It depends on everything that may select another tenant or another person, but not on
    /// `audience`, `scopes` or credentials: changing those keeps the grant.
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
    /// let other = connection.for_subject("joe");
    /// assert_ne!(connection.record_key(), other.record_key());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn record_key(&self) -> StoreKey {
        self.grant_words(None).hashed()
    }

    /// Returns the key of the record of a principal's grant, which
    /// [`Client::grant`](crate::Client::grant) returns.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::GrantId;
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// let (one, other) = (GrantId::new("acme/42")?, GrantId::new("acme/43")?);
    /// assert_ne!(connection.record_key_of(&one), connection.record_key_of(&other));
    /// assert_ne!(connection.record_key_of(&one), connection.record_key());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn record_key_of(&self, principal: &GrantId) -> StoreKey {
        self.grant_words(Some(principal.as_str())).hashed()
    }

    /// Returns the key of the entry in the store that has the keys for logins of principals.
    pub(crate) fn logins_key(&self) -> StoreKey {
        // No principal's ID is empty.
        let grants = self.grant_words(Some("")).hashed().to_hex();
        StoreKey::of(["countersign", "login-keys", &grants])
    }

    /// Returns the key that earlier versions used, which did not distinguish tenants.
    pub(crate) fn earlier_record_key(&self) -> StoreKey {
        StoreKey::of([
            self.name(),
            self.profile().id.as_str(),
            self.token_url().map_or("", crate::Url::as_str),
            self.client_id(),
            self.subject().unwrap_or_default(),
        ])
    }
}
