//! Looking at what a store keeps, for a person: which grants there are and how they are.

use serde::Serialize;

use super::record::Record;
use crate::secret::fingerprint;
use crate::{Error, Event, Extra, Moment, Secret, Token};

/// What a store keeps of one connection, read from a record's value. `Debug` shows no secret.
///
/// Clients need none of this: it is for tools that list, show and move records.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// # use countersign_core::{Connection, Client, Profile, Request, Response, SendError, Settings, Transport};
/// use countersign_core::{Clock, MemoryStore, RecordSummary, Store, SystemClock};
/// # #[derive(Debug)]
/// # struct Canned;
/// # impl Transport for Canned {
/// #     fn send(&self, _: &Request) -> Result<Response, SendError> {
/// #         Ok(Response::new(200, [], r#"{"access_token":"t0ken","expires_in":3600}"#))
/// #     }
/// # }
/// # let profile = Profile::from_toml(r#"
/// #     id = "acme"
/// #     name = "Acme"
/// #     documentation = "https://acme.example/docs"
/// #     environments.production.base_url = "https://login.acme.example"
/// #     endpoints.token = "{base_url}/token"
/// #     grants.client-credentials.client_auth = ["post"]
/// # "#)?;
/// # let settings = Settings::from_pairs([
/// #     ("provider", "acme"), ("client_id", "app"), ("client_secret", "s3cret"),
/// # ])?;
/// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
///
/// let store = Arc::new(MemoryStore::new());
/// let builder = Client::builder(connection.clone()).store(store.clone());
/// builder.transport(Arc::new(Canned)).build()?.token()?;
///
/// let stored = store.load(&connection.record_key())?.unwrap();
/// let record = RecordSummary::read(&stored.value.unwrap(), SystemClock::new().now())?;
/// assert_eq!((record.connection(), record.generation()), ("mine", 1));
/// assert!(!format!("{record:?}").contains("t0ken"));
/// assert_eq!(record.token().unwrap().expose(), "t0ken");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RecordSummary {
    connection: String,
    provider: String,
    record: Record,
}

/// A request with a single-use refresh token that is under way, or whose outcome nobody knows.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PendingAttempt {
    /// What events call it.
    pub id: String,
    /// Host, process and client that made it.
    pub by: String,
    /// The fingerprint of the refresh token it spends.
    pub spends: String,
    /// By the store's clock, in milliseconds since 1970.
    pub started_ms: i64,
    /// After this the server cannot get it any more.
    pub deadline_ms: i64,
    /// Whether its answer is known to be lost.
    pub ambiguous: bool,
    /// The attempt whose outcome this one is to find out.
    pub replay_of: Option<String>,
}

/// Why a refresh token is of no use any more.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct EndedGrant {
    /// By the store's clock, in milliseconds since 1970.
    pub at_ms: i64,
    /// Host, process and client that found it out.
    pub by: String,
    /// What the vendor said.
    pub message: String,
    /// The attempt whose answer was lost, where that is why.
    pub lost_attempt: Option<String>,
}

/// A server's wish to be left alone.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ServerRest {
    /// By the store's clock, in milliseconds since 1970.
    pub until_ms: i64,
    /// What the vendor said.
    pub message: String,
    /// The status of that answer.
    pub http_status: Option<u16>,
}

impl RecordSummary {
    /// Reads a record's value, as [`crate::Store::load`] gives it; that of an encrypted store as
    /// [`crate::SealedStore`] gives it.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Store`] where it is not a record, or is encrypted.
    pub fn read(value: &[u8], now: Moment) -> Result<Self, Error> {
        let (record, connection, provider) = Record::decode_named(value, now)?;
        Ok(Self {
            connection,
            provider,
            record,
        })
    }

    /// Whether a value is encrypted: a [`crate::SealedStore`] has to read it.
    pub fn is_encrypted(value: &[u8]) -> bool {
        crate::SealedStore::is_sealed(value)
    }

    /// The name of the connection that wrote it.
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// The id of that connection's provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The settings that identify the grant, by name: `environment`, `client_id`, `subject`,
    /// `extra.NAME` and the like. They tell records of one connection's name apart. Secrets are
    /// left out or fingerprints; records of earlier versions have none of this.
    pub fn settings(&self) -> &Extra {
        &self.record.settings
    }

    /// The access token, if there was an answer yet. Its [`Token::expose`] shows it.
    pub fn token(&self) -> Option<&Token> {
        self.record.token.as_ref()
    }

    /// The refresh token, if there is one.
    pub fn refresh_token(&self) -> Option<&Secret> {
        self.record.refresh_token.as_ref()
    }

    /// When the refresh token ends, in seconds since 1970, if the vendor told.
    pub fn refresh_token_expires_at(&self) -> Option<i64> {
        self.record.refresh_token_expires_at()
    }

    /// What events call the refresh token: a fingerprint of it.
    pub fn refresh_fingerprint(&self) -> Option<String> {
        self.refresh_token().map(fingerprint)
    }

    /// The scopes that were requested, separated by spaces.
    pub fn asked_scopes(&self) -> &str {
        &self.record.asked_scopes
    }

    /// Whom the token stands for, where that was asked.
    pub fn identity(&self) -> Option<&Extra> {
        self.record.identity.as_ref()
    }

    /// The mark of the grant that the token descends from: another login has another mark. Records
    /// of earlier versions have none.
    pub fn grant(&self) -> Option<&str> {
        self.record.grant.as_deref()
    }

    /// How many answers there have been: what is newer has more.
    pub fn generation(&self) -> u64 {
        self.record.generation
    }

    /// The request that is under way, if one is.
    pub fn attempt(&self) -> Option<PendingAttempt> {
        let attempt = self.record.attempt.clone()?;
        Some(PendingAttempt {
            id: attempt.id,
            by: attempt.by,
            spends: attempt.spends,
            started_ms: attempt.started_ms,
            deadline_ms: attempt.deadline_ms,
            ambiguous: attempt.ambiguous,
            replay_of: attempt.replay_of,
        })
    }

    /// Why the refresh token is of no use any more, if that is so.
    pub fn ended(&self) -> Option<EndedGrant> {
        let ended = self.record.ended.as_ref()?;
        Some(EndedGrant {
            at_ms: ended.at_ms,
            by: ended.by.clone(),
            message: ended.message().to_owned(),
            lost_attempt: ended.lost_attempt.clone(),
        })
    }

    /// Until when the vendor wants to be left alone, if it said so.
    pub fn rest(&self) -> Option<ServerRest> {
        let rest = self.record.rest.as_ref()?;
        Some(ServerRest {
            until_ms: rest.until_ms,
            message: rest.message.clone(),
            http_status: rest.http_status,
        })
    }

    /// Whether the grant was to be forgotten, but the vendor has not revoked it yet. It is not
    /// handed out.
    pub fn is_logged_out(&self) -> bool {
        self.record.logged_out
    }

    /// How many tokens of earlier logins were to be revoked and are not yet. They are not handed out;
    /// [`crate::Client::forget`] revokes them.
    pub fn unrevoked(&self) -> usize {
        self.record.unrevoked.len()
    }

    /// The last events in the life of the grant, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.record.history.events()
    }
}
