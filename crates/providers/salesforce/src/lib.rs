#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod provider;

use std::sync::{Arc, LazyLock};

use countersign_core::{Profile, Provider};

use crate::provider::Salesforce;

/// Salesforce's id in the setting `provider`.
pub const ID: &str = "salesforce";

/// Returns the provider for Salesforce.
///
/// Add it to a [`Registry`](countersign_core::Registry), or pass it to
/// [`Connection::new`](countersign_core::Connection::new).
///
/// # Example
///
/// ```
/// let registry = countersign_core::Registry::new().with(countersign_salesforce::provider())?;
/// assert_eq!(registry.provider(countersign_salesforce::ID)?.profile().name, "Salesforce");
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(Salesforce)
}

/// The profile as it was written.
const TOML: &str = include_str!("../profile.toml");

/// The profile, parsed on first use.
static PROFILE: LazyLock<Profile> =
    LazyLock::new(|| Profile::from_toml(TOML).expect("the built-in profile is valid"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_valid_and_has_this_id() {
        assert_eq!(provider().profile().id, ID);
    }
}
