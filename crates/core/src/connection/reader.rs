//! Validates a connection's settings against its provider's profile.

mod vendor;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Connection;
use super::endpoints::{Given, Urls};
use crate::jws::Backend;
use crate::key::is_pkcs11_uri;
use crate::nearest::unknown_word;
use crate::profile::check::reject_authorize_param;
use crate::profile::{Environment, GrantRules};
use crate::settings::own_secret;
use crate::{
    BasicEncoding, ClientAuth, ClientIdentity, Error, GrantKind, GrantPolicy, KeyRing, KeySigner,
    Network, PrivateKey, Profile, Provider, Roots, SETTINGS, Secret, Settings, Signer,
    StoreSetting, Url, assertion,
};

/// Validates settings by a profile's rules.
pub(super) struct Reader<'a> {
    pub(super) settings: &'a Settings,
    pub(super) profile: &'a Profile,
    /// The library to sign with, if one was chosen.
    pub(super) backend: Option<Backend>,
}

impl Reader<'_> {
    pub(super) fn read(
        &self,
        name: &str,
        provider: Arc<dyn Provider>,
        signer: Option<Arc<dyn Signer>>,
    ) -> Result<Connection, Error> {
        self.check_resolved()?;
        let (environment, facts) = self.environment()?;
        let grant = self.grant()?;
        let rules = &self.profile.grants[&grant];
        let client_auth = self.client_auth(grant, rules)?;
        let extra = self.extra()?;
        let client_id = self.client_id(grant, rules)?;
        self.check_issuer(facts)?;
        let given = Given {
            base_url: self.base_url()?,
            token_url: self.url("token_url")?,
            authorize_url: self.url("authorize_url")?,
            issuer: self.text("issuer"),
        };
        let environment = (environment.as_str(), facts);
        let urls = Urls::new(
            self.profile,
            given,
            environment,
            client_id.as_deref(),
            &extra,
        )?;
        let endpoints = urls.endpoints(grant)?;
        let audience = match self.text("audience") {
            Some(given) => Some(given),
            None => urls.fact("audience", facts.audience.as_ref())?,
        };
        let signs = grant == GrantKind::JwtBearer || client_auth == ClientAuth::PrivateKeyJwt;
        let client = ClientIdentity {
            id: client_id.clone().unwrap_or_default(),
            secret: self.settings.secret("client_secret"),
            secrets: self.secrets()?,
            auth: client_auth,
            basic_encoding: self
                .parsed("basic_encoding")?
                .or(self.profile.basic_encoding)
                .unwrap_or(BasicEncoding::Raw),
            signer: if signs { self.signer(signer)? } else { signer },
            redirect_uri: self.url("redirect_uri")?,
        };
        let policy = GrantPolicy {
            grant,
            subject: self.text("subject"),
            audience,
            resource: self.resource()?,
            scopes: self.scopes(rules)?,
            assertion_ttl: self.assertion_ttl()?,
            refresh_token: self.settings.secret("refresh_token"),
            extra,
            authorize: self.authorize()?,
        };
        let connection = Connection {
            name: name.to_owned(),
            endpoints,
            client,
            network: self.network()?,
            min_valid: self
                .seconds("min_valid_s")?
                .unwrap_or(Duration::from_secs(60)),
            assume_lifetime: self.seconds("assume_lifetime_s")?,
            store: self.store()?,
            store_create: self.flag("store_create", true)?,
            store_key: self
                .settings
                .secret("store_key")
                .map(|keys| KeyRing::parse(keys.expose()))
                .transpose()?,
            policy,
            origin: None,
            metadata: None,
            provider,
        };
        check_store(&connection)?;
        self.check_needs(&connection, rules)?;
        self.check_basic(&connection)?;
        self.check_templates(&connection)?;
        Ok(connection)
    }

    /// Checks that every `K_file` and `K_env` has been resolved to `K`.
    fn check_resolved(&self) -> Result<(), Error> {
        let left = self.settings.keys().find(|key| {
            let is_own = own_secret(key).is_some_and(|bare| bare != *key);
            is_own
                || SETTINGS.iter().filter(|s| s.secret).any(|s| {
                    key.strip_prefix(s.name)
                        .is_some_and(|rest| rest == "_file" || rest == "_env")
                })
        });
        match left {
            Some(key) => Err(
                Error::setting(key, format!("`{key}` has not been resolved"))
                    .with_hint("call Settings::resolve before you build a connection"),
            ),
            None => Ok(()),
        }
    }

    /// Checks that a provider with discovery has the issuer that its metadata is found by.
    fn check_issuer(&self, facts: &Environment) -> Result<(), Error> {
        match self.text("issuer") {
            _ if !self.profile.discovery => Ok(()),
            Some(issuer) => crate::metadata::parse_issuer(&issuer).map(drop),
            None if facts.issuer.is_some() || self.text("resource").is_some() => Ok(()),
            None => Err(Error::missing("issuer").with_hint(
                "set issuer to the server's issuer identifier, such as https://login.example.com, or resource to the URL of the API: their metadata has the endpoints",
            )),
        }
    }

    /// Returns the protected resource. Its metadata is read, so it must be safe to request.
    fn resource(&self) -> Result<Option<String>, Error> {
        let Some(text) = self.text("resource") else {
            return Ok(None);
        };
        if !self.profile.discovery {
            let vendor = &self.profile.name;
            let message =
                format!("`resource` is set, but the endpoints of {vendor} are not discovered");
            return Err(Error::setting("resource", message).with_hint(
                "set provider = \"oidc\", or remove resource; authorize.resource adds it to the login only",
            ));
        }
        self.url("resource").map(|_| Some(text))
    }

    fn environment(&self) -> Result<(String, &Environment), Error> {
        let environments = &self.profile.environments;
        let known: Vec<_> = environments.keys().map(String::as_str).collect();
        let hint = format!("set environment to one of: {}", known.join(", "));
        let Some(word) = self.settings.value("environment") else {
            return match environments.iter().next() {
                Some((word, facts)) if environments.len() == 1 => Ok((word.clone(), facts)),
                // Not guessed: the errors that production returns for a demo key are misleading.
                _ => Err(Error::missing("environment").with_hint(hint)),
            };
        };
        match environments.get_key_value(word) {
            Some((word, facts)) => Ok((word.clone(), facts)),
            None => Err(unknown_word("environment", word, &known).with_hint(hint)),
        }
    }

    fn grant(&self) -> Result<GrantKind, Error> {
        let supported = &self.profile.grants;
        let words: Vec<_> = supported.keys().map(|kind| kind.as_str()).collect();
        let hint = format!("set grant to one of: {}", words.join(", "));
        let Some(grant) = self.parsed::<GrantKind>("grant")? else {
            return match supported.keys().next() {
                Some(only) if supported.len() == 1 => Ok(*only),
                _ => Err(Error::missing("grant").with_hint(hint)),
            };
        };
        if supported.contains_key(&grant) {
            return Ok(grant);
        }
        let message = format!(
            "`grant` is {grant}, which {} does not support",
            self.profile.name
        );
        Err(Error::setting("grant", message).with_hint(hint))
    }

    fn client_auth(&self, grant: GrantKind, rules: &GrantRules) -> Result<ClientAuth, Error> {
        let words: Vec<_> = rules.client_auth.iter().map(|auth| auth.as_str()).collect();
        let hint = format!("set client_auth to one of: {}", words.join(", "));
        match self.parsed::<ClientAuth>("client_auth")? {
            None if self.is_registered_by_server(grant) => Ok(ClientAuth::None),
            None => Ok(rules.client_auth[0]),
            Some(auth) if rules.client_auth.contains(&auth) => Ok(auth),
            Some(auth) => {
                let message = format!("`client_auth` is {auth}, which does not work with {grant}");
                Err(Error::setting("client_auth", message).with_hint(hint))
            }
        }
    }

    fn signer(&self, given: Option<Arc<dyn Signer>>) -> Result<Option<Arc<dyn Signer>>, Error> {
        let key = self.settings.secret("private_key");
        let (Some(key), None) = (&key, &given) else {
            return match (key, given) {
                (Some(key), Some(_)) if !is_pkcs11_uri(key.expose().trim_start()) => Err(
                    Error::setting("private_key", "`private_key` and a signer are both set")
                        .with_hint(
                            "remove private_key from the settings: the signer has its own key",
                        ),
                ),
                (_, given) => Ok(given),
            };
        };
        let passphrase = self.settings.secret("private_key_passphrase");
        let key = PrivateKey::from_bytes_by_id(
            key.expose().as_bytes(),
            passphrase.as_ref().map(Secret::expose),
            self.text("key_id").as_deref(),
        )
        .map_err(|error| {
            let origin = self.settings.origin("private_key");
            Error::from(error).in_context(origin.unwrap_or("`private_key`"))
        })?;
        let accepted = self.profile.algorithms(self.parsed("algorithm")?)?;
        // If none fits, `KeySigner` explains why.
        let fits = accepted.iter().find(|a| key.algorithms().contains(*a));
        let algorithm = fits.or(accepted.first()).copied();
        let own_id = || key.key_id().map(str::to_owned);
        let key_id = self.text("key_id").or_else(own_id);
        let signer = KeySigner::new(key, algorithm, key_id)?;
        Ok(Some(match self.backend {
            Some(backend) => Arc::new(signer.with_backend(backend)?),
            None => Arc::new(signer),
        }))
    }

    /// Returns the client ID, or `None` if the grant has none.
    fn client_id(&self, grant: GrantKind, rules: &GrantRules) -> Result<Option<String>, Error> {
        if !rules.without_client_id {
            if self.is_registered_by_server(grant) {
                return Ok(None);
            }
            return self
                .required("client_id", &format!("grant {grant}"))
                .map(Some);
        }
        match self.text("client_id") {
            None => Ok(None),
            Some(_) => {
                let vendor = &self.profile.name;
                let message =
                    format!("`client_id` is set, but grant {grant} of {vendor} has no client ID");
                Err(Error::setting("client_id", message).with_hint("remove client_id"))
            }
        }
    }

    /// Whether the app has no client ID of its own, so that the server registers it (RFC 7591).
    fn is_registered_by_server(&self, grant: GrantKind) -> bool {
        let of_app = ["client_id", "client_auth", "client_secret", "private_key"];
        self.profile.discovery
            && grant == GrantKind::AuthorizationCode
            && of_app.iter().all(|key| self.settings.value(key).is_none())
    }

    fn scopes(&self, rules: &GrantRules) -> Result<Vec<String>, Error> {
        // Users also write the scopes as the vendor does.
        let separator = rules.scope_separator.trim();
        let words = |text: &str| -> Vec<String> {
            let words = text.split_whitespace();
            let parts = words.flat_map(|word| match separator {
                "" => vec![word],
                separator => word.split(separator).collect(),
            });
            let parts = parts.filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        let scopes: Vec<String> = match self.settings.value("scopes") {
            Some(text) => words(text),
            None => rules.default_scopes.clone(),
        };
        let lacking = rules
            .required_scopes
            .iter()
            .find(|scope| !scopes.contains(scope));
        match lacking {
            None => Ok(scopes),
            Some(scope) => Err(Error::setting(
                "scopes",
                format!("`scopes` lacks `{scope}`, which this grant requires"),
            )
            .with_hint(format!("set scopes = \"{} {scope}\"", scopes.join(" ")))),
        }
    }

    fn assertion_ttl(&self) -> Result<Duration, Error> {
        let rules = &self.profile.assertion;
        let max = Duration::from_secs(rules.max_ttl_s.into());
        match self.seconds("assertion_ttl_s")? {
            None => Ok(Duration::from_secs(rules.ttl_s.into())),
            Some(ttl) if ttl <= max && !ttl.is_zero() => Ok(ttl),
            Some(_) => Err(Error::setting(
                "assertion_ttl_s",
                format!("`assertion_ttl_s` must be from 1 to {}", rules.max_ttl_s),
            )
            .with_hint("remove it to use the provider's default lifetime")),
        }
    }

    fn network(&self) -> Result<Network, Error> {
        let timeout = match self.number("timeout_ms")? {
            Some(0) => {
                return Err(Error::setting("timeout_ms", "`timeout_ms` is 0")
                    .with_hint("set timeout_ms to at least 1, or remove it for the default"));
            }
            Some(ms) => Duration::from_millis(ms),
            None => Network::default().timeout,
        };
        let (roots, ca_file) = (self.parsed("roots")?, self.settings.path("ca_file"));
        let ca_only = self.flag("ca_only", false)?;
        if ca_only && ca_file.is_none() {
            return Err(
                Error::setting("ca_only", "`ca_only` is true without a `ca_file`")
                    .with_hint("set ca_file to a PEM file with the authority to trust"),
            );
        }
        if ca_only && roots.is_some() {
            return Err(
                Error::setting("ca_only", "`ca_only` and `roots` are both set")
                    .with_hint("remove roots: with ca_only = true, only ca_file is trusted"),
            );
        }
        let client_certificate_file = self.settings.path("client_certificate_file");
        let client_certificate_key_file = self.settings.path("client_certificate_key_file");
        let lacking = match (&client_certificate_file, &client_certificate_key_file) {
            (Some(_), None) => Some("client_certificate_key_file"),
            (None, Some(_)) => Some("client_certificate_file"),
            _ => None,
        };
        if let Some(name) = lacking {
            return Err(Error::missing(name)
                .with_hint("mutual TLS needs the certificate and its private key"));
        }
        Ok(Network {
            timeout,
            roots: roots.unwrap_or(Roots::Bundled),
            ca_file,
            ca_only,
            client_certificate_file,
            client_certificate_key_file,
            proxy: self.text("proxy").map(Secret::new),
        })
    }

    fn store(&self) -> Result<StoreSetting, Error> {
        let Some(text) = self.settings.value("store") else {
            return Ok(StoreSetting::Memory);
        };
        match StoreSetting::parse(text)? {
            StoreSetting::File(folder) => {
                let folder = self.settings.absolute(&folder.to_string_lossy());
                Ok(StoreSetting::File(folder))
            }
            other => Ok(other),
        }
    }

    /// Servers end the client ID at the first colon (RFC 7617 section 2).
    fn check_basic(&self, connection: &Connection) -> Result<(), Error> {
        let is_raw = connection.client.auth == ClientAuth::Basic
            && connection.client.basic_encoding == BasicEncoding::Raw;
        if !is_raw || !connection.client.id.contains(':') {
            return Ok(());
        }
        let message = "`client_id` has a colon, which `basic_encoding` = \"raw\" cannot encode";
        Err(Error::setting("client_id", message).with_hint(
            "set basic_encoding = \"rfc6749\" if the server decodes it, or client_auth = \"post\"",
        ))
    }

    /// Reads the parameters that are added to the authorization request.
    fn authorize(&self) -> Result<BTreeMap<String, String>, Error> {
        let mut params = BTreeMap::new();
        for key in self.settings.keys() {
            let Some(name) = key.strip_prefix("authorize.") else {
                continue;
            };
            if let Some(why) = reject_authorize_param(name) {
                let message = format!("`{key}` cannot be set: `{name}` {why}");
                return Err(Error::setting(key, message).with_hint(format!("remove {key}")));
            }
            params.insert(name.to_owned(), self.text(key).unwrap_or_default());
        }
        // The loopback server reads the query of a GET request and nothing else.
        let on_loopback = self.settings.value("redirect_uri").is_some_and(|uri| {
            Url::parse(uri.trim()).is_ok_and(|uri| uri.is_loopback() && uri.scheme() == "http")
        });
        match params.get("response_mode") {
            Some(mode) if on_loopback && mode != "query" => {
                let message = format!(
                    "`authorize.response_mode` is {mode}, which the loopback server cannot read"
                );
                Err(Error::setting("authorize.response_mode", message)
                    .with_hint("remove authorize.response_mode, or set redirect_uri to a page of your web server"))
            }
            _ => Ok(params),
        }
    }

    /// Checks for the settings that the grant type and the client authentication require.
    fn check_needs(&self, connection: &Connection, rules: &GrantRules) -> Result<(), Error> {
        let grant = connection.policy.grant;
        let by_grant: &[&str] = match grant {
            // The profile's template for `sub` names the settings that it needs.
            GrantKind::JwtBearer if self.profile.assertion.claims.contains_key("sub") => {
                &["private_key"]
            }
            GrantKind::JwtBearer => &["subject", "private_key"],
            GrantKind::AuthorizationCode => &["redirect_uri"],
            GrantKind::RefreshToken | GrantKind::ClientCredentials | GrantKind::DeviceCode => &[],
        };
        for key in by_grant
            .iter()
            .copied()
            .chain(rules.required.iter().map(String::as_str))
        {
            let is_set = match key {
                "private_key" => connection.client.signer.is_some(),
                _ => self.settings.value(key).is_some(),
            };
            if !is_set {
                return Err(missing(key, &format!("grant {grant}")));
            }
        }
        let auth = connection.client.auth;
        let by_auth = match auth {
            ClientAuth::Basic | ClientAuth::Post | ClientAuth::ClientSecretJwt => "client_secret",
            ClientAuth::PrivateKeyJwt => "private_key",
            ClientAuth::None => return Ok(()),
        };
        let is_set = match by_auth {
            "client_secret" => connection.client.secret.is_some(),
            _ => connection.client.signer.is_some(),
        };
        if is_set {
            return Ok(());
        }
        Err(missing(by_auth, &format!("client_auth {auth}")))
    }

    /// Checks that the profile's templates have all they need, so that a missing setting is
    /// reported before the first request.
    fn check_templates(&self, connection: &Connection) -> Result<(), Error> {
        assertion::check(connection.app()).map_err(|error| {
            let about_key = error.setting_name() == Some("private_key");
            match self.settings.origin("private_key").filter(|_| about_key) {
                Some(origin) => error.in_context(origin),
                None => error,
            }
        })?;
        if connection.endpoints.authorize_url.is_some() {
            connection.authorize_params(&connection.policy.scopes.join(" "))?;
        }
        if connection.endpoints.device_authorization_url.is_some() {
            let params = &self.profile.device.params;
            connection
                .app()
                .fill("device.params", params, None)
                .try_for_each(|param| param.map(drop))?;
        }
        // After a login, tokens are requested by the rules of `refresh-token`.
        for grant in connection.app().requested_grants() {
            if let Some(rules) = self.profile.grants.get(&grant) {
                connection.app().params(grant, rules)?;
            }
            if let Some(rules) = connection.app().request_rules(grant) {
                connection.app().headers(grant, rules)?;
            }
        }
        Ok(())
    }

    fn text(&self, key: &str) -> Option<String> {
        self.settings
            .value(key)
            .map(|value| value.trim().to_owned())
    }

    fn required(&self, key: &str, by: &str) -> Result<String, Error> {
        self.text(key).ok_or_else(|| missing(key, by))
    }

    fn base_url(&self) -> Result<Option<Url>, Error> {
        self.parsed_url("base_url", Url::parse_base)
    }

    fn url(&self, key: &str) -> Result<Option<Url>, Error> {
        self.parsed_url(key, Url::parse)
    }

    fn parsed_url(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<Url, Error>,
    ) -> Result<Option<Url>, Error> {
        let url = self.text(key).map(|text| parse(&text)).transpose();
        url.map_err(|e| e.with_setting(key).in_context(format_args!("`{key}`")))
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool, Error> {
        match self.text(key).as_deref() {
            None => Ok(default),
            Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(word) => Err(unknown_word(key, word, &["true", "false"])),
        }
    }

    fn number(&self, key: &str) -> Result<Option<u64>, Error> {
        let number = self.text(key).map(|text| {
            text.parse().map_err(|_| {
                Error::setting(key, format!("`{key}` must be a non-negative whole number"))
            })
        });
        number.transpose()
    }

    fn seconds(&self, key: &str) -> Result<Option<Duration>, Error> {
        // Longer durations are capped so that sums of times don't overflow.
        const CENTURY: u64 = 100 * 366 * 24 * 3600;
        Ok(self
            .number(key)?
            .map(|s| Duration::from_secs(s.min(CENTURY))))
    }

    fn parsed<T: std::str::FromStr<Err: Into<Error>>>(
        &self,
        key: &str,
    ) -> Result<Option<T>, Error> {
        let parsed = self.text(key).map(|text| text.parse()).transpose();
        parsed.map_err(Into::into)
    }
}

/// Returns the error for a missing setting that `by` needs.
fn missing(setting: &str, by: &str) -> Error {
    Error::missing(setting).with_hint(format!("set {setting}: {by} needs it"))
}

/// Rejects `store_create = false` without a store: a store in memory never exists beforehand.
fn check_store(connection: &Connection) -> Result<(), Error> {
    if connection.store_create || connection.store != StoreSetting::Memory {
        return Ok(());
    }
    let message = "`store_create` is false, but `store` is memory, which never exists beforehand";
    Err(Error::setting("store_create", message)
        .with_hint("set store = \"file:FOLDER\" or a postgres:// URL, or remove store_create"))
}
