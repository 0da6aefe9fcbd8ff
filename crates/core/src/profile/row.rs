//! The rows of a provider's table of errors.

use super::ErrorRow;
use crate::{ClientAuth, Error, ErrorKind, GrantKind};

impl ErrorRow {
    /// Returns whether the row matches this error. `client_auth` and `status` are `None` for the
    /// authorization endpoint, whose errors come through the browser.
    pub(crate) fn fits(
        &self,
        grant: GrantKind,
        client_auth: Option<ClientAuth>,
        status: Option<u16>,
        error: &str,
        description: Option<&str>,
    ) -> bool {
        let of_grant = self.grants.is_empty() || self.grants.contains(&grant);
        // A grant without a login can't repeat it.
        let of_grant = of_grant && (self.kind != ErrorKind::LoginRequired || grant.needs_login());
        let of_client = self.client_auth.is_empty()
            || client_auth.is_some_and(|client_auth| self.client_auth.contains(&client_auth));
        let of_status = self.status.is_none() || self.status == status;
        let of_error = self.error.as_deref().is_none_or(|wanted| wanted == error);
        let of_description = self
            .description
            .as_deref()
            .is_none_or(|wanted| match description {
                None => wanted.is_empty(),
                Some(text) => {
                    !wanted.is_empty() && text.to_lowercase().contains(&wanted.to_lowercase())
                }
            });
        of_grant && of_client && of_status && of_error && of_description
    }

    /// Returns the row's error with this message.
    pub(crate) fn error(&self, message: String) -> Error {
        let error = Error::new(self.kind, message).with_hint(&self.hint);
        let error = match &self.setting {
            Some(setting) => error.with_setting(setting),
            None => error,
        };
        match self.verdict {
            Some(verdict) => error.with_verdict(verdict),
            None => error,
        }
    }
}
