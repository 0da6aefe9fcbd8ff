//! Errors for connections that can't get a token without a new login.

use super::Inner;
use super::fresh;
use super::persistence::Loaded;
use crate::connection::LOGIN_CALLS;
use crate::{Connection, Error, ErrorKind, Token, Verdict};

/// What [`LOGIN_CALLS`] says, for the grant of a principal.
const RECONNECT: &str = "send the person's browser to the URL of this grant's begin_login, and pass the callback to its finish_login";

impl Inner {
    /// Names the calls of a principal's login in an error that asks for one, and the principal.
    pub(super) fn of_this_grant(&self, error: Error) -> Error {
        if self.principal().is_none() || error.verdict() != Verdict::Reauthorize {
            return error;
        }
        match error.hint().and_then(|hint| hint.strip_suffix(LOGIN_CALLS)) {
            Some(before) => {
                let hint = format!("{before}{RECONNECT}");
                error.with_hint(hint)
            }
            None => error,
        }
    }

    /// Builds the error for a connection that has neither a usable token nor a refresh token.
    pub(super) fn login_needed(&self, loaded: &Loaded) -> Error {
        let connection = &self.shared.connection;
        let label = self.label();
        let token = loaded.record.as_ref().and_then(|record| {
            let token = record.token.as_ref()?;
            Some((token, record.token_for == self.asks_for))
        });
        let (why, hint) = match token {
            None if loaded.version.is_some() && loaded.record.is_none() => {
                (format!("{label} was logged out"), None)
            }
            None => (
                format!("{label} has never logged in"),
                self.has_doubtful_record().then_some(
                    "a record that an earlier version wrote does not say which extra settings it belongs to, so it is not used",
                ),
            ),
            Some((token, asked_alike)) => (
                format!("{label}: {}", self.not_renewable(token, asked_alike)),
                lacks_refresh_scope(connection).then_some(
                    "to get a refresh token, add the vendor's scope for refresh tokens to scopes",
                ),
            ),
        };
        let hint = match hint {
            Some(more) => format!("log in; {more}"),
            None => "log in".to_owned(),
        };
        asks_for_login(
            connection,
            Error::new(ErrorKind::NoToken, why).with_hint(hint),
        )
    }

    pub(super) fn has_refresh_token(&self) -> Result<bool, Error> {
        let unsaved = self.single_flight.unsaved_record();
        let record = match unsaved {
            Some(record) => Some(record),
            None => self.persistence.load()?.record,
        };
        Ok(record.is_some_and(|record| record.refresh_token.is_some()))
    }

    fn not_renewable(&self, token: &Token, asked_alike: bool) -> &'static str {
        let left = token.remaining(self.shared.clock.now());
        if self.single_flight.was_rejected(token.secret()) {
            "an API rejected its token, and there is no refresh token to replace it with"
        } else if !asked_alike {
            "its token was requested with other settings, and there is no refresh token to get a new one with"
        } else if left <= fresh::enough_of(token, self.early(token)) {
            "its token has expired, and there is no refresh token to renew it with"
        } else {
            "there is no refresh token to get a new token with"
        }
    }
}

/// Returns whether the login requested no scope that the vendor issues a refresh token for.
fn lacks_refresh_scope(connection: &Connection) -> bool {
    let wanted = &connection.rules().refresh_scopes;
    let asked = connection.scopes();
    !wanted.is_empty() && !wanted.iter().any(|scope| asked.contains(scope))
}

/// Builds the error for a damaged record.
///
/// The setting `refresh_token` is not sent. It may have been spent already, and sending it again
/// could end a grant that a person can still recover from the damaged record.
pub(super) fn damaged(connection: &Connection, place: &str) -> Error {
    let label = connection.label();
    let message = format!("{label}: its record was damaged and set aside as {place}");
    let error = Error::new(ErrorKind::LoginRequired, message)
        .with_hint("restore the record from a backup or log in again; to start over with the setting refresh_token, remove that file");
    asks_for_login(connection, error)
}

/// Builds the error for a configured refresh token that may be spent.
///
/// It is not sent again, because a strict server would revoke the grant.
pub(super) fn spent_seed(connection: &Connection, place: &str) -> Error {
    let label = connection.label();
    let message = format!(
        "{label}: its `refresh_token` was already used, and the store has no record of the token that replaced it"
    );
    let error = Error::setting("refresh_token", message).with_hint(format!(
        "mount or restore the store, or undo the change of name, client_id or another setting, or log in again; to send this refresh_token once more anyway, remove {place}"
    ));
    error.with_provider(&connection.profile().id)
}

fn asks_for_login(connection: &Connection, error: Error) -> Error {
    connection.with_login_hint(error.with_provider(&connection.profile().id))
}
