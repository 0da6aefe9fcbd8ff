#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod identity;

use std::sync::{Arc, LazyLock};

use countersign::{Profile, Provider};

use crate::identity::Salesforce;

/// The word for Salesforce in the setting `provider`.
pub const ID: &str = "salesforce";

/// Salesforce, ready for a [`Registry`](countersign::Registry) or a
/// [`Connection`](countersign::Connection).
///
/// # Example
///
/// ```
/// let registry = countersign::Registry::new().with(countersign_salesforce::provider())?;
/// assert_eq!(registry.provider(countersign_salesforce::ID)?.profile().name, "Salesforce");
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(Salesforce)
}

/// The profile, parsed once, when it is first needed.
static PROFILE: LazyLock<Profile> = LazyLock::new(|| {
    Profile::from_toml(include_str!("../profile.toml"))
        .expect("the profile is compiled in, and a test reads it")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_reads_and_is_this_providers() {
        assert_eq!(provider().profile().id, ID);
    }
}
