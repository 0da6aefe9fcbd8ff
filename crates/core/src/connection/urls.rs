//! The URLs a person is sent to: login and consent.

use super::Connection;
use crate::{Error, Pkce, Url};

impl Connection {
    /// The login URL of one authorization (RFC 6749 section 4.1.1, RFC 7636 section 4.3).
    ///
    /// # Errors
    ///
    /// Where the provider has no authorization endpoint.
    pub fn authorization_url(
        &self,
        redirect_uri: &str,
        state: &str,
        pkce: &Pkce,
    ) -> Result<Url, Error> {
        let url = self.authorize_base(redirect_uri, &self.scopes.join(" "))?;
        Ok(url.with_query([
            ("state", state),
            ("code_challenge", &pkce.challenge),
            ("code_challenge_method", "S256"),
        ]))
    }

    /// A login URL made ahead, for an error to carry. There is none where `redirect_uri` is not
    /// set, or where the provider takes no login without PKCE: then start a login.
    pub fn login_url(&self) -> Option<Url> {
        let code = self
            .profile()
            .grants
            .get(&super::GrantKind::AuthorizationCode)?;
        if code.pkce_required {
            return None;
        }
        let redirect_uri = self.redirect_uri()?;
        self.authorize_base(redirect_uri.as_str(), &self.scopes.join(" "))
            .ok()
    }

    /// The URL where the connection's subject consents to the app acting for it.
    ///
    /// There is none where the provider knows no such consent, or `redirect_uri` is not set.
    pub fn consent_url(&self) -> Option<Url> {
        self.consent_base(self.redirect_uri()?.as_str())
    }

    /// The URL where an administrator consents for everybody in the organization.
    ///
    /// There is none where the provider knows no such consent, or `redirect_uri` is not set.
    pub fn admin_consent_url(&self) -> Option<Url> {
        self.admin_consent_base(self.redirect_uri()?.as_str())
    }

    pub(crate) fn consent_base(&self, redirect_uri: &str) -> Option<Url> {
        let consent = self.profile().consent.as_ref()?;
        let scope = self.fill_scopes(&consent.individual);
        self.authorize_base(redirect_uri, &scope).ok()
    }

    pub(crate) fn admin_consent_base(&self, redirect_uri: &str) -> Option<Url> {
        let admin = self.profile().consent.as_ref()?.admin.as_ref()?;
        let url = self.authorize_base(redirect_uri, &admin.scope).ok()?;
        let scopes = self.fill_scopes(&admin.admin_consent_scope);
        Some(url.with_query([("admin_consent_scope", scopes.as_str())]))
    }

    /// The issuer that a login's answer must come from, where one is known (RFC 9207).
    pub(crate) fn login_issuer(&self) -> Option<&str> {
        let by_profile = || {
            let base = self.base_url().filter(|_| self.iss_required())?;
            Some(base.as_str())
        };
        self.issuer().or_else(by_profile)
    }

    /// Whether a login's answer without `iss` is refused.
    pub(crate) fn iss_required(&self) -> bool {
        let endpoints = &self.profile().endpoints;
        endpoints.authorization_response_iss_parameter_supported
    }

    fn authorize_base(&self, redirect_uri: &str, scope: &str) -> Result<Url, Error> {
        let url = self.authorize_url.as_ref().ok_or_else(|| {
            Error::setting(
                "authorize_url",
                format!("{} has no authorization endpoint", self.profile().name),
            )
            .with_hint("set authorize_url, or choose a grant without a login")
        })?;
        let url = url.with_query([("response_type", "code")]);
        let url = match scope {
            "" => url,
            scope => url.with_query([("scope", scope)]),
        };
        Ok(url.with_query([
            ("client_id", self.client_id()),
            ("redirect_uri", redirect_uri),
        ]))
    }

    fn fill_scopes(&self, template: &str) -> String {
        // A scope that the template adds may be among the connection's already.
        let filled = template.replace("{scopes}", &self.scopes.join(" "));
        let mut words: Vec<&str> = Vec::new();
        for word in filled.split_whitespace() {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.join(" ")
    }
}
