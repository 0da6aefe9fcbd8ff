//! The URLs of login and consent pages.

use serde_json::Value;

use super::Connection;
use crate::app::text_of;
use crate::profile::PkceSupport;
use crate::{Error, GrantKind, Pkce, Url};

/// The end of the hint of an error that asks for a login.
pub(crate) const LOGIN_CALLS: &str = "call start_login, open its URL in the person's browser, and pass the callback URL to complete_login";

impl Connection {
    /// Returns a copy whose logins send these parameters, instead of those of the settings
    /// `authorize.NAME`.
    pub(crate) fn asking(&self, parameters: &[(&str, &str)]) -> Self {
        let mut other = self.clone();
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        other.policy.authorize.extend(parameters.iter().map(own));
        other
    }

    /// Builds the URL of an authorization request (RFC 6749 section 4.1.1, RFC 7636 section 4.3).
    ///
    /// # Errors
    ///
    /// If the provider has no authorization endpoint.
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::{Connection, Pkce, Profile, Settings};
    /// # let profile = Profile::from_toml(r#"
    /// #     id = "acme"
    /// #     name = "Acme"
    /// #     documentation = "https://acme.example/docs"
    /// #     environments.production.base_url = "https://login.acme.example"
    /// #     endpoints.token = "{base_url}/token"
    /// #     endpoints.authorize = "{base_url}/authorize"
    /// #     grants.authorization-code.client_auth = ["none"]
    /// # "#)?;
    /// # let settings = Settings::from_pairs([
    /// #     ("provider", "acme"),
    /// #     ("client_id", "app"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
    /// let redirect_uri = "https://app.example/callback";
    /// let url = connection.authorization_url(redirect_uri, "a-random-state", &Pkce::new([7; 32]))?;
    /// assert!(url.as_str().starts_with("https://login.acme.example/authorize?response_type=code&"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn authorization_url(
        &self,
        redirect_uri: &str,
        state: &str,
        pkce: &Pkce,
    ) -> Result<Url, Error> {
        let url = self.authorize_base(redirect_uri, &self.policy.scopes)?;
        Ok(self.with_state(&url, state, pkce))
    }

    /// Adds what protects a login from forgery: `state`, and the challenge of PKCE if the vendor
    /// supports it.
    pub(crate) fn with_state(&self, url: &Url, state: &str, pkce: &Pkce) -> Url {
        let url = url.with_query([("state", state)]);
        if !self.uses_pkce() {
            return url;
        }
        self.with_named(
            &url,
            &[
                ("code_challenge", &pkce.challenge),
                ("code_challenge_method", "S256"),
            ],
        )
    }

    /// Whether logins use PKCE.
    pub(crate) fn uses_pkce(&self) -> bool {
        let rules = self.profile().grants.get(&GrantKind::AuthorizationCode);
        rules.is_none_or(|rules| rules.pkce != PkceSupport::Off)
    }

    /// Adds parameters of the protocol, by the vendor's names for them.
    fn with_named(&self, url: &Url, pairs: &[(&str, &str)]) -> Url {
        let names = &self.profile().authorize.names;
        let named = pairs.iter().filter_map(|(name, value)| {
            let name = names.get(*name).map_or(*name, String::as_str);
            Some((name, *value)).filter(|_| !name.is_empty())
        });
        url.with_query(named)
    }

    /// Returns scopes as an authorization request sends them.
    fn joined<T: AsRef<str>>(&self, scopes: &[T]) -> String {
        let grants = &self.profile().grants;
        let rules = grants.get(&GrantKind::AuthorizationCode);
        let separator = rules.map_or(" ", |rules| rules.scope_separator.as_str());
        let scopes: Vec<_> = scopes.iter().map(AsRef::as_ref).collect();
        scopes.join(separator)
    }

    /// Adds to the hint of an error how to have the user log in again.
    ///
    /// The error can't contain the login URL: only [`Client::start_login`](crate::Client) builds
    /// one with a `state` and a PKCE challenge, which completing the login requires. A program with
    /// its own login command adds that command to the hint.
    pub(crate) fn with_login_hint(&self, error: Error) -> Error {
        let how = match self.grant() {
            GrantKind::AuthorizationCode => LOGIN_CALLS,
            GrantKind::DeviceCode => {
                "call start_device_login, show its code and URL to the person, and call poll_device_login until the login is finished"
            }
            GrantKind::RefreshToken => {
                "set refresh_token to a new one from the program that issued the old one"
            }
            _ => return error,
        };
        let hint = match error.hint() {
            Some(hint) => format!("{hint}; {how}"),
            None => how.to_owned(),
        };
        error.with_hint(hint)
    }

    /// Adds to an error with the verdict `reauthorize` what the user can do: open the consent URL
    /// or log in.
    pub(crate) fn with_way_out(&self, error: Error) -> Error {
        if self.grant().needs_login() {
            return self.with_login_hint(error);
        }
        let Some(url) = self.consent_url() else {
            return error;
        };
        let error = error.with_url(url.as_str());
        let nobody_listens = self.redirect_uri().is_some_and(Url::is_loopback);
        match error.hint().filter(|_| nobody_listens) {
            Some(hint) => {
                let hint = format!(
                    "{hint}; the browser may end at an error page, which you can ignore: consent is recorded before that"
                );
                error.with_hint(hint)
            }
            None => error,
        }
    }

    /// Returns the URL where the subject consents to the app acting for it.
    ///
    /// Returns `None` if the provider has no consent page or `redirect_uri` is not set.
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
    /// #     endpoints.authorize = "{base_url}/authorize"
    /// #     consent.individual = "{scopes}"
    /// #     grants.authorization-code.client_auth = ["none"]
    /// # "#)?;
    /// # let settings = Settings::from_pairs([
    /// #     ("provider", "acme"),
    /// #     ("client_id", "app"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
    /// let url = connection.consent_url().unwrap();
    /// assert!(url.as_str().starts_with("https://login.acme.example/authorize?response_type=code&"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn consent_url(&self) -> Option<Url> {
        self.consent_base(self.redirect_uri()?.as_str())
    }

    /// Returns the URL where an administrator consents for the whole organization.
    ///
    /// Returns `None` if the provider has no admin consent page or `redirect_uri` is not set.
    ///
    /// # Example
    ///
    /// ```
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// match connection.admin_consent_url() {
    ///     Some(url) => println!("an administrator has to open {url}"),
    ///     None => println!("{} has no such page", connection.profile().name),
    /// }
    /// # assert!(connection.admin_consent_url().is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn admin_consent_url(&self) -> Option<Url> {
        self.admin_consent_base(self.redirect_uri()?.as_str())
    }

    pub(crate) fn consent_base(&self, redirect_uri: &str) -> Option<Url> {
        let scope = self.consent_scope(false)?;
        let scopes: Vec<_> = scope.split_whitespace().collect();
        self.authorize_base(redirect_uri, &scopes).ok()
    }

    /// Returns the `scope` parameter of the consent page for the subject or an administrator.
    pub(crate) fn consent_scope(&self, admin: bool) -> Option<String> {
        let consent = self.profile().consent.as_ref()?;
        match admin {
            true => consent.admin.as_ref().map(|admin| admin.scope.clone()),
            false => Some(self.fill_scopes(&consent.individual)),
        }
    }

    pub(crate) fn admin_consent_base(&self, redirect_uri: &str) -> Option<Url> {
        let admin = self.profile().consent.as_ref()?.admin.as_ref()?;
        let scopes: Vec<_> = admin.scope.split_whitespace().collect();
        let url = self.authorize_base(redirect_uri, &scopes).ok()?;
        let scopes = self.fill_scopes(&admin.admin_consent_scope);
        Some(url.with_query([("admin_consent_scope", scopes.as_str())]))
    }

    /// Returns the issuer that `iss` in a login's callback must match (RFC 9207), if known.
    pub(crate) fn login_issuer(&self) -> Option<&str> {
        let by_profile = || {
            let base = self.base_url().filter(|_| self.iss_required())?;
            Some(base.as_str())
        };
        self.issuer().or_else(by_profile)
    }

    /// Whether a login's callback without `iss` is rejected.
    pub(crate) fn iss_required(&self) -> bool {
        let endpoints = &self.profile().endpoints;
        endpoints.authorization_response_iss_parameter_supported
            || self
                .metadata()
                .is_some_and(|metadata| metadata.authorization_response_iss_parameter_supported)
    }

    fn authorize_base<T: AsRef<str>>(
        &self,
        redirect_uri: &str,
        scopes: &[T],
    ) -> Result<Url, Error> {
        let url = self.endpoints.authorize_url.as_ref().ok_or_else(|| {
            if self.needs_metadata() {
                return self.lacks_metadata();
            }
            Error::setting(
                "authorize_url",
                format!("{} has no authorization endpoint", self.profile().name),
            )
            .with_hint("set authorize_url, or choose a grant without a login")
        })?;
        let response_type = self.profile().authorize.response_type.as_deref();
        let url = self.with_named(url, &[("response_type", response_type.unwrap_or("code"))]);
        let url = match scopes {
            [] => url,
            scopes => self.with_named(&url, &[("scope", &self.joined(scopes))]),
        };
        let url = match self.client.known_id() {
            Some(id) => self.with_named(&url, &[("client_id", id)]),
            None => url,
        };
        let url = self.with_named(&url, &[("redirect_uri", redirect_uri)]);
        let words: Vec<_> = scopes.iter().map(AsRef::as_ref).collect();
        let params = self.authorize_params(&words.join(" "))?;
        Ok(url.with_query(params.iter().map(|(name, value)| (*name, value.as_str()))))
    }

    /// Returns the parameters that the settings and the profile add to an authorization request
    /// for this scope.
    ///
    /// Settings override the profile. An array becomes one parameter per item.
    pub(super) fn authorize_params(&self, scope: &str) -> Result<Vec<(&str, String)>, Error> {
        let rules = &self.profile().authorize;
        let mut params = Vec::new();
        for entry in self.app().fill("authorize.params", &rules.params, None) {
            let (name, value) = entry?;
            if self.policy.authorize.contains_key(name) {
                continue;
            }
            let items = match value {
                Some(Value::Array(items)) => items,
                other => other.into_iter().collect(),
            };
            params.extend(items.into_iter().map(|item| (name, text_of(item))));
        }
        let set = self.policy.authorize.iter();
        params.extend(set.map(|(name, value)| (name.as_str(), value.clone())));
        if let Some(resource) = &self.policy.resource
            && !params.iter().any(|(name, _)| *name == "resource")
        {
            params.push(("resource", resource.clone()));
        }
        let offline = scope.split(' ').any(|word| word == "offline_access");
        let prompt = rules.offline_access_prompt.as_ref().filter(|_| offline);
        if let Some(prompt) = prompt
            && !params.iter().any(|(name, _)| *name == "prompt")
        {
            params.push(("prompt", prompt.clone()));
        }
        Ok(params)
    }

    /// Whether a login for this scope uses OpenID Connect and sends a `nonce`.
    pub(crate) fn wants_nonce(&self, scope: &str) -> bool {
        let rules = &self.profile().authorize;
        let uses_openid = scope.split(' ').any(|word| word == "openid");
        rules.nonce && (uses_openid || rules.nonce_without_openid)
    }

    fn fill_scopes(&self, template: &str) -> String {
        // The template may add a scope that the connection already has.
        let filled = template.replace("{scopes}", &self.policy.scopes.join(" "));
        let mut words: Vec<&str> = Vec::new();
        for word in filled.split_whitespace() {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.join(" ")
    }
}
