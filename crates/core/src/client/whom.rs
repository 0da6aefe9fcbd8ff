//! Requests whom a token is for, and replaces the token once if the vendor rejects it.

use std::sync::Arc;

use super::{Client, Inner};
use crate::{Error, Extra, Token, Verdict};

impl Inner {
    pub(super) fn identity_or_replace(self: &Arc<Self>, token: &Token) -> Result<Extra, Error> {
        match self.identity(token) {
            Err(error) if error.http_status() == Some(401) => {}
            known => return known,
        }
        let client = Client(Arc::clone(self));
        client.invalidate(token);
        self.identity(&client.token()?).map_err(|error| {
            if error.http_status() != Some(401) {
                return error;
            }
            error
                .with_verdict(Verdict::FixConfiguration)
                .with_setting("environment")
                .with_hint("check that environment and base_url belong to the app that the tokens are for; the vendor rejects new tokens as well")
        })
    }
}
