//! Checks that an ID token belongs to the login.

use super::Login;
use crate::{Error, ErrorKind, Secret, jws};

impl Login {
    /// Checks that the ID token contains the `nonce` of this login (OpenID Connect Core section
    /// 3.1.3.7, item 11).
    ///
    /// Its signature isn't verified, because it came directly from the token endpoint over TLS
    /// (item 6). Does nothing if no nonce was sent or there is no ID token.
    pub(crate) fn check_id_token(&self, id_token: Option<&Secret>) -> Result<(), Error> {
        let (Some(nonce), Some(id_token)) = (&self.nonce, id_token) else {
            return Ok(());
        };
        let rejection = |why: &str| {
            Error::new(ErrorKind::Callback, format!("the ID token {why}"))
                .with_provider(&self.provider)
        };
        let claims = jws::inspect(id_token.expose())
            .ok()
            .and_then(|parsed| serde_json::from_slice::<serde_json::Value>(&parsed.payload).ok())
            .ok_or_else(|| {
                rejection("is not a signed JWT, so its `nonce` cannot be checked").with_hint(
                    "turn off ID token encryption at the vendor, or remove openid from scopes",
                )
            })?;
        match claims.get("nonce").and_then(|claim| claim.as_str()) {
            Some(claim) if Secret::from(claim) == *nonce => Ok(()),
            Some(_) => Err(
                rejection("belongs to another login: its `nonce` does not match")
                    .with_hint("start a new login, and finish it in the same browser"),
            ),
            None => Err(rejection("has no `nonce`, but one was sent").with_hint(
                "remove openid from scopes, or set authorize.nonce = false in the profile",
            )),
        }
    }
}
