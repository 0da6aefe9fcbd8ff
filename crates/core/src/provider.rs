//! Providers: a profile, and code for what a profile can't express.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

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
