//! The history of a connection's grant: its last events, which contain no token.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Connection, Error, ErrorKind};

/// One event in the history of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The time by the store's clock, in milliseconds since 1970.
    pub at_ms: i64,
    /// The host, process and client.
    pub by: String,
    /// The attempt that the event belongs to.
    pub attempt: Option<String>,
    /// The kind of event.
    pub what: What,
    /// The fingerprint of the refresh token that was spent.
    pub spent: Option<String>,
    /// The fingerprint of the refresh token that was received.
    pub got: Option<String>,
}

/// The kind of an [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// A person logged in.
    LoggedIn,
    /// The intent to send a request was recorded.
    Intended,
    /// The request was not sent.
    NotSent,
    /// The server rejected the request.
    Rejected,
    /// The response was lost.
    ResponseLost,
    /// The response had a new token.
    Refreshed,
    /// The response had a new refresh token, but was unusable otherwise.
    Salvaged,
    /// The grant is lost because the response with the new refresh token never arrived.
    Lost,
    /// The vendor ended the grant.
    Dead,
    /// The vendor did not revoke the token at a logout.
    NotRevoked,
    /// A token that couldn't be stored at first was recovered.
    Recovered,
    /// An API rejected a token that had replaced a rejected one less than a minute before. The
    /// client returned it again: the API would reject another one too, so the token is not at
    /// fault.
    RejectedAgain,
}

/// The last events, oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct History(Vec<Event>);

impl History {
    const LENGTH: usize = 8;

    pub(super) fn add(&mut self, event: Event) {
        if self.0.len() >= Self::LENGTH {
            self.0.remove(0);
        }
        self.0.push(event);
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.0.clone()
    }
}

/// Why a refresh token can't be used any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ended {
    /// The fingerprint of the refresh token.
    pub(super) token: String,
    /// The fingerprint of the client's credentials that the token was sent with. With others the
    /// vendor may decide otherwise. `None` in records of earlier versions.
    #[serde(default)]
    pub(super) credentials: Option<String>,
    pub(super) at_ms: i64,
    /// The attempt whose response was lost, if that is the reason.
    pub(super) lost_attempt: Option<String>,
    pub(super) by: String,
    message: String,
    oauth_error: Option<String>,
    oauth_description: Option<String>,
    http_status: Option<u16>,
}

impl Ended {
    pub(super) fn by_rejection(
        error: &Error,
        token: String,
        credentials: String,
        at_ms: i64,
        by: String,
    ) -> Self {
        Self {
            token,
            credentials: Some(credentials),
            at_ms,
            by,
            lost_attempt: None,
            message: error.message().to_owned(),
            oauth_error: error.oauth_error().map(str::to_owned),
            oauth_description: error.oauth_description().map(str::to_owned),
            http_status: error.http_status(),
        }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Builds the error again for later callers, without another request.
    pub(super) fn error(&self, connection: &Connection) -> Error {
        let error = match &self.lost_attempt {
            Some(attempt) => Error::new(
                ErrorKind::LoginRequired,
                format!(
                    "the response to refresh attempt {attempt} (by {}) was lost, and the server has since replaced the refresh token: {}",
                    self.by, self.message
                ),
            )
            .with_hint("log in again: a rotated refresh token cannot be recovered if its response was lost"),
            None => Error::new(ErrorKind::LoginRequired, self.message.clone())
                .with_hint("log in again: the refresh token has expired or was revoked or replaced"),
        };
        let error = error.with_provider(&connection.profile().id);
        let error = match &self.oauth_error {
            Some(word) => error.with_oauth(word, self.oauth_description.clone()),
            None => error,
        };
        let error = match self.http_status {
            Some(status) => error.with_http_status(status),
            None => error,
        };
        connection.with_login_hint(error)
    }
}

/// A pause that a server asked for, shared with all clients that use the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Rest {
    /// By the store's clock, in milliseconds since 1970.
    pub(super) until_ms: i64,
    /// The length of the pause. `None` in records of earlier versions.
    #[serde(default)]
    pub(super) wait_ms: Option<i64>,
    pub(super) message: String,
    pub(super) http_status: Option<u16>,
}

impl Rest {
    /// The longest pause that a client observes, even if a server asks for more.
    pub(super) const MAX: Duration = Duration::from_secs(24 * 3600);

    /// Returns the rest of the pause.
    ///
    /// A wrong clock of the store must not make it longer than the server asked for.
    pub(super) fn left(&self, now_ms: i64) -> Duration {
        const OLD_RECORDS_MS: i64 = 900_000;
        let max = self.wait_ms.unwrap_or(OLD_RECORDS_MS);
        let left = (self.until_ms - now_ms).min(max);
        Duration::from_millis(u64::try_from(left).unwrap_or(0))
    }
}
