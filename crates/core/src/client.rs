//! The client: returns a connection's token from the cache, the store or one request at a time.

mod account;
mod accounts;
mod background;
pub(crate) mod bound;
mod builder;
mod cancel;
mod counters;
mod credentials;
mod defaults;
mod device;
mod drain;
mod earlier;
pub mod failpoint;
mod forget;
mod fresh;
mod futures;
mod gate;
mod grant;
mod grant_login;
mod history;
mod inspect;
mod invalidate;
mod journal;
mod lane;
pub(crate) mod leases;
mod login;
mod login_keys;
mod login_needed;
mod login_result;
mod metadata;
mod pending;
mod persistence;
mod principals;
mod record;
mod refresh;
mod registration;
pub(crate) mod rejected;
mod rotate;
mod salvage;
mod save;
mod seed;
mod shared;
mod single_flight;
mod slot;
mod storeless;
mod timer;
#[cfg_attr(not(feature = "tracing"), path = "client/untraced.rs")]
pub(crate) mod trace;
mod whom;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::background::Stop;
pub use self::builder::ClientBuilder;
pub use self::cancel::Cancel;
use self::counters::Counters;
pub use self::counters::Counts;
use self::failpoint::Point;
pub use self::forget::Revocation;
use self::fresh::Cache;
pub use self::fresh::{Cached, Fresh};
use self::futures::Reads;
pub use self::grant::Grant;
use self::grant::Whose;
pub use self::grant_login::{BegunLogin, FinishedLogin, LoginOptions};
pub use self::history::{Event, What};
pub use self::inspect::{EndedGrant, PendingAttempt, RecordSummary, ServerRest};
pub use self::pending::{Pending, TokenFuture};
use self::persistence::Persistence;
pub(crate) use self::record::guessed_lifetime;
pub use self::seed::SpentSeeds;
use self::shared::Shared;
use self::single_flight::{SingleFlight, Want};
use crate::{Connection, Error, Extra, Source, Token};

/// Returns a connection's token and keeps it valid.
///
/// A token is reused until less than `min_valid_s` of its lifetime is left. However many threads
/// call, at most one request is in flight. It runs on a thread of its own, so that a caller that
/// goes away doesn't interrupt it. If a refresh fails and the old token is still valid, callers get
/// the old one. A new refresh token is in the store before any caller sees the access token that
/// came with it.
///
/// Every call returns within [`Client::max_wait`], whatever other processes, the server or the
/// store do. After `fork`, a child must create its own client: the parent's client returns a valid
/// cached token there and rejects every other call.
///
/// Clones are handles to the same client.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use countersign_core::{Connection, Client, Profile, Request, Response, SendError, Settings, Transport};
///
/// #[derive(Debug)]
/// struct Canned;
///
/// impl Transport for Canned {
///     fn send(&self, _: &Request) -> Result<Response, SendError> {
///         Ok(Response::new(200, [], r#"{"access_token":"t0ken","expires_in":3600}"#))
///     }
/// }
///
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
/// let client = Client::builder(connection).transport(Arc::new(Canned)).build()?;
/// assert_eq!(client.token()?.expose(), "t0ken");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

/// The state of one grant.
struct Inner {
    whose: Whose,
    persistence: Persistence,
    /// The client that the server registered for this grant, if no `client_id` is set.
    registration: registration::Current,
    /// The fingerprint of the grant's requests. Only a token that was requested with the same one
    /// belongs to the grant. `None` if the provider fails, which fails its requests too.
    asks_for: Option<String>,
    single_flight: SingleFlight,
    reads: Reads,
    shown: Cache,
    counters: Counters,
    /// Dropped last: nobody has the token when the listener is dropped.
    shared: Arc<Shared>,
}

/// A change of a connection's grant. It is as durable as the store promises.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// The client has a new token.
    Obtained {
        /// The token.
        token: Token,
        /// Whether the refresh token was replaced.
        rotated: bool,
    },
    /// The connection was logged out, and its record was deleted.
    Forgotten,
}

impl Client {
    /// Creates a client with the connection's store and defaults for everything else.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::build`].
    #[cfg(feature = "ureq")]
    pub fn new(connection: Connection) -> Result<Self, Error> {
        Self::builder(connection).build()
    }

    /// Creates a builder for this connection's client.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Client, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// let transport = testing::MockTransport::new([Ok(testing::token_response("t1", 3600))]);
    /// let client = Client::builder(connection).transport(transport).build()?;
    /// assert_eq!(client.token()?.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn builder(connection: Connection) -> ClientBuilder {
        ClientBuilder::new(connection)
    }

    /// Returns the connection.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let client = testing::client([]).client;
    /// assert_eq!(client.connection().name(), "mine");
    /// ```
    pub fn connection(&self) -> &Connection {
        &self.0.shared.connection
    }

    /// Returns a token that is valid for at least the connection's `min_valid_s`.
    ///
    /// The cached token is returned if it is valid long enough. If the vendor issues tokens that
    /// hardly live longer than `min_valid_s`, each is used for half of its lifetime.
    ///
    /// # Errors
    ///
    /// If there is no valid token and the client can't get one. [`Error::verdict`] says what to do.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::testing;
    ///
    /// let test = testing::client([
    ///     Ok(testing::token_response("t1", 3600)),
    ///     Ok(testing::token_response("t2", 3600)),
    /// ]);
    /// assert_eq!(test.client.token()?.expose(), "t1");
    /// assert_eq!(test.client.token()?.expose(), "t1");
    /// test.clock.advance(Duration::from_secs(3600));
    /// assert_eq!(test.client.token()?.expose(), "t2");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn token(&self) -> Result<Token, Error> {
        match self.peek(None) {
            Some(token) => Ok(token),
            None => Inner::obtain(&self.0, DEFAULT_WANT),
        }
    }

    /// Returns the cached token if it is fresh, without taking a lock or waiting.
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::testing;
    /// # let client = testing::client([Ok(testing::token_response("t0ken", 3600))]).client;
    /// assert!(client.fresh().is_none());
    /// client.token()?;
    /// assert_eq!(client.fresh().unwrap().expose(), "t0ken");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[inline]
    pub fn fresh(&self) -> Option<Fresh<'_>> {
        self.0.shown.fresh(self.0.shared.clock.as_ref())
    }

    /// Returns the cached token if it is valid long enough, without waiting.
    ///
    /// Long enough means `min_valid`, or the connection's `min_valid_s` if that is `None`.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::testing;
    ///
    /// let client = testing::client([Ok(testing::token_response("t1", 3600))]).client;
    /// assert!(client.peek(None).is_none());
    /// client.token()?;
    /// assert!(client.peek(Some(Duration::from_secs(1800))).is_some());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn peek(&self, min_valid: Option<Duration>) -> Option<Token> {
        let token = match min_valid {
            None => self.fresh()?.with_source(Source::Cache),
            Some(min) => self.0.shown.valid_for(min, self.0.shared.clock.now())?,
        };
        self.0.counters.hits.add();
        Some(token)
    }

    /// Like [`Client::token`], for a token that is valid for at least `min_valid`.
    ///
    /// # Errors
    ///
    /// As [`Client::token`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::testing;
    ///
    /// let test = testing::client([
    ///     Ok(testing::token_response("t1", 3600)),
    ///     Ok(testing::token_response("t2", 3600)),
    /// ]);
    /// test.client.token()?;
    /// test.clock.advance(Duration::from_secs(1800));
    /// // A job that takes 40 minutes needs a token that outlives it.
    /// let job = Duration::from_secs(40 * 60);
    /// assert_eq!(test.client.token_valid_for(job)?.expose(), "t2");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn token_valid_for(&self, min_valid: Duration) -> Result<Token, Error> {
        let want = Want {
            min_valid: Some(min_valid),
            force: false,
        };
        Inner::obtain(&self.0, want)
    }

    /// Requests a new token, even if the cached one is valid.
    ///
    /// If the request fails and the cached token is still valid, that one is returned.
    ///
    /// # Errors
    ///
    /// As [`Client::token`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let client = testing::client([
    ///     Ok(testing::token_response("t1", 3600)),
    ///     Ok(testing::token_response("t2", 3600)),
    /// ]).client;
    /// client.token()?;
    /// assert_eq!(client.refresh_now()?.expose(), "t2");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn refresh_now(&self) -> Result<Token, Error> {
        let want = Want {
            force: true,
            ..DEFAULT_WANT
        };
        Inner::obtain(&self.0, want)
    }

    /// Returns this client's counters.
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::testing;
    /// # let client = testing::client([Ok(testing::token_response("t0ken", 3600))]).client;
    /// client.token()?;
    /// client.token()?;
    /// let counts = client.counts();
    /// assert_eq!((counts.minted, counts.hits), (1, 1));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn counts(&self) -> Counts {
        self.0.counters.counts()
    }

    /// Returns the last events in the history of the connection's grant, oldest first.
    ///
    /// They say who refreshed when, and how it ended. They contain no token.
    ///
    /// # Errors
    ///
    /// If the store can't be read.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{MemoryStore, What, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "refresh-token"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("refresh_token", "r0"),
    /// # ])?;
    /// let responses = [Ok(testing::rotated_response("t1", "r1", 3600))];
    /// let client = testing::client_of(connection, responses, Arc::new(MemoryStore::new())).client;
    /// client.token()?;
    /// let events: Vec<_> = client.events()?.iter().map(|event| event.what).collect();
    /// assert_eq!(events, [What::Intended, What::Refreshed]);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn events(&self) -> Result<Vec<Event>, Error> {
        self.events_async().wait()
    }

    /// Returns when the stored refresh token expires, in seconds since 1970, if the vendor said so.
    ///
    /// # Errors
    ///
    /// If the store can't be read.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{MemoryStore, Response, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "refresh-token"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("refresh_token", "r0"),
    /// # ])?;
    /// let body = r#"{"access_token":"t1","refresh_token":"r1","refresh_token_expires_in":86400}"#;
    /// let responses = [Ok(Response::new(200, [], body))];
    /// let client = testing::client_of(connection, responses, Arc::new(MemoryStore::new())).client;
    /// client.token()?;
    /// assert_eq!(client.refresh_token_expires_at()?, Some(testing::NOW + 86_400));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn refresh_token_expires_at(&self) -> Result<Option<i64>, Error> {
        self.refresh_token_expires_at_async().wait()
    }

    /// Returns whether a refresh token is stored.
    ///
    /// Without one, a person has to log in again when the access token expires.
    ///
    /// # Errors
    ///
    /// If the store can't be read.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{MemoryStore, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "refresh-token"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("refresh_token", "r0"),
    /// # ])?;
    /// let responses = [Ok(testing::rotated_response("t1", "r1", 3600))];
    /// let client = testing::client_of(connection, responses, Arc::new(MemoryStore::new())).client;
    /// client.token()?;
    /// assert!(client.has_refresh_token()?);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn has_refresh_token(&self) -> Result<bool, Error> {
        Inner::bounded(&self.0, "reading the record", |inner| {
            inner.has_refresh_token()
        })
    }

    /// Returns whom the token is for and where its API is, if the vendor says so.
    ///
    /// This combines what came with the token and the vendor's userinfo, which is requested once
    /// and stored. If the vendor rejects the token (401), it is invalidated and replaced once.
    ///
    /// # Errors
    ///
    /// As [`Client::token`], and if the vendor rejects the userinfo request.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Response, testing};
    ///
    /// // Acme's profile keeps the member `instance` of a token response.
    /// let body = r#"{"access_token":"t1","expires_in":3600,"instance":"eu-7"}"#;
    /// let client = testing::client([Ok(Response::new(200, [], body))]).client;
    /// assert_eq!(client.identity()?["instance"], "eu-7");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn identity(&self) -> Result<Extra, Error> {
        self.identity_async().wait()
    }

    /// Like [`Client::identity`], for a token that you already have.
    ///
    /// Another token is requested only if the vendor rejects this one.
    ///
    /// # Errors
    ///
    /// As [`Client::identity`].
    pub fn identity_of(&self, token: &Token) -> Result<Extra, Error> {
        let token = token.clone();
        Inner::bounded(&self.0, "the identity request", move |inner| {
            inner.identity_or_replace(&token)
        })
    }

    /// Returns why the latest token couldn't be stored, if so.
    ///
    /// The token is in memory then. Nothing is lost while this process runs, and each call
    /// that is not served from the cache tries to store it again.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let client = testing::client([Ok(testing::token_response("t1", 3600))]).client;
    /// client.token()?;
    /// if let Some(error) = client.unsaved() {
    ///     eprintln!("the token is only in memory: {error}");
    /// }
    /// # assert!(client.unsaved().is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn unsaved(&self) -> Option<Error> {
        self.0.check_process().ok()?;
        self.0.single_flight.unsaved()
    }
}

impl Inner {
    fn new(
        shared: Arc<Shared>,
        whose: Whose,
        persistence: Persistence,
        asks_for: Option<String>,
    ) -> Self {
        Self {
            shared,
            whose,
            persistence,
            registration: registration::Current::default(),
            asks_for,
            single_flight: SingleFlight::default(),
            reads: Reads::default(),
            shown: Cache::default(),
            counters: Counters::default(),
        }
    }

    /// Returns how much of a token's lifetime must be left to use it without a refresh.
    ///
    /// This is the connection's `min_valid_s` plus this client's share of the jitter.
    fn early(&self, token: &Token) -> Duration {
        const MAX_SPREAD: Duration = Duration::from_secs(60);
        let spread = (token.data().lifetime.length / 20).min(MAX_SPREAD);
        self.shared.connection.min_valid() + spread.mul_f32(self.shared.jitter)
    }

    fn failpoint(&self, point: Point) -> Result<(), Error> {
        match &self.shared.failpoints {
            Some(failpoints) => failpoints.at(point),
            None => Ok(()),
        }
    }

    fn notify(&self, change: &Change) {
        match (
            self.principal(),
            &self.shared.listener,
            &self.shared.grant_listener,
        ) {
            (None, Some(listener), _) => listener(change),
            (Some(id), _, Some(listener)) => listener(id, change),
            _ => {}
        }
    }
}

/// The default: the connection's `min_valid_s`, without forcing a request.
const DEFAULT_WANT: Want = Want {
    min_valid: None,
    force: false,
};

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("connection", &self.0.shared.connection.name())
            .field("principal", &self.0.principal())
            .field("store", &self.0.persistence.store())
            .finish_non_exhaustive()
    }
}

/// Builds the error for a response whose access token has already expired.
///
/// No API accepts such a token. The response's new refresh token, if any, is stored.
pub(crate) fn born_expired(connection: &Connection) -> Error {
    let vendor = &connection.profile().name;
    let message = format!(
        "{vendor} returned an expired access token: its `expires_in` is not above 0, or its own `exp` has passed"
    );
    Error::new(crate::ErrorKind::Unreadable, message)
        .with_provider(&connection.profile().id)
        .with_hint("raise the access token lifetime in the app's settings at the vendor, and check this machine's clock")
}
