//! What happened to a connection's grant: the last events, without a token in them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Connection, Error, ErrorKind};

/// One event in the life of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// When, by the store's clock, in milliseconds since 1970.
    pub at_ms: i64,
    /// Which host, process and client.
    pub by: String,
    /// The attempt it belongs to.
    pub attempt: Option<String>,
    /// What happened.
    pub what: What,
    /// The fingerprint of the refresh token that was spent.
    pub spent: Option<String>,
    /// The fingerprint of the refresh token that was got.
    pub got: Option<String>,
}

/// What an [`Event`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// A person logged in.
    LoggedIn,
    /// A request was noted, about to be sent.
    Intended,
    /// It was not sent after all.
    NotSent,
    /// The server refused it.
    Refused,
    /// Its answer was lost.
    AnswerLost,
    /// It brought a new token.
    Refreshed,
    /// Its response had a new refresh token, and was of no use otherwise.
    Salvaged,
    /// The grant is lost to an answer that never came.
    Lost,
    /// The vendor ended the grant.
    Dead,
    /// It was to be forgotten, but the vendor did not revoke it.
    NotRevoked,
    /// A token that could not be stored was recovered.
    Recovered,
    /// An API rejected a token that had replaced a rejected one less than a minute before. It was
    /// handed out again: another one would be rejected as well, so the fault is not the token's.
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

/// Why a refresh token is of no use any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ended {
    /// The fingerprint of that refresh token.
    pub(super) token: String,
    /// The fingerprint of the client's credentials that it was presented with: with others the
    /// vendor may say something else. Nothing in records of earlier versions.
    #[serde(default)]
    pub(super) credentials: Option<String>,
    pub(super) at_ms: i64,
    /// The attempt whose answer was lost, where that is why.
    pub(super) lost_attempt: Option<String>,
    pub(super) by: String,
    message: String,
    oauth_error: Option<String>,
    oauth_description: Option<String>,
    http_status: Option<u16>,
}

impl Ended {
    pub(super) fn by_refusal(
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

    /// Tells it again, to whoever asks next: nothing needs to be sent for that.
    pub(super) fn error(&self, connection: &Connection) -> Error {
        let error = match &self.lost_attempt {
            Some(attempt) => Error::new(
                ErrorKind::LoginRequired,
                format!(
                    "the answer to refresh attempt {attempt} (by {}) was lost, and the server has replaced the refresh token since: {}",
                    self.by, self.message
                ),
            )
            .with_hint("no client can recover a rotated token whose only answer was lost: log in again"),
            None => Error::new(ErrorKind::LoginRequired, self.message.clone())
                .with_hint("the refresh token is expired, revoked or replaced: log in again"),
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

/// A server's wish to be left alone, shared with everybody who uses the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Rest {
    /// By the store's clock, in milliseconds since 1970.
    pub(super) until_ms: i64,
    /// For how long that was when it was noted; records of older versions do not tell.
    #[serde(default)]
    pub(super) wait_ms: Option<i64>,
    pub(super) message: String,
    pub(super) http_status: Option<u16>,
}

impl Rest {
    /// The longest that a client leaves a server alone, whatever that asks for.
    pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3600);

    /// What is left of it. A store's clock that was set wrong must not make it longer than the
    /// server asked for.
    pub(super) fn left(&self, now_ms: i64) -> Duration {
        const OF_OLD_RECORDS_MS: i64 = 900_000;
        let longest = self.wait_ms.unwrap_or(OF_OLD_RECORDS_MS);
        let left = (self.until_ms - now_ms).min(longest);
        Duration::from_millis(u64::try_from(left).unwrap_or(0))
    }
}
