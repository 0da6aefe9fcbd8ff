//! The providers that a program knows.

use std::sync::Arc;

use serde_json::json;

use crate::nearest::nearest_few;
use crate::{Error, Provider};

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

    /// Describes the providers, as a JSON array of objects with `id`, `name`, `documentation`,
    /// `environments`, `grants` and `extra`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Registry, testing};
    ///
    /// let registry = Registry::new().with(testing::provider())?;
    /// let all: serde_json::Value = serde_json::from_str(&registry.describe()).unwrap();
    /// assert_eq!(all[0]["id"], "acme");
    /// assert_eq!(all[0]["environments"][0], "demo");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn describe(&self) -> String {
        let all = self.iter().map(|provider| {
            let profile = provider.profile();
            let grants: Vec<_> = profile.grants.keys().map(|grant| grant.as_str()).collect();
            let environments: Vec<_> = profile.environments.keys().collect();
            json!({
                "id": profile.id,
                "name": profile.name,
                "documentation": profile.documentation,
                "environments": environments,
                "grants": grants,
                "extra": profile.extra,
            })
        });
        serde_json::Value::from_iter(all).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Profile, from_profile};

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
