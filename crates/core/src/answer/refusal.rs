//! What a refusal means: the provider's table first, then RFC 6749 section 5.2.

use std::time::Duration;

use super::{Answer, Members};
use crate::profile::ErrorRow;
use crate::{Error, ErrorKind, Grant, GrantKind, Verdict};

impl Answer<'_> {
    pub(super) fn refusal(&self, members: &Members) -> Error {
        let said = members.text("error").unwrap_or_default();
        let description = ["error_description", "error_message", "message", "reason"]
            .iter()
            .find_map(|name| members.text(name))
            .filter(|text| !text.is_empty());
        let clean = description.map(|text| self.redactor.clean(text));
        let word = self.redactor.clean(said);
        let message = match (&clean, word.as_str()) {
            (Some(text), "") => format!("{} refused: {text}", self.vendor()),
            (Some(text), word) => format!("{} refused: {word}: {text}", self.vendor()),
            (None, "") => format!("{} answered {}", self.vendor(), self.response.status),
            (None, word) => format!("{} refused: {word}", self.vendor()),
        };
        let error = match self.row(said, description) {
            Some(row) => self.by_row(row, message),
            None => self.by_rfc(said, message),
        };
        let error = if word.is_empty() {
            error
        } else {
            error.with_oauth(word, clean)
        };
        self.with_clock_hint(self.with_url(error))
    }

    fn vendor(&self) -> &str {
        &self.connection.profile().name
    }

    fn row(&self, error: &str, description: Option<&str>) -> Option<&ErrorRow> {
        let kind = self.grant.kind();
        let status = self.response.status;
        let rows = &self.connection.profile().errors;
        rows.iter()
            .find(|row| row.fits(kind, Some(status), error, description))
    }

    fn by_row(&self, row: &ErrorRow, message: String) -> Error {
        let mut error = row.error(message);
        if error.verdict() == Verdict::Retry {
            error = self.wait(error);
            if let (None, Some(seconds)) = (error.retry_after(), row.retry_after_s) {
                error = error.with_retry_after(Duration::from_secs(seconds.into()));
            }
        }
        error
    }

    /// What RFC 6749 section 5.2 and its kin say, for what the provider's table does not name.
    fn by_rfc(&self, error: &str, message: String) -> Error {
        let refused = |setting: &str, hint: &str| {
            Error::new(ErrorKind::Refused, message.clone())
                .with_setting(setting)
                .with_hint(hint)
        };
        match (self.response.status, error) {
            (429, _) | (_, "slow_down" | "rate_limit_exceeded") => self.throttled(message),
            (500..=599, _) | (_, "temporarily_unavailable" | "server_error") => {
                self.wait(Error::new(ErrorKind::Unavailable, message))
            }
            (_, "consent_required" | "interaction_required") => {
                Error::new(ErrorKind::ConsentRequired, message)
                    .with_hint("the person must consent once: open the URL")
            }
            (_, "login_required" | "access_denied") => {
                Error::new(ErrorKind::LoginRequired, message).with_hint("log in again")
            }
            (_, "invalid_client") => refused(
                "client_secret",
                "the app is unknown here or its proof is wrong: check client_id, client_secret and client_auth, and that they belong to this environment",
            ),
            (_, "unauthorized_client") => refused(
                "grant",
                "the app is not allowed this grant: enable it at the vendor",
            ),
            (_, "unsupported_grant_type") => refused(
                "grant",
                "the server does not offer this grant: check grant and token_url",
            ),
            (_, "invalid_scope") => refused(
                "scopes",
                "a scope is unknown, or not allowed for this app: check scopes",
            ),
            (_, "invalid_request") => refused(
                "grant",
                "the server misses or does not understand a parameter: check the app's set-up at the vendor",
            ),
            (_, "invalid_grant") => self.by_grant(message),
            (401 | 403, _) => refused(
                "client_secret",
                "the server does not accept the app: check client_id, client_secret and client_auth",
            ),
            _ => Error::new(ErrorKind::Refused, message)
                .with_verdict(Verdict::Unexpected)
                .with_hint(
                    "the server gave a reason that is not known here: see its documentation",
                ),
        }
    }

    fn by_grant(&self, message: String) -> Error {
        match self.grant {
            Grant::RefreshToken(_) => Error::new(ErrorKind::LoginRequired, message)
                .with_hint("the refresh token is expired, revoked or replaced: log in again"),
            Grant::AuthorizationCode { .. } => Error::new(ErrorKind::LoginRequired, message)
                .with_hint("the code is expired, used or of another login: log in again"),
            Grant::JwtBearer => Error::new(ErrorKind::Refused, message)
                .with_setting("private_key")
                .with_hint(
                    "check private_key, client_id, subject, audience and this machine's clock",
                ),
            Grant::ClientCredentials => Error::new(ErrorKind::Refused, message)
                .with_setting("client_id")
                .with_hint("check that the app may act for itself at the vendor"),
        }
    }

    /// The URL a person should open, where one is called for and can be made ahead.
    fn with_url(&self, error: Error) -> Error {
        let url = match (error.verdict(), error.kind()) {
            (Verdict::Reauthorize, ErrorKind::ConsentRequired) => self.connection.consent_url(),
            (Verdict::Reauthorize, _) if self.grant.kind() == GrantKind::JwtBearer => {
                self.connection.consent_url()
            }
            (Verdict::Reauthorize, _) => self.connection.login_url(),
            _ => None,
        };
        match url {
            Some(url) => error.with_url(url.as_str()),
            None => error,
        }
    }

    /// Refused assertions are often a clock's fault, and servers hardly ever say so.
    fn with_clock_hint(&self, error: Error) -> Error {
        const NOTABLE_S: i64 = 30;
        let signed = self.grant.kind() == GrantKind::JwtBearer;
        if !signed || error.verdict() != Verdict::FixConfiguration {
            return error;
        }
        let theirs = self
            .response
            .header("date")
            .and_then(crate::date::parse_http_date);
        let Some(ahead) = theirs.map(|theirs| self.now.unix_s() - theirs) else {
            return error;
        };
        if ahead.abs() <= NOTABLE_S {
            return error;
        }
        let word = if ahead > 0 { "ahead of" } else { "behind" };
        let clock = format!(
            "this machine's clock is {} s {word} the server's: set it right",
            ahead.abs()
        );
        let hint = match error.hint() {
            Some(hint) => format!("{clock}; {hint}"),
            None => clock,
        };
        error.with_hint(hint)
    }
}
