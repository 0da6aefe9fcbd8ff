//! Errors for rejected requests, by the provider's table first, then by RFC 6749 section 5.2.

use std::time::Duration;

use super::{Failure, ResponseReader, ServerError, explain_redirect};
use crate::profile::ErrorRow;
use crate::{
    BasicEncoding, ClientAuth, Error, ErrorKind, GrantKind, PresentedGrant, Verdict, form,
};

impl ResponseReader<'_> {
    /// Returns the error for a response without a token.
    pub(super) fn rejection(&self, failure: &Failure<'_>) -> Error {
        let reported = &failure.reported;
        let status = self.response.status;
        let row = self.row(failure);
        if row.is_none() && (300..400).contains(&status) {
            return self.redirected();
        }
        let (code, text) = self.redactor.shown(reported);
        let vendor = self.vendor();
        let message = match (&code, &text) {
            (Some(code), Some(text)) => format!("{vendor} rejected the request: {code}: {text}"),
            (Some(code), None) => format!("{vendor} rejected the request: {code}"),
            (None, Some(text)) => format!("{vendor} returned HTTP {status}: {text}"),
            (None, None) => match self.undecoded() {
                Some(encoding) => {
                    format!("{vendor} returned HTTP {status} in the unknown encoding {encoding}")
                }
                None => format!("{vendor} returned HTTP {status} without a reason"),
            },
        };
        let error = match row {
            Some(row) => self.by_row(row, message),
            None => self.by_rfc(reported, message),
        };
        let error = self.redactor.note(error, reported);
        self.with_clock_hint(self.with_way_out(error))
    }

    fn redirected(&self) -> Error {
        // The URLs of other endpoints derive from the base URL.
        let setting = match Some(self.asked) == self.connection.token_url() {
            true => "token_url",
            false => "base_url",
        };
        let error = explain_redirect(self.asked, setting, self.response, &self.redactor)
            .with_setting(setting);
        match (self.grant, error.hint()) {
            (
                PresentedGrant::AuthorizationCode { .. } | PresentedGrant::DeviceCode(_),
                Some(hint),
            ) => {
                let hint = format!("{hint}; then log in again");
                error.with_hint(hint)
            }
            _ => error,
        }
    }

    /// Returns the `Content-Encoding` that the transport couldn't decode.
    fn undecoded(&self) -> Option<String> {
        let encoding = self.response.header("content-encoding")?;
        Some(self.redactor.clean(encoding))
    }

    fn vendor(&self) -> &str {
        &self.connection.profile().name
    }

    /// Returns the matching row of the profile's table. A 2xx is a failure only if the row names a
    /// status, an error, a description, a member or a header.
    pub(super) fn row(&self, failure: &Failure<'_>) -> Option<&ErrorRow> {
        let reported = &failure.reported;
        let kind = self.grant.kind();
        let status = self.response.status;
        let error = reported.code.as_deref().unwrap_or_default();
        let client_auth = Some(self.connection.client_auth());
        let rows = &self.connection.profile().errors;
        rows.iter().find(|row| {
            let names_a_failure = row.status.is_some()
                || row.error.is_some()
                || !row.members.is_empty()
                || !row.headers.is_empty()
                || row
                    .description
                    .as_ref()
                    .is_some_and(|text| !text.is_empty());
            (names_a_failure || !(200..300).contains(&status))
                && row.fits(
                    kind,
                    client_auth,
                    Some(status),
                    error,
                    reported.text.as_deref(),
                )
                && failure.fits(row)
        })
    }

    fn by_row(&self, row: &ErrorRow, message: String) -> Error {
        let mut error = row.error(message);
        if row.setting.as_deref() == Some("client_secret") {
            error = self.with_basic_hint(self.without_secret(error));
        }
        if error.verdict() == Verdict::Retry {
            error = self.wait(error);
            if let (None, Some(seconds)) = (error.retry_after(), row.retry_after_s) {
                error = error.with_retry_after(Duration::from_secs(seconds.into()));
            }
        }
        error
    }

    /// Returns the error by RFC 6749 section 5.2 and related RFCs, if the provider's table has no
    /// row for it.
    fn by_rfc(&self, reported: &ServerError, message: String) -> Error {
        let code = reported.code.as_deref().unwrap_or_default();
        let rejected = |setting: &str, hint: &str| {
            Error::new(ErrorKind::Rejected, message.clone())
                .with_setting(setting)
                .with_hint(hint)
        };
        match (self.response.status, code.to_ascii_lowercase().as_str()) {
            (429, _) | (_, "slow_down" | "rate_limit_exceeded") => self.throttled(message),
            (500..=599, _) => self.wait(Error::new(ErrorKind::Unavailable, message)),
            // A 401 is about the credentials, whatever its error code is.
            (status, "temporarily_unavailable" | "server_error") if status != 401 => {
                self.wait(Error::new(ErrorKind::Unavailable, message))
            }
            // RFC 8628 section 3.5.
            (_, "authorization_pending") => Error::new(ErrorKind::Busy, message)
                .with_hint("poll again after the interval: the person has not finished the login"),
            (_, "expired_token") if self.grant.kind() == GrantKind::DeviceCode => {
                Error::new(ErrorKind::LoginRequired, message).with_hint(
                    "log in again: the code expired before the login was finished",
                )
            }
            (_, "consent_required" | "interaction_required") => self.by_consent(message),
            (_, "login_required" | "access_denied") => self.by_login(message),
            (_, "invalid_client") | (401, "unauthorized_client") => self.by_client(message),
            (_, "unauthorized_client") => rejected(
                "grant",
                "the app isn't allowed to use this grant: enable it at the vendor",
            ),
            (_, "unsupported_grant_type") => rejected(
                "grant",
                "the server doesn't support this grant: check grant and token_url",
            ),
            (_, "invalid_scope") => rejected(
                "scopes",
                "a scope is unknown or not allowed for this app: check scopes",
            ),
            (_, "invalid_target") => rejected(
                "audience",
                "the server doesn't know the resource or audience: check audience",
            ),
            (_, "redirect_uri_mismatch") => rejected(
                "redirect_uri",
                "set redirect_uri to exactly one of the URIs registered for the app",
            ),
            (_, "invalid_grant") => self.by_grant(message),
            _ if self.names_refresh_token(reported) => self.by_grant(message),
            (_, "invalid_request") => rejected(
                "grant",
                "a parameter is missing or invalid: check the app's settings at the vendor",
            ),
            (407, _) => rejected(
                "proxy",
                "the proxy requires authentication: set proxy to http://user:password@host:port",
            ),
            (401 | 403, _) => self.by_client_or_firewall(reported, message),
            (404 | 405 | 410, "") => Error::new(ErrorKind::Unreadable, message)
                .with_verdict(Verdict::FixConfiguration)
                .with_setting("token_url")
                .with_hint("there is no token endpoint at this address: check base_url and token_url"),
            (413 | 414 | 431, _) => rejected(
                "scopes",
                "the server or a proxy limits the size of requests: request fewer scopes, and remove claims and parameters",
            ),
            (408, "") => self.wait(Error::new(ErrorKind::Unavailable, message)),
            _ if reported.is_page => Error::new(ErrorKind::Unreadable, message).with_hint(
                "token endpoints don't return web pages: check base_url, token_url, proxy, and any firewall in between",
            ),
            // Servers report most other failures with a code.
            (400, "") if self.spends_a_grant() && self.undecoded().is_none() => self.by_grant(message),
            _ => Error::new(ErrorKind::Rejected, message)
                .with_verdict(Verdict::Unexpected)
                .with_hint("look up the server's response in the vendor's documentation"),
        }
    }

    /// Returns whether the server says, in the vendor's own words, that the refresh token is
    /// invalid.
    fn names_refresh_token(&self, reported: &ServerError) -> bool {
        const FLAWS: &[&str] = &[
            "invalid",
            "expired",
            "revoked",
            "unknown",
            "not found",
            "incorrect",
            "inactive",
            "not valid",
            "used",
            "bad",
            "does not exist",
            "not exist",
        ];
        let is_refresh = self.grant.kind() == GrantKind::RefreshToken;
        let may_say_so = matches!(
            self.response.status,
            200..=299 | 400 | 401 | 403 | 404 | 410
        );
        if !is_refresh || !may_say_so || reported.is_page {
            return false;
        }
        let words = [&reported.code, &reported.text];
        let words: Vec<_> = words.into_iter().flatten().map(String::as_str).collect();
        let words = words.join(" ").to_lowercase().replace(['_', '-'], " ");
        let names_it = words.contains("refresh token") || words.contains("refreshtoken");
        names_it && FLAWS.iter().any(|flaw| words.contains(flaw))
    }

    fn spends_a_grant(&self) -> bool {
        matches!(
            self.grant,
            PresentedGrant::RefreshToken(_)
                | PresentedGrant::AuthorizationCode { .. }
                | PresentedGrant::DeviceCode(_)
        )
    }

    fn by_grant(&self, message: String) -> Error {
        match self.grant {
            PresentedGrant::RefreshToken(_) => Error::new(ErrorKind::LoginRequired, message)
                .with_hint("the refresh token is expired, revoked or replaced: log in again"),
            PresentedGrant::AuthorizationCode { .. } => {
                Error::new(ErrorKind::LoginRequired, message)
                    .with_hint("the code is expired, used or from another login: log in again")
            }
            PresentedGrant::DeviceCode(_) => Error::new(ErrorKind::LoginRequired, message)
                .with_hint("the device code is expired or used: log in again"),
            PresentedGrant::JwtBearer => Error::new(ErrorKind::Rejected, message)
                .with_setting("private_key")
                .with_hint(
                    "check private_key, client_id, subject, audience and this machine's clock",
                ),
            PresentedGrant::ClientCredentials => Error::new(ErrorKind::Rejected, message)
                .with_setting("client_id")
                .with_hint("check that the vendor lets the app request tokens for itself"),
        }
    }

    fn by_consent(&self, message: String) -> Error {
        let error = Error::new(ErrorKind::ConsentRequired, message);
        match self.grant {
            PresentedGrant::ClientCredentials => error
                .with_verdict(Verdict::FixConfiguration)
                .with_setting("client_id")
                .with_hint("have an administrator approve the app at the vendor"),
            _ => error.with_hint("a person must consent once: open the URL"),
        }
    }

    /// A new login only helps if the grant started with one.
    fn by_login(&self, message: String) -> Error {
        let (setting, hint) = match self.grant {
            PresentedGrant::RefreshToken(_) | PresentedGrant::AuthorizationCode { .. } => {
                return Error::new(ErrorKind::LoginRequired, message).with_hint("log in again");
            }
            PresentedGrant::DeviceCode(_) => {
                return Error::new(ErrorKind::LoginRequired, message)
                    .with_hint("log in again, and allow access");
            }
            PresentedGrant::JwtBearer => (
                "subject",
                "check that the app may act for the user in subject, and that the user is active",
            ),
            PresentedGrant::ClientCredentials => (
                "client_id",
                "check that the vendor lets the app request tokens for itself",
            ),
        };
        Error::new(ErrorKind::Rejected, message)
            .with_setting(setting)
            .with_hint(hint)
    }

    /// Returns the error for an app that was rejected. The hint depends on its authentication.
    fn by_client(&self, message: String) -> Error {
        let (setting, hint) = self.client_advice();
        let error = Error::new(ErrorKind::Rejected, message)
            .with_setting(setting)
            .with_hint(hint);
        self.with_basic_hint(error)
    }

    fn by_client_or_firewall(&self, reported: &ServerError, message: String) -> Error {
        let error = self.by_client(message);
        match (reported.is_page, error.hint()) {
            (true, Some(hint)) => {
                let hint = format!(
                    "a web page usually comes from a proxy or firewall: check proxy, firewall and token_url first; otherwise {hint}"
                );
                error.with_hint(hint)
            }
            _ => error,
        }
    }

    fn client_advice(&self) -> (&'static str, &'static str) {
        match self.connection.client_auth() {
            ClientAuth::Basic | ClientAuth::Post => (
                "client_secret",
                "the app is unknown or its credentials are wrong: check client_id, client_secret and client_auth, and that they belong to this environment",
            ),
            ClientAuth::ClientSecretJwt => (
                "client_secret",
                "the app is unknown or the assertion signed with its secret is not accepted: check client_id, client_secret and this machine's clock",
            ),
            ClientAuth::PrivateKeyJwt => (
                "private_key",
                "the app is unknown or the assertion signed with its key is not accepted: check client_id, algorithm, issuer and this machine's clock, and that the key of private_key and key_id is registered for the app",
            ),
            ClientAuth::None => (
                "client_id",
                "the app is unknown or must authenticate: check client_id, and that it belongs to this environment; if the app has a secret, set client_secret and client_auth",
            ),
        }
    }

    /// Replaces a table's hint about the secret if the app authenticates without one.
    fn without_secret(&self, error: Error) -> Error {
        let has_secret = matches!(
            self.connection.client_auth(),
            ClientAuth::Basic | ClientAuth::Post | ClientAuth::ClientSecretJwt
        );
        if has_secret {
            return error;
        }
        let (setting, hint) = self.client_advice();
        let hint = match error.hint() {
            Some(more) => format!("{hint}; {more}"),
            None => hint.to_owned(),
        };
        error.with_setting(setting).with_hint(hint)
    }

    /// Adds a hint about `basic_encoding` if the two encodings differ for this app.
    fn with_basic_hint(&self, error: Error) -> Error {
        let connection = self.connection;
        let used = connection.basic_encoding();
        let is_known = connection.profile().basic_encoding == Some(used);
        if connection.client_auth() != ClientAuth::Basic || is_known {
            return error;
        }
        let changes = |text: &str| {
            let mut encoded = zeroize::Zeroizing::new(String::new());
            form::encode_into(text, &mut encoded);
            *encoded != text
        };
        let secret = connection.client().secret.as_ref();
        if !changes(connection.client_id()) && !secret.is_some_and(|s| changes(s.expose())) {
            return error;
        }
        let other = match used {
            BasicEncoding::Raw => "rfc6749",
            BasicEncoding::Rfc6749 => "raw",
        };
        let hint = error.hint().unwrap_or_default();
        let hint = format!(
            "{hint}; servers decode some characters of client_id or client_secret in two ways: if both are correct, set basic_encoding = \"{other}\""
        );
        error.with_hint(hint)
    }

    /// Adds what a person must do, if a person must act.
    fn with_way_out(&self, error: Error) -> Error {
        match error.verdict() {
            Verdict::Reauthorize => self.connection.with_way_out(error),
            _ => error,
        }
    }

    /// Adds a hint about the clock, a frequent cause of rejections that servers rarely name.
    fn with_clock_hint(&self, error: Error) -> Error {
        const MIN_SKEW_S: i64 = 30;
        let signed = self.grant.kind() == GrantKind::JwtBearer
            || matches!(
                self.connection.client_auth(),
                ClientAuth::PrivateKeyJwt | ClientAuth::ClientSecretJwt
            );
        if !signed || error.verdict() != Verdict::FixConfiguration {
            return error;
        }
        let Some(ahead) = self
            .response
            .date()
            .map(|theirs| self.now.unix_s() - theirs)
        else {
            return error;
        };
        if ahead.abs() <= MIN_SKEW_S {
            return error;
        }
        let word = if ahead > 0 { "ahead of" } else { "behind" };
        let clock = format!(
            "this machine's clock is {} s {word} the server's: correct it",
            ahead.abs()
        );
        let hint = match error.hint() {
            Some(hint) => format!("{clock}; {hint}"),
            None => clock,
        };
        error.with_hint(hint)
    }
}
