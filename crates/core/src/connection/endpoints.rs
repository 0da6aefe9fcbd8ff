//! The URLs of a connection: those of its settings, or the profile's, filled with settings.

use std::collections::BTreeMap;

use super::Connection;
use crate::profile::Environment;
use crate::profile::url_template::{Unfilled, UrlTemplate, Values};
use crate::{Endpoints, Error, GrantKind, Profile, Url};

/// The settings that override the profile's URLs.
pub(super) struct Given {
    pub(super) base_url: Option<Url>,
    pub(super) token_url: Option<Url>,
    pub(super) authorize_url: Option<Url>,
    pub(super) issuer: Option<String>,
}

/// The profile's URLs, and the settings that override and fill them.
pub(super) struct Urls<'a> {
    profile: &'a Profile,
    given: Given,
    environment: &'a str,
    facts: &'a Environment,
    client_id: Option<&'a str>,
    extra: &'a BTreeMap<String, String>,
    /// The error is for a missing setting. It only matters if an endpoint needs the base URL.
    base_url: Result<Option<Url>, Error>,
}

impl<'a> Urls<'a> {
    /// # Errors
    ///
    /// If a setting is not valid as a part of the base URL.
    pub(super) fn new(
        profile: &'a Profile,
        mut given: Given,
        (environment, facts): (&'a str, &'a Environment),
        client_id: Option<&'a str>,
        extra: &'a BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let mut urls = Self {
            profile,
            base_url: Ok(given.base_url.take()),
            given,
            environment,
            facts,
            client_id,
            extra,
        };
        if let (Ok(None), Some(text)) = (&urls.base_url, &facts.base_url) {
            let field = format!("environments.{environment}.base_url");
            let template = UrlTemplate {
                field: &field,
                text,
            };
            urls.base_url = match template.fill(&urls.values()) {
                Ok(text) => Ok(Some(Url::parse_base(&text)?)),
                Err(Unfilled::NoBaseUrl) => Ok(None),
                Err(Unfilled::Missing(error)) => Err(error),
                Err(Unfilled::Invalid(error)) => return Err(error),
            };
        }
        Ok(urls)
    }

    fn values(&self) -> Values<'_> {
        Values {
            profile: self.profile,
            base_url: self.base_url.as_ref().map(Option::as_ref),
            client_id: self.client_id,
            extra: self.extra,
        }
    }

    /// Returns the endpoints of a connection with this grant type.
    ///
    /// # Errors
    ///
    /// If a setting that they need is missing or not valid.
    pub(super) fn endpoints(&self, grant: GrantKind) -> Result<Endpoints, Error> {
        let (profile, given) = (self.profile, &self.given);
        let endpoints = &profile.endpoints;
        let is_login = grant.needs_login();
        // A consent page is the authorization endpoint.
        let shows_page = grant == GrantKind::AuthorizationCode || profile.consent.is_some();
        let mut extra = BTreeMap::new();
        for (name, text) in &self.facts.extra {
            if let Some(value) = self.fact(&format!("extra.{name}"), Some(text))? {
                extra.insert(name.clone(), value);
            }
        }
        Ok(Endpoints {
            environment: self.environment.to_owned(),
            base_url: self.base_url.clone().unwrap_or_default(),
            token_url: match &given.token_url {
                Some(url) => Some(url.clone()),
                None => self.endpoint("token", endpoints.token.as_ref(), true)?,
            },
            refresh_url: self.endpoint("refresh", endpoints.refresh.as_ref(), is_login)?,
            authorize_url: match &given.authorize_url {
                Some(url) => Some(url.clone()),
                None => self.endpoint("authorize", endpoints.authorize.as_ref(), shows_page)?,
            },
            device_authorization_url: self.endpoint(
                "device_authorization",
                endpoints.device_authorization.as_ref(),
                grant == GrantKind::DeviceCode,
            )?,
            userinfo_url: self.endpoint("userinfo", endpoints.userinfo.as_ref(), is_login)?,
            revoke_url: self.endpoint("revoke", endpoints.revoke.as_ref(), is_login)?,
            issuer_is_set: given.issuer.is_some(),
            issuer: match &given.issuer {
                Some(issuer) => Some(issuer.clone()),
                None => self.fact("issuer", self.facts.issuer.as_ref())?,
            },
            extra,
        })
    }

    /// Fills an endpoint. If it is not `needed` and a setting is missing, the connection does
    /// without.
    fn endpoint(
        &self,
        name: &str,
        text: Option<&String>,
        needed: bool,
    ) -> Result<Option<Url>, Error> {
        let (field, text) = match self.facts.endpoints.get(name) {
            Some(own) => (
                format!("environments.{}.endpoints.{name}", self.environment),
                Some(own),
            ),
            None => (format!("endpoints.{name}"), text),
        };
        let Some(text) = text else { return Ok(None) };
        let template = UrlTemplate {
            field: &field,
            text,
        };
        match template.fill(&self.values()) {
            Ok(text) => Url::parse(&text)
                .map(Some)
                .map_err(|error| error.in_context(format_args!("`{field}`"))),
            Err(Unfilled::Invalid(error)) => Err(error),
            Err(Unfilled::Missing(error)) if needed => Err(error),
            // A connection with its own `token_url` needs no base URL for anything else.
            Err(Unfilled::NoBaseUrl)
                if matches!(name, "token" | "authorize")
                    || (needed && name == "device_authorization") =>
            {
                Err(self.needs_base_url())
            }
            Err(Unfilled::Missing(_) | Unfilled::NoBaseUrl) => Ok(None),
        }
    }

    /// Fills a text of the environment, such as its audience. Without a base URL that it needs, there is none.
    pub(super) fn fact(&self, name: &str, text: Option<&String>) -> Result<Option<String>, Error> {
        let Some(text) = text else { return Ok(None) };
        let field = format!("environments.{}.{name}", self.environment);
        let template = UrlTemplate {
            field: &field,
            text,
        };
        match template.fill(&self.values()) {
            Ok(text) => Ok(Some(text)),
            Err(Unfilled::NoBaseUrl) => Ok(None),
            Err(Unfilled::Missing(error) | Unfilled::Invalid(error)) => Err(error),
        }
    }

    fn needs_base_url(&self) -> Error {
        let (environment, about) = (self.environment, &self.facts.about);
        Error::missing("base_url").with_hint(format!(
            "set base_url: environment {environment} has no default host ({about})"
        ))
    }
}

impl Connection {
    /// Returns the endpoint that requests with this grant type are sent to.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::GrantKind;
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// // Some vendors have another endpoint for refresh tokens. Acme doesn't.
    /// assert_eq!(connection.request_url(GrantKind::RefreshToken), connection.token_url());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn request_url(&self, grant: GrantKind) -> Option<&Url> {
        let refresh = self.endpoints.refresh_url.as_ref();
        let refresh = refresh.filter(|_| grant == GrantKind::RefreshToken);
        refresh.or(self.token_url())
    }

    /// Returns the endpoint where a login on another device starts (RFC 8628).
    pub fn device_authorization_url(&self) -> Option<&Url> {
        self.endpoints.device_authorization_url.as_ref()
    }

    /// Returns facts about the environment that are added to every token.
    pub fn environment_extra(&self) -> &BTreeMap<String, String> {
        &self.endpoints.extra
    }
}
