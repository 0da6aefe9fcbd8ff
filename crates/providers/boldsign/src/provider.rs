//! Checks of the settings.

use countersign_core::{App, Error, GrantKind, Profile, Provider};

use crate::{ID, PROFILE, TOML};

/// BoldSign's account server.
#[derive(Debug)]
pub(crate) struct BoldSign;

impl Provider for BoldSign {
    fn profile(&self) -> &Profile {
        &PROFILE
    }

    fn id(&self) -> &str {
        ID
    }

    fn toml(&self) -> Option<&str> {
        Some(TOML)
    }

    fn check(&self, app: App<'_>) -> Result<(), Error> {
        let of_a_person = |scope: &&String| matches!(scope.as_str(), "openid" | "offline_access");
        let scopes = &app.policy.scopes;
        let Some(scope) = scopes.iter().find(of_a_person) else {
            return Ok(());
        };
        if app.policy.grant != GrantKind::ClientCredentials {
            return Ok(());
        }
        let left: Vec<_> = scopes
            .iter()
            .filter(|s| !of_a_person(s))
            .map(String::as_str)
            .collect();
        let hint = match left.join(" ") {
            left if left.is_empty() => {
                "remove scopes: the token gets all the app's API scopes".to_owned()
            }
            left => format!("write scopes = \"{left}\""),
        };
        let message = format!("`scopes` has `{scope}`, which requires a login at BoldSign");
        Err(Error::setting("scopes", message).with_hint(hint))
    }
}
