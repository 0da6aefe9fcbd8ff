//! The identity of a token's user (OpenID Connect userinfo), and checks of the settings.

use countersign_core::{
    App, Error, Extra, GrantKind, Profile, Provider, Request, Response, Token,
    read_resource_response, scalar_text,
};

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

    fn identity_request(&self, app: App<'_>, token: &Token) -> Result<Option<Request>, Error> {
        // Without `openid`, the response would be 403.
        let asked = || app.policy.scopes.iter().any(|scope| scope == "openid");
        let granted = |scopes: &str| scopes.split_whitespace().any(|scope| scope == "openid");
        if !token.scope().map_or_else(asked, granted) {
            return Ok(None);
        }
        let url = app.endpoints.userinfo_url.clone();
        Ok(url.map(|url| Request::get_with_bearer(url, token.secret())))
    }

    fn read_identity(&self, app: App<'_>, response: &Response) -> Result<Extra, Error> {
        let userinfo = read_resource_response(app, response)?;
        let names = [("sub", "user_id"), ("email", "email"), ("name", "name")];
        let mut known = Extra::new();
        for (claim, name) in names {
            if let Some(text) = userinfo.get(claim).and_then(scalar_text) {
                known.insert(name.to_owned(), text);
            }
        }
        Ok(known)
    }
}
