//! The ID token that a login brings: it must be the answer to this login.

use super::Login;
use crate::{Error, ErrorKind, Secret, jws};

impl Login {
    /// Checks that the ID token repeats the `nonce` of this login (OpenID Connect Core section
    /// 3.1.3.7, item 11). It came from the token endpoint itself, over TLS: that stands in for its
    /// signature (item 6). Nothing is checked if no nonce was sent or no ID token came.
    pub(crate) fn check_id_token(&self, id_token: Option<&Secret>) -> Result<(), Error> {
        let (Some(nonce), Some(id_token)) = (&self.nonce, id_token) else {
            return Ok(());
        };
        let refuse = |why: &str| {
            Error::new(ErrorKind::Callback, format!("the ID token {why}"))
                .with_provider(&self.provider)
        };
        let claims = jws::inspect(id_token.expose())
            .ok()
            .and_then(|parsed| serde_json::from_slice::<serde_json::Value>(&parsed.payload).ok())
            .ok_or_else(|| {
                refuse("is not a signed JWT, so that its `nonce` cannot be checked")
                    .with_hint("have the vendor sign ID tokens without encrypting them, or take openid out of scopes")
            })?;
        match claims.get("nonce").and_then(|claim| claim.as_str()) {
            Some(claim) if Secret::from(claim) == *nonce => Ok(()),
            Some(_) => Err(refuse("is of another login: its `nonce` is not this one's")
                .with_hint("start a new login, and finish it in the same browser")),
            None => Err(refuse("has no `nonce`, though one was sent").with_hint(
                "take openid out of scopes, or set authorize.nonce = false in the profile",
            )),
        }
    }
}
