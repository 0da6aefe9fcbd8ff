//! Providers: a profile, and code for what a profile can't express.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::nearest::nearest_few;
use crate::{App, Error, Extra, GrantKind, Profile, Request, Response, Token};

/// A vendor's token service.
///
/// A provider describes requests, validates settings and reads responses. It sees no key and does
/// no I/O. Use [`from_profile`] for a provider that needs no code.
pub trait Provider: Send + Sync + fmt::Debug {
    /// Returns the provider's profile.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let provider = testing::provider();
    /// assert_eq!(provider.profile().documentation, "https://acme.example/docs/oauth");
    /// ```
    fn profile(&self) -> &Profile;

    /// Returns the profile's id. Override it to avoid parsing the profile only for its id.
    fn id(&self) -> &str {
        &self.profile().id
    }

    /// Returns the vendor's name for people. Override it to avoid parsing the profile only for its
    /// name.
    fn name(&self) -> &str {
        &self.profile().name
    }

    /// Returns the profile as it was written in TOML, if the provider has it.
    fn toml(&self) -> Option<&str> {
        None
    }

    /// Validates a connection's settings beyond the rules of the profile.
    ///
    /// # Errors
    ///
    /// An [`Error::setting`] that names the setting, with a hint that says how to correct it.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{App, Connection, Error, Profile, Provider, Settings, testing};
    ///
    /// #[derive(Debug)]
    /// struct Acme(Profile);
    ///
    /// impl Provider for Acme {
    ///     fn profile(&self) -> &Profile {
    ///         &self.0
    ///     }
    ///
    ///     fn check(&self, app: App<'_>) -> Result<(), Error> {
    ///         match app.policy.extra("tenant") {
    ///             Some(tenant) if !tenant.starts_with("t-") => {
    ///                 let message = "`extra.tenant` is not a tenant's name";
    ///                 Err(Error::setting("extra.tenant", message).with_hint("copy it from Acme's console"))
    ///             }
    ///             _ => Ok(()),
    ///         }
    ///     }
    /// }
    ///
    /// let settings = Settings::from_pairs([
    ///     ("environment", "demo"), ("grant", "client-credentials"), ("client_id", "app"),
    ///     ("client_secret", "s3cret"), ("extra.tenant", "42"),
    /// ])?;
    /// let acme = Acme(Profile::from_toml(testing::PROFILE)?);
    /// let error = Connection::new("mine", &settings, Arc::new(acme)).unwrap_err();
    /// assert_eq!(error.setting_name(), Some("extra.tenant"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    fn check(&self, app: App<'_>) -> Result<(), Error> {
        let _ = app;
        Ok(())
    }

    /// Returns additional parameters for the token request. A parameter overrides one of the grant,
    /// such as a `grant_type` that only this vendor has.
    ///
    /// Parameters that authenticate the app or spend a grant are rejected: `client_*`, `assertion`,
    /// `code`, `code_verifier` and `refresh_token`. The same connection must always get the same
    /// parameters, in the same order and in every process, because they identify its stored token.
    /// Building a client fails if two calls return different parameters.
    ///
    /// # Errors
    ///
    /// If the connection lacks a setting that a parameter needs.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{App, Connection, Error, GrantKind, Profile, Provider, Settings, testing};
    /// # use countersign_core::{Clock, PresentedGrant, ManualClock, SystemRandom, token_request};
    ///
    /// #[derive(Debug)]
    /// struct Acme(Profile);
    ///
    /// impl Provider for Acme {
    ///     fn profile(&self) -> &Profile {
    ///         &self.0
    ///     }
    ///
    ///     fn parameters(&self, app: App<'_>, _: GrantKind) -> Result<Vec<(String, String)>, Error> {
    ///         let tenant = app.policy.extra("tenant").unwrap_or("main");
    ///         Ok(vec![("tenant".to_owned(), tenant.to_owned())])
    ///     }
    /// }
    /// # let settings = Settings::from_pairs([
    /// #     ("environment", "demo"), ("grant", "client-credentials"), ("client_id", "app"),
    /// #     ("client_secret", "s3cret"), ("extra.tenant", "42"),
    /// # ])?;
    /// # let acme = Acme(Profile::from_toml(testing::PROFILE)?);
    /// # let connection = Connection::new("mine", &settings, Arc::new(acme))?;
    /// # let now = ManualClock::at(testing::NOW).now();
    /// # let request = token_request(&connection, &PresentedGrant::ClientCredentials, now, &SystemRandom::new())?;
    /// # assert_eq!(request.form().unwrap().value("tenant"), Some("42"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    fn parameters(&self, app: App<'_>, grant: GrantKind) -> Result<Vec<(String, String)>, Error> {
        let _ = (app, grant);
        Ok(Vec::new())
    }

    /// Returns the `extra.*` settings that only [`Provider::read_identity`] uses.
    ///
    /// Logins and token requests don't depend on them, so changing one keeps the grant. Any other
    /// `extra.*` may name a tenant, so another value belongs to another grant.
    fn identity_settings(&self) -> &[&str] {
        &[]
    }

    /// Translates a vendor-specific response of the token endpoint.
    ///
    /// Returns a JSON object with the members of RFC 6749 (sections 5.1 and 5.2), which replaces
    /// the body, or `None` to keep the body.
    ///
    /// # Errors
    ///
    /// If this isn't a response of the vendor.
    fn translate(
        &self,
        app: App<'_>,
        response: &Response,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let _ = (app, response);
        Ok(None)
    }

    /// Reads the vendor's own members of a successful response. Changes `extra`, which contains
    /// those that the profile keeps.
    ///
    /// # Errors
    ///
    /// If the response is invalid, for example because a signature doesn't verify.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{App, Error, ErrorKind, Extra, Profile, Provider};
    ///
    /// #[derive(Debug)]
    /// struct Acme(Profile);
    ///
    /// impl Provider for Acme {
    ///     fn profile(&self) -> &Profile {
    ///         &self.0
    ///     }
    ///
    ///     fn read(&self, _: App<'_>, extra: &mut Extra) -> Result<(), Error> {
    ///         let instance = extra.get("instance").ok_or_else(|| {
    ///             Error::new(ErrorKind::Unreadable, "Acme returned no `instance`")
    ///         })?;
    ///         let url = format!("https://{instance}.acme.example");
    ///         extra.insert("instance_url".to_owned(), url);
    ///         Ok(())
    ///     }
    /// }
    /// # let acme = Acme(Profile::from_toml(countersign_core::testing::PROFILE)?);
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// # let mut extra = Extra::from([("instance".to_owned(), "eu-7".to_owned())]);
    /// # acme.read(connection.app(), &mut extra)?;
    /// # assert_eq!(extra["instance_url"], "https://eu-7.acme.example");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    fn read(&self, app: App<'_>, extra: &mut Extra) -> Result<(), Error> {
        let _ = (app, extra);
        Ok(())
    }

    /// Returns the request that finds out whom a token is for, or `None` if the vendor has none.
    ///
    /// # Errors
    ///
    /// If the connection lacks a setting that the request needs.
    fn identity_request(&self, app: App<'_>, token: &Token) -> Result<Option<Request>, Error> {
        let _ = (app, token);
        Ok(None)
    }

    /// Reads the response to [`Provider::identity_request`].
    ///
    /// # Errors
    ///
    /// If the server rejected the request, or the response lacks something that the connection's
    /// settings ask for.
    fn read_identity(&self, app: App<'_>, response: &Response) -> Result<Extra, Error> {
        let _ = (app, response);
        Ok(Extra::new())
    }
}

/// Returns a provider that consists only of its profile, such as one from a user's file.
///
/// # Example
///
/// ```
/// use countersign_core::{Profile, from_profile};
///
/// let profile = Profile::from_toml(r#"
///     id = "acme"
///     name = "Acme"
///     documentation = "https://acme.example/docs"
///     environments.production.base_url = "https://login.acme.example"
///     endpoints.token = "{base_url}/token"
///     grants.client-credentials.client_auth = ["post"]
/// "#)?;
/// assert_eq!(from_profile(profile).id(), "acme");
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn from_profile(profile: Profile) -> Arc<dyn Provider> {
    Arc::new(Described {
        profile,
        toml: None,
    })
}

/// Returns a provider that consists only of this profile in TOML, such as a user's file.
///
/// # Errors
///
/// Those of [`Profile::from_toml`].
///
/// # Example
///
/// ```
/// use countersign_core::{provider_from_toml, testing};
///
/// let provider = provider_from_toml(testing::PROFILE)?;
/// assert_eq!(provider.id(), "acme");
/// assert_eq!(provider.toml(), Some(testing::PROFILE));
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn provider_from_toml(text: &str) -> Result<Arc<dyn Provider>, Error> {
    Ok(Arc::new(Described {
        profile: Profile::from_toml(text)?,
        toml: Some(text.to_owned()),
    }))
}

/// A provider that is only data.
#[derive(Debug)]
struct Described {
    profile: Profile,
    toml: Option<String>,
}

impl Provider for Described {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn toml(&self) -> Option<&str> {
        self.toml.as_deref()
    }
}

/// The providers that a program knows.
///
/// # Example
///
/// ```
/// use countersign_core::{Profile, Registry};
///
/// let profile = Profile::from_toml(r#"
///     id = "acme"
///     name = "Acme"
///     documentation = "https://acme.example/docs"
///     environments.production.base_url = "https://login.acme.example"
///     endpoints.token = "{base_url}/token"
///     grants.client-credentials.client_auth = ["post"]
/// "#)?;
/// let registry = Registry::new().with(countersign_core::from_profile(profile))?;
/// let error = registry.provider("acne").unwrap_err();
/// assert_eq!(error.message(), "`provider` is `acne`, which is not known; did you mean `acme`?");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Registry {
    providers: Vec<Arc<dyn Provider>>,
    /// Vendors that a provider with the same ID takes precedence over.
    catalog: Arc<[Arc<dyn Provider>]>,
}

/// The maximum number of IDs in a hint.
const MAX_IDS: usize = 8;

impl Registry {
    /// Returns an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider.
    ///
    /// It takes precedence over a vendor of the catalogue with this ID.
    ///
    /// # Errors
    ///
    /// If there is already a provider with this ID, because nothing can shadow a provider.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Registry, testing};
    ///
    /// let registry = Registry::new().with(testing::provider())?;
    /// // Nothing can shadow a provider.
    /// assert!(registry.with(testing::provider()).is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn with(mut self, provider: Arc<dyn Provider>) -> Result<Self, Error> {
        let id = provider.id();
        if self.has(id) {
            let message = format!("there is already a provider with the id `{id}`");
            return Err(Error::setting("provider", message)
                .with_hint("change the id of the new provider's profile"));
        }
        self.providers.push(provider);
        Ok(self)
    }

    /// Returns whether a provider with this ID was added, not counting the catalogue.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Registry, testing};
    ///
    /// let registry = Registry::new().with_catalog([testing::provider()].into());
    /// assert!(!registry.has("acme"));
    /// assert!(registry.with(testing::provider())?.has("acme"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn has(&self, id: &str) -> bool {
        self.providers.iter().any(|known| known.id() == id)
    }

    /// Sets the catalogue: providers that those added by [`Registry::with`] take precedence over.
    ///
    /// So a later version of a catalogue can have a vendor that a program has described itself.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Profile, Registry, from_profile, testing};
    ///
    /// let mut own = Profile::from_toml(testing::PROFILE)?;
    /// own.name = "My Acme".to_owned();
    /// let registry = Registry::new()
    ///     .with_catalog([testing::provider()].into())
    ///     .with(from_profile(own))?;
    /// assert_eq!(registry.provider("acme")?.name(), "My Acme");
    /// assert_eq!(registry.iter().count(), 1);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_catalog(mut self, catalog: Arc<[Arc<dyn Provider>]>) -> Self {
        self.catalog = catalog;
        self
    }

    /// Returns the provider with this ID.
    ///
    /// # Errors
    ///
    /// If there is none. The message and the hint suggest the nearest IDs.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Registry, testing};
    ///
    /// let registry = Registry::new().with(testing::provider())?;
    /// assert_eq!(registry.provider("acme")?.profile().name, "Acme");
    /// assert!(registry.provider("acne").is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn provider(&self, id: &str) -> Result<Arc<dyn Provider>, Error> {
        if let Some(provider) = self.iter().find(|known| known.id() == id) {
            return Ok(Arc::clone(provider));
        }
        // A vendor may be known by another word: `Zoom` by `zoom`, `Google` by `google-cloud`.
        let near = nearest_few(id, self.iter().map(|known| (known.id(), known.name())));
        let meant = match near.first() {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        let message = format!("`provider` is `{id}`, which is not known{meant}");
        let ids: Vec<_> = match near.is_empty() {
            true => self.iter().map(|known| known.id()).collect(),
            false => near,
        };
        let known = match ids.len() {
            0 => "add a provider to the registry".to_owned(),
            1..=MAX_IDS => format!("set provider to one of: {}", ids.join(", ")),
            count => format!(
                "set provider to one of the {count} known vendors, such as {}",
                ids[..MAX_IDS].join(", ")
            ),
        };
        Err(Error::setting("provider", message).with_hint(format!(
            "{known}; or describe the vendor in a profile, and list its file in `profiles` of the configuration file"
        )))
    }

    /// Returns the providers: first those that were added, in that order, then those of the
    /// catalogue.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Registry, testing};
    ///
    /// let registry = Registry::new().with(testing::provider())?;
    /// let ids: Vec<_> = registry.iter().map(|provider| provider.id()).collect();
    /// assert_eq!(ids, ["acme"]);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        let shadowed = |id: &str| self.providers.iter().any(|known| known.id() == id);
        let catalog = self
            .catalog
            .iter()
            .filter(move |known| !shadowed(known.id()));
        self.providers.iter().chain(catalog)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_shadow_a_provider() {
        let acme = || {
            let profile = Profile::from_toml(
                r#"
                id = "acme"
                name = "Acme"
                documentation = "https://acme.example/docs"
                environments.production.base_url = "https://login.acme.example"
                endpoints.token = "{base_url}/token"
                grants.client-credentials.client_auth = ["post"]
                "#,
            );
            from_profile(profile.unwrap())
        };
        let registry = Registry::new().with(acme()).unwrap();
        let error = registry.with(acme()).unwrap_err();
        assert_eq!(error.setting_name(), Some("provider"));
    }
}
