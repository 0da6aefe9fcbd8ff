//! The rows of a provider's table of errors.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::pointer::Pointer;
use crate::{ClientAuth, Error, ErrorKind, GrantKind, Verdict};

/// The meaning of one of the vendor's errors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ErrorRow {
    /// Matches only these grants; all if empty.
    #[serde(default)]
    pub grants: Vec<GrantKind>,
    /// Matches only these client authentications; all if empty.
    #[serde(default)]
    pub client_auth: Vec<ClientAuth>,
    /// Matches only this HTTP status. If it is a 2xx, a response without an access token is this
    /// error.
    pub status: Option<u16>,
    /// Matches only this `error`, or the code that the response has instead.
    pub error: Option<String>,
    /// Matches only if the response's `error_description`, or the message that it has instead,
    /// contains this text. Ignores case. `""` matches a response without a message.
    pub description: Option<String>,
    /// Matches only if each of these members of the response has this value.
    #[serde(default)]
    pub members: BTreeMap<Pointer, Value>,
    /// Matches only if each of these headers of the response contains this text. Ignores case. `""`
    /// matches any value.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What happened.
    pub kind: ErrorKind,
    /// What to do. Defaults to the kind's verdict.
    pub verdict: Option<Verdict>,
    /// One sentence that says what to do.
    pub hint: String,
    /// The setting that the error is about.
    pub setting: Option<String>,
    /// Seconds to wait if the response has no `Retry-After`.
    pub retry_after_s: Option<u32>,
}

impl ErrorRow {
    /// Returns whether the row matches this error, except for `members` and `headers`.
    /// `client_auth` and `status` are `None` for the authorization endpoint, whose errors come
    /// through the browser and have neither.
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
        let of_response = status.is_some() || (self.members.is_empty() && self.headers.is_empty());
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
        of_grant && of_client && of_status && of_response && of_error && of_description
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
