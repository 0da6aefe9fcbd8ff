//! A vendor's token service: its profile, and the little that data cannot say.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::nearest::nearest;
use crate::{App, Error, Extra, GrantKind, Profile, Request, Response, Token};

/// A vendor's token service.
///
/// A provider sees no key and does no I/O: it describes, checks and reads. One that is only data
/// is made with [`from_profile`].
pub trait Provider: Send + Sync + fmt::Debug {
    /// The provider as data.
    fn profile(&self) -> &Profile;

    /// The profile's id. A provider that reads its profile when it is first used says it without.
    fn id(&self) -> &str {
        &self.profile().id
    }

    /// Checks a connection's settings beyond what the profile says.
    ///
    /// # Errors
    ///
    /// An [`Error::setting`] that names the setting and what to write instead.
    fn check(&self, app: App<'_>) -> Result<(), Error> {
        let _ = app;
        Ok(())
    }

    /// The parameters that the vendor wants in a token request besides the grant's own. One of the
    /// same name takes the place of the grant's, such as a `grant_type` that only this vendor has.
    ///
    /// What proves the app or spends a grant (`client_*`, `assertion`, `code`, `code_verifier`,
    /// `refresh_token`) is refused: that is not a provider's to write. The same connection must
    /// always get the same parameters, in the same order and in every process: they identify its
    /// stored token. A client is not built if two calls differ.
    ///
    /// # Errors
    ///
    /// Where the connection lacks what a parameter needs.
    fn parameters(&self, app: App<'_>, grant: GrantKind) -> Result<Vec<(String, String)>, Error> {
        let _ = (app, grant);
        Ok(Vec::new())
    }

    /// The `extra.*` settings that only choose what [`Provider::read_identity`] returns, and take no
    /// part in a login or a token request. Changing one keeps the grant. Every other `extra.*` may
    /// name another tenant, whose grant is another one.
    fn identity_settings(&self) -> &[&str] {
        &[]
    }

    /// The answer of the token endpoint in the words of RFC 6749 (sections 5.1 and 5.2), from a
    /// vendor that has its own: a JSON object that takes the place of the body. Nothing where the
    /// answer can be read as it is.
    ///
    /// # Errors
    ///
    /// Where the answer is not one of this vendor's.
    fn translate(
        &self,
        app: App<'_>,
        response: &Response,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let _ = (app, response);
        Ok(None)
    }

    /// Reads the vendor's additions to a successful answer: adds to `extra`, or refuses an answer
    /// that is not the vendor's.
    ///
    /// # Errors
    ///
    /// Where the answer contradicts itself, such as a signature that does not verify.
    fn read(&self, app: App<'_>, extra: &mut Extra) -> Result<(), Error> {
        let _ = (app, extra);
        Ok(())
    }

    /// The request that tells whom a token stands for, where the vendor has one worth asking.
    ///
    /// # Errors
    ///
    /// Where the connection lacks what the request needs.
    fn identity_request(&self, app: App<'_>, token: &Token) -> Result<Option<Request>, Error> {
        let _ = (app, token);
        Ok(None)
    }

    /// Reads the answer to [`Provider::identity_request`].
    ///
    /// # Errors
    ///
    /// Where the server refused, or the answer lacks what the connection asks for.
    fn read_identity(&self, app: App<'_>, response: &Response) -> Result<Extra, Error> {
        let _ = (app, response);
        Ok(Extra::new())
    }
}

/// A provider that is nothing but its profile, such as one read from a user's file.
pub fn from_profile(profile: Profile) -> Arc<dyn Provider> {
    #[derive(Debug)]
    struct Described(Profile);

    impl Provider for Described {
        fn profile(&self) -> &Profile {
            &self.0
        }
    }

    Arc::new(Described(profile))
}

/// The providers a program knows.
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
pub struct Registry(Vec<Arc<dyn Provider>>);

impl Registry {
    /// A registry that knows no provider.
    pub fn new() -> Self {
        Self::default()
    }

    /// The registry with one more provider.
    ///
    /// # Errors
    ///
    /// Where one of the same id is there: nothing can shadow a provider.
    pub fn with(mut self, provider: Arc<dyn Provider>) -> Result<Self, Error> {
        let id = provider.id();
        if self.iter().any(|known| known.id() == id) {
            let message = format!("there is a provider `{id}` already");
            return Err(Error::setting("provider", message)
                .with_hint("give the new provider's profile another id"));
        }
        self.0.push(provider);
        Ok(self)
    }

    /// The provider of this id.
    ///
    /// # Errors
    ///
    /// Where none is known; the message names the nearest one.
    pub fn provider(&self, id: &str) -> Result<Arc<dyn Provider>, Error> {
        if let Some(provider) = self.iter().find(|known| known.id() == id) {
            return Ok(Arc::clone(provider));
        }
        let ids: Vec<_> = self.iter().map(|known| known.id()).collect();
        let meant = match nearest(id, ids.iter().copied()) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        let message = format!("`provider` is `{id}`, which is not known{meant}");
        Err(Error::setting("provider", message)
            .with_hint(format!("the providers here are: {}", ids.join(", "))))
    }

    /// The providers, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.0.iter()
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
