//! Summaries of stored records, for tools that show a store's contents to a person.

use serde::Serialize;

use super::record::Record;
use crate::secret::fingerprint;
use crate::{Error, Event, Extra, Moment, Secret, Token};

/// One connection's record in a store, parsed. `Debug` prints no secret.
///
/// It is for tools that list, show and move records. Clients don't need it.
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

/// A request with a single-use refresh token that is in flight, or whose outcome is unknown.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PendingAttempt {
    /// The attempt's ID in events.
    pub id: String,
    /// The host, process and client that made it.
    pub by: String,
    /// The fingerprint of the refresh token it spends.
    pub spends: String,
    /// When it started by the store's clock, in milliseconds since 1970.
    pub started_ms: i64,
    /// When the request can no longer reach the server.
    pub deadline_ms: i64,
    /// Whether its response is known to be lost.
    pub ambiguous: bool,
    /// The attempt whose outcome this one determines.
    pub replay_of: Option<String>,
}

/// Why a refresh token can't be used any more.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct EndedGrant {
    /// When that was found out by the store's clock, in milliseconds since 1970.
    pub at_ms: i64,
    /// The host, process and client that found it out, or whose response was lost.
    pub by: String,
    /// The vendor's message.
    pub message: String,
    /// The attempt whose response was lost, if that is the reason.
    pub lost_attempt: Option<String>,
}

/// A pause that a server asked for.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ServerRest {
    /// When the pause ends by the store's clock, in milliseconds since 1970.
    pub until_ms: i64,
    /// The vendor's message.
    pub message: String,
    /// The HTTP status of the response that asked for the pause.
    pub http_status: Option<u16>,
}

impl RecordSummary {
    /// Parses a record's value, as [`crate::Store::load`] returns it.
    ///
    /// If the store is encrypted, read the value through a [`crate::SealedStore`].
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Store`] if the value is not a record, or is encrypted.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Clock, RecordSummary, testing};
    ///
    /// let test = testing::client([Ok(testing::token_response("t1", 3600))]);
    /// test.client.token()?;
    /// for key in test.store.keys()? {
    ///     let value = test.store.load(&key)?.and_then(|stored| stored.value).unwrap();
    ///     let record = RecordSummary::read(&value, test.clock.now())?;
    ///     println!("{} at {}", record.connection(), record.provider());
    /// #   assert_eq!((record.connection(), record.provider()), ("mine", "acme"));
    /// }
    /// # assert_eq!(test.store.keys()?.len(), 1);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn read(value: &[u8], now: Moment) -> Result<Self, Error> {
        let (record, connection, provider) = Record::decode_named(value, now)?;
        Ok(Self {
            connection,
            provider,
            record,
        })
    }

    /// Returns whether a value is encrypted and must be read through a [`crate::SealedStore`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{KeyRing, MemoryStore, RecordSummary, SealedStore, Store, StoreKey};
    ///
    /// let inner = Arc::new(MemoryStore::new());
    /// let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    /// let sealed = SealedStore::new(inner.clone(), KeyRing::parse(key)?);
    /// let record = StoreKey::of(["tenant", "42"]);
    /// sealed.compare_and_swap(&record, None, None, b"a record");
    /// assert!(RecordSummary::is_encrypted(&inner.load(&record)?.unwrap().value.unwrap()));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn is_encrypted(value: &[u8]) -> bool {
        crate::SealedStore::is_sealed(value)
    }

    /// Returns whether a value is no record but something else that clients keep in the same
    /// store: the metadata of an authorization server, or the keys for logins of principals.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::RecordSummary;
    ///
    /// assert!(!RecordSummary::is_metadata(br#"{"format":1}"#));
    /// ```
    pub fn is_metadata(value: &[u8]) -> bool {
        super::metadata::is_metadata(value)
    }

    /// Returns the name of the connection that wrote the record.
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// Returns whose grant it is. `None` if it is the connection's own.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Clock, RecordSummary, testing};
    ///
    /// let test = testing::client([Ok(testing::token_response("t1", 3600))]);
    /// test.client.token()?;
    /// let key = &test.store.keys()?[0];
    /// let value = test.store.load(key)?.and_then(|stored| stored.value).unwrap();
    /// assert_eq!(RecordSummary::read(&value, test.clock.now())?.principal(), None);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn principal(&self) -> Option<&str> {
        self.record.principal.as_deref()
    }

    /// Returns the ID of that connection's provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Returns the settings that identify the grant, by name.
    ///
    /// These are `environment`, `client_id`, `subject`, `extra.NAME` and so on. They distinguish
    /// the records of connections with the same name. Secrets are omitted or replaced by
    /// fingerprints. Records of earlier versions have no settings.
    pub fn settings(&self) -> &Extra {
        &self.record.settings
    }

    /// Returns the access token, if one was received.
    pub fn token(&self) -> Option<&Token> {
        self.record.token.as_ref()
    }

    /// Returns the refresh token, if there is one.
    pub fn refresh_token(&self) -> Option<&Secret> {
        self.record.refresh_token.as_ref()
    }

    /// Returns when the refresh token expires, in seconds since 1970, if the vendor said so.
    pub fn refresh_token_expires_at(&self) -> Option<i64> {
        self.record.refresh_token_expires_at()
    }

    /// Returns the refresh token's fingerprint, which stands for it in events.
    pub fn refresh_fingerprint(&self) -> Option<String> {
        self.refresh_token().map(fingerprint)
    }

    /// Returns the requested scopes, separated by spaces.
    pub fn asked_scopes(&self) -> &str {
        &self.record.asked_scopes
    }

    /// Returns whom the token is for, if that was requested.
    pub fn identity(&self) -> Option<&Extra> {
        self.record.identity.as_ref()
    }

    /// Returns the mark of the token's grant, which differs for each login.
    ///
    /// Records of earlier versions have none.
    pub fn grant(&self) -> Option<&str> {
        self.record.grant.as_deref()
    }

    /// Returns the record's generation, which each token response increments.
    pub fn generation(&self) -> u64 {
        self.record.generation
    }

    /// Returns the request that is in flight or whose outcome is unknown, if any.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{Clock, Error, ErrorKind, MemoryStore, RecordSummary, SendError, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "refresh-token"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("refresh_token", "r0"),
    /// # ])?;
    /// let lost = SendError::MaybeSent(Error::new(ErrorKind::Interrupted, "no response"));
    /// let test = testing::client_of(connection, [Err(lost)], Arc::new(MemoryStore::new()));
    /// assert!(test.client.token().is_err());
    /// let key = &test.store.keys()?[0];
    /// let value = test.store.load(key)?.and_then(|stored| stored.value).unwrap();
    /// let attempt = RecordSummary::read(&value, test.clock.now())?.attempt().unwrap();
    /// assert!(attempt.ambiguous);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
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

    /// Returns why the refresh token can't be used any more. `None` if it can.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{Clock, MemoryStore, RecordSummary, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "refresh-token"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("refresh_token", "r0"),
    /// # ])?;
    /// let responses = [Ok(testing::error_response(400, "invalid_grant"))];
    /// let test = testing::client_of(connection, responses, Arc::new(MemoryStore::new()));
    /// assert!(test.client.token().is_err());
    /// let key = &test.store.keys()?[0];
    /// let value = test.store.load(key)?.and_then(|stored| stored.value).unwrap();
    /// let ended = RecordSummary::read(&value, test.clock.now())?.ended().unwrap();
    /// assert!(ended.lost_attempt.is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn ended(&self) -> Option<EndedGrant> {
        let ended = self.record.ended.as_ref()?;
        Some(EndedGrant {
            at_ms: ended.at_ms,
            by: ended.by.clone(),
            message: ended.message().to_owned(),
            lost_attempt: ended.lost_attempt.clone(),
        })
    }

    /// Returns the pause that the vendor asked for, if any.
    pub fn rest(&self) -> Option<ServerRest> {
        let rest = self.record.rest.as_ref()?;
        Some(ServerRest {
            until_ms: rest.until_ms,
            message: rest.message.clone(),
            http_status: rest.http_status,
        })
    }

    /// Returns whether the grant was logged out, but the vendor has not revoked it yet.
    ///
    /// Clients don't return its token.
    pub fn is_logged_out(&self) -> bool {
        self.record.logged_out
    }

    /// Returns how many tokens of earlier logins are still to be revoked.
    ///
    /// Clients don't return them. [`crate::Client::forget`] revokes them.
    pub fn unrevoked(&self) -> usize {
        self.record.unrevoked.len()
    }

    /// Returns the last events in the grant's history, oldest first.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{Clock, MemoryStore, RecordSummary, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "refresh-token"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("refresh_token", "r0"),
    /// # ])?;
    /// let responses = [Ok(testing::rotated_response("t1", "r1", 3600))];
    /// let test = testing::client_of(connection, responses, Arc::new(MemoryStore::new()));
    /// test.client.token()?;
    /// let key = &test.store.keys()?[0];
    /// let value = test.store.load(key)?.and_then(|stored| stored.value).unwrap();
    /// for event in RecordSummary::read(&value, test.clock.now())?.events() {
    ///     println!("{} {:?} by {}", event.at_ms, event.what, event.by);
    /// }
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn events(&self) -> Vec<Event> {
        self.record.history.events()
    }
}
