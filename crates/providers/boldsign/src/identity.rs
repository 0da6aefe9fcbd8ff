//! Whom a token stands for (OpenID Connect userinfo), and the traps in the settings.

use countersign::{
    Connection, Error, Extra, GrantKind, Profile, Provider, Request, Response, Token, scalar_text,
};

use crate::{ID, PROFILE};

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

    fn check(&self, connection: &Connection) -> Result<(), Error> {
        let of_a_person = |scope: &&String| matches!(scope.as_str(), "openid" | "offline_access");
        let scopes = connection.scopes();
        let Some(scope) = scopes.iter().find(of_a_person) else {
            return Ok(());
        };
        if connection.grant() != GrantKind::ClientCredentials {
            return Ok(());
        }
        let left: Vec<_> = scopes
            .iter()
            .filter(|s| !of_a_person(s))
            .map(String::as_str)
            .collect();
        let hint = match left.join(" ") {
            left if left.is_empty() => {
                "leave scopes out: the token gets all the app's API scopes".to_owned()
            }
            left => format!("write scopes = \"{left}\""),
        };
        let message = format!("`scopes` has `{scope}`, which BoldSign refuses without a person");
        Err(Error::setting("scopes", message).with_hint(hint))
    }

    fn identity_request(
        &self,
        connection: &Connection,
        token: &Token,
    ) -> Result<Option<Request>, Error> {
        // Without `openid` the answer would be 403.
        let asked = || connection.scopes().iter().any(|scope| scope == "openid");
        let granted = |scopes: &str| scopes.split_whitespace().any(|scope| scope == "openid");
        if !token.scope().map_or_else(asked, granted) {
            return Ok(None);
        }
        let url = connection.userinfo_url().cloned();
        Ok(url.map(|url| Request::get_with_bearer(url, token.secret())))
    }

    fn read_identity(&self, connection: &Connection, response: &Response) -> Result<Extra, Error> {
        let answer = connection.read_resource_response(response)?;
        let names = [("sub", "user_id"), ("email", "email"), ("name", "name")];
        let mut known = Extra::new();
        for (claim, name) in names {
            if let Some(text) = answer.get(claim).and_then(scalar_text) {
                known.insert(name.to_owned(), text);
            }
        }
        Ok(known)
    }
}
