//! Keeps a connection's token: from memory, from the store, or by one request at a time.

mod background;
pub(crate) mod bound;
mod counters;
mod credentials;
mod defaults;
mod drain;
mod earlier;
pub mod failpoint;
mod forget;
mod fresh;
mod history;
mod inspect;
mod invalidate;
mod journal;
pub(crate) mod lease;
mod login_needed;
mod login_result;
mod record;
mod refresh;
pub(crate) mod rejected;
mod rotate;
mod salvage;
mod save;
mod seed;
mod single_flight;
mod storeless;
mod whom;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

pub use self::background::Stop;
use self::counters::Counters;
pub use self::counters::Counts;
use self::credentials::Credentials;
use self::failpoint::{Failpoints, Point};
pub use self::forget::Revocation;
use self::fresh::Shown;
pub use self::fresh::{Cached, Fresh};
pub use self::history::{Event, What};
pub use self::inspect::{EndedGrant, PendingAttempt, RecordSummary, ServerRest};
use self::refresh::Returned;
pub use self::seed::SpentSeeds;
pub use self::single_flight::TokenFuture;
use self::single_flight::{SingleFlight, Want};
use crate::{
    Clock, Connection, Durability, Error, Extra, Login, Owner, Random, Source, Store, StoreKey,
    StoreSetting, SystemClock, SystemRandom, Token, Transport, login, random,
    read_authorization_response, store,
};

/// Hands out a connection's token and keeps it valid.
///
/// A token is reused until less than `min_valid_s` of it is left. However many threads ask, at
/// most one request is under way; it runs on a thread of its own, so that a caller that goes away
/// does not cut it off. Where a refresh fails and the old token is still valid, callers get that.
/// A new refresh token is in the store before any caller sees the access token it came with.
///
/// Whatever other processes, the server or the store do, a call returns within [`Client::max_wait`],
/// five times the connection's `timeout_ms` plus 60 s, and usually long before. After `fork`, a child makes its own
/// client: its parent's hands out what it has in memory and refuses everything else.
///
/// Cloning gives another handle to the same client.
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

struct Inner {
    connection: Connection,
    credentials: Credentials,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    store: Arc<dyn Store>,
    key: StoreKey,
    /// What the connection asks for: only a token that was asked for alike is its own. None if the
    /// provider fails to say, as its requests then do.
    asks_for: Option<String>,
    owner: Owner,
    /// A child of fork has none of the threads and leases that this state is about.
    process: u32,
    /// Host, process and client, as the history of events names them.
    who: String,
    /// Between 0 and 1, and another for every client: keeps a fleet from acting all at once.
    jitter: f32,
    /// How far the server's clock is ahead of ours, where assertions must follow it.
    skew_s: AtomicI64,
    single_flight: SingleFlight,
    shown: Shown,
    counters: Counters,
    fallback: Option<Arc<dyn Store>>,
    spent_seeds: Option<Arc<dyn SpentSeeds>>,
    listener: Option<Listener>,
    warning: Option<OnWarning>,
    failpoints: Option<Arc<dyn Failpoints>>,
    /// Instead of what the settings say, for tests.
    max_wait: Option<Duration>,
}

type OnWarning = Arc<dyn Fn(&Error) + Send + Sync>;
type Listener = Arc<dyn Fn(&Change) + Send + Sync>;

/// A change that is durable, as far as the store promises.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// There is a new token.
    Obtained {
        /// The token.
        token: Token,
        /// Whether the refresh token was replaced.
        rotated: bool,
    },
    /// The connection was forgotten.
    Forgotten,
}

/// Puts a client together; what is not given is the usual.
pub struct ClientBuilder {
    connection: Connection,
    transport: Option<Arc<dyn Transport>>,
    clock: Option<Arc<dyn Clock>>,
    random: Option<Arc<dyn Random>>,
    store: Option<Arc<dyn Store>>,
    fallback: Option<Arc<dyn Store>>,
    spent_seeds: Option<Arc<dyn SpentSeeds>>,
    listener: Option<Listener>,
    warning: Option<OnWarning>,
    failpoints: Option<Arc<dyn Failpoints>>,
    max_wait: Option<Duration>,
}

impl Client {
    /// A client with the usual transport, clock and randomness, and the connection's store.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::build`].
    #[cfg(feature = "ureq")]
    pub fn new(connection: Connection) -> Result<Self, Error> {
        Self::builder(connection).build()
    }

    /// A client put together piece by piece.
    pub fn builder(connection: Connection) -> ClientBuilder {
        ClientBuilder {
            connection,
            transport: None,
            clock: None,
            random: None,
            store: None,
            fallback: None,
            spent_seeds: None,
            listener: None,
            warning: None,
            failpoints: None,
            max_wait: None,
        }
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// A token that is valid for at least the connection's `min_valid_s`, where the vendor gives
    /// such tokens.
    ///
    /// # Errors
    ///
    /// Where there is no valid token and none can be had; [`Error::verdict`] says what to do.
    pub fn token(&self) -> Result<Token, Error> {
        match self.peek(None) {
            Some(token) => Ok(token),
            None => Inner::obtain(&self.0, USUAL),
        }
    }

    /// The token in memory, where it is fresh: without a lock, and without waiting for anything.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use countersign_core::{Connection, Client, Profile, Request, Response, SendError, Settings, Transport};
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
    /// # let client = Client::builder(connection).transport(Arc::new(Canned)).build()?;
    /// assert!(client.fresh().is_none());
    /// client.token()?;
    /// assert_eq!(client.fresh().unwrap().expose(), "t0ken");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[inline]
    pub fn fresh(&self) -> Option<Fresh<'_>> {
        self.0.shown.fresh(self.0.clock.as_ref())
    }

    /// As [`Client::token`], or with `min_valid` as [`Client::token_valid_for`], where such a token
    /// is in memory; never waits.
    pub fn peek(&self, min_valid: Option<Duration>) -> Option<Token> {
        let token = match min_valid {
            None => self.fresh()?.with_source(Source::Cache),
            Some(least) => self.0.shown.valid_for(least, self.0.clock.now())?,
        };
        self.0.counters.hits.add();
        Some(token)
    }

    /// As [`Client::token`], for async code on any runtime: resolves at once where the token is
    /// fresh, and else when the request's own thread is done. Dropping it does not cut that off.
    pub fn token_async(&self) -> TokenFuture {
        TokenFuture::new(&self.0, USUAL)
    }

    /// As [`Client::token`], valid for at least this long.
    ///
    /// # Errors
    ///
    /// As [`Client::token`].
    pub fn token_valid_for(&self, min_valid: Duration) -> Result<Token, Error> {
        let want = Want {
            min_valid: Some(min_valid),
            force: false,
        };
        Inner::obtain(&self.0, want)
    }

    /// A token asked for now, even though there may be a valid one.
    ///
    /// # Errors
    ///
    /// As [`Client::token`]. Where the refresh fails and the old token is still valid, that one
    /// is returned.
    pub fn refresh_now(&self) -> Result<Token, Error> {
        let want = Want {
            force: true,
            ..USUAL
        };
        Inner::obtain(&self.0, want)
    }

    /// How often what happened, since this client was made.
    pub fn counts(&self) -> Counts {
        self.0.counters.counts()
    }

    /// The last events in the life of the connection's grant, oldest first, without a token in
    /// them: who refreshed when, and how it ended.
    ///
    /// # Errors
    ///
    /// Where the store cannot be read.
    pub fn events(&self) -> Result<Vec<Event>, Error> {
        Inner::bounded(&self.0, "the reading of events", |inner| {
            save::events(inner.store.as_ref(), &inner.key, inner.clock.now())
        })
    }

    /// Returns when the stored refresh token expires, in seconds since 1970, if the vendor said so.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn refresh_token_expires_at(&self) -> Result<Option<i64>, Error> {
        save::refresh_token_expires_at(self.0.store.as_ref(), &self.0.key, self.0.clock.now())
    }

    /// Begins a login that comes back to this redirect URI, by default the connection's.
    ///
    /// # Errors
    ///
    /// As [`Login::start`]; also where no redirect URI is known.
    pub fn start_login(&self, redirect_uri: Option<&str>) -> Result<Login, Error> {
        let connection = &self.0.connection;
        let own = connection.redirect_uri().map(crate::Url::as_str);
        let missing = || Error::missing("redirect_uri").with_hint("a login needs it");
        let redirect_uri = redirect_uri.or(own).ok_or_else(missing)?;
        Login::start(connection, redirect_uri, self.0.random.as_ref())
    }

    /// Ends a login: checks what the browser came back with, exchanges the code once, and keeps
    /// what it brings. `callback` is the URL that the browser was sent to, or its query.
    ///
    /// [`Client::login_warnings`] says what the login did not bring.
    ///
    /// # Errors
    ///
    /// As [`read_authorization_response`](crate::read_authorization_response), and if the exchange or the store fails.
    pub fn complete_login(&self, login: &Login, callback: &str) -> Result<Token, Error> {
        let connection = &self.0.connection;
        let grant = read_authorization_response(connection, login, callback)?;
        let kept = login::kept_parameters(connection.profile(), callback)?;
        let login = login.clone();
        Inner::bounded(&self.0, "the login", move |inner| {
            let login = &login;
            inner.exchange_login(&grant, &Returned { login, kept })
        })
    }

    /// Whether a refresh token is kept: without one, a person has to log in again when the token of
    /// a login ends.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn has_refresh_token(&self) -> Result<bool, Error> {
        Inner::bounded(&self.0, "the reading of the record", |inner| {
            inner.has_refresh_token()
        })
    }

    /// Returns whom the token stands for and where its API is, if the vendor tells: what came with
    /// the token and the vendor's userinfo, which is asked for once and kept.
    ///
    /// If the vendor rejects the token (401), it is invalidated and replaced once.
    ///
    /// # Errors
    ///
    /// As [`Client::token`], and if the vendor refuses.
    pub fn identity(&self) -> Result<Extra, Error> {
        Inner::bounded(&self.0, "the identity request", |inner| {
            let token = Self(Arc::clone(inner)).token()?;
            inner.identity_or_replace(&token)
        })
    }

    /// Like [`Client::identity`], for a token that the caller has already: asks for no other one,
    /// unless the vendor rejects it.
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

    /// Why the last token that was got could not be stored, if so. It is in memory then: nothing
    /// is lost while this process runs, and each call tries to store it again.
    pub fn unsaved(&self) -> Option<Error> {
        self.0.check_process().ok()?;
        self.0.single_flight.unsaved()
    }
}

impl ClientBuilder {
    /// What posts.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// What tells the time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// What gives randomness.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = Some(random);
        self
    }

    /// Where tokens survive, instead of what the setting `store` says.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Opens the store that the connection names with this function. If it cannot be opened and the
    /// grant needs no store (`jwt-bearer`, `client-credentials`), the client gives tokens without,
    /// and tries again when it next asks for one; [`Client::unsaved`] tells why.
    ///
    /// # Errors
    ///
    /// What the function says, if the grant needs the store or the setting is wrong.
    pub fn open_store(
        self,
        open: impl Fn(&StoreSetting) -> Result<Arc<dyn Store>, store::Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let store = storeless::open(&self.connection, open)?;
        Ok(self.store(store))
    }

    /// A second place, for a new token that the store does not take: best on another disk. It is
    /// durable there, and moves to the store as soon as that takes it.
    #[must_use]
    pub fn fallback_store(mut self, fallback: Arc<dyn Store>) -> Self {
        self.fallback = Some(fallback);
        self
    }

    /// Remembers, apart from the store, that the setting `refresh_token` is spent: a store that was
    /// lost must not make it be presented again.
    #[must_use]
    pub fn spent_seeds(mut self, spent: Arc<dyn SpentSeeds>) -> Self {
        self.spent_seeds = Some(spent);
        self
    }

    /// What is called after each change that is durable, on the thread that made it. It must not
    /// wait for a token of the same client.
    #[must_use]
    pub fn on_change(mut self, listener: impl Fn(&Change) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Sets what is called about a problem that kept nothing from working so far, such as a file of
    /// a secret that has changed and cannot be read: the former secret stays in use. Also about a
    /// login that brought less than was asked for, as [`Client::login_warnings`] says it.
    #[must_use]
    pub fn on_warning(mut self, warning: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.warning = Some(Arc::new(warning));
        self
    }

    /// For tests of the client itself.
    #[doc(hidden)]
    #[must_use]
    pub fn failpoints(mut self, failpoints: Arc<dyn Failpoints>) -> Self {
        self.failpoints = Some(failpoints);
        self
    }

    /// For tests of the bound itself, which would take minutes otherwise.
    #[doc(hidden)]
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = Some(max_wait);
        self
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// Where the transport or store cannot be made from the connection's settings, or there is no
    /// randomness; and if the provider's [`crate::Provider::parameters`] are others each time.
    pub fn build(self) -> Result<Client, Error> {
        let connection = self.connection;
        let random = self.random.unwrap_or_else(|| Arc::new(SystemRandom::new()));
        let transport = match self.transport {
            Some(transport) => transport,
            None => defaults::transport(&connection)?,
        };
        let store = match self.store {
            Some(store) => store,
            None => {
                let create = connection.store_create();
                storeless::open(&connection, move |setting| defaults::store(setting, create))?
            }
        };
        let promised = store.capabilities();
        if promised.shared || promised.durability > Durability::Ephemeral {
            connection.check_named()?;
        }
        connection.check_parameters()?;
        let mut credentials = Credentials::new(connection.clone());
        let mut seal = |store: Arc<dyn Store>| credentials.seal(store);
        let (store, fallback) = (seal(store), self.fallback.map(seal));
        let key = connection.record_key();
        let word = random::word(random.as_ref())?;
        let spread = random::bytes(random.as_ref())?;
        Ok(Client(Arc::new(Inner {
            who: Owner::of_this_process(&word[..6]).as_str().to_owned(),
            jitter: f32::from(u16::from_be_bytes([spread[0], spread[1]])) / 65_536.0,
            owner: Owner::of_this_process(&word),
            process: std::process::id(),
            transport,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
            random,
            store,
            key,
            asks_for: connection.request_fingerprint().ok(),
            connection,
            credentials,
            skew_s: AtomicI64::new(0),
            single_flight: SingleFlight::default(),
            shown: Shown::default(),
            counters: Counters::default(),
            fallback,
            spent_seeds: self.spent_seeds,
            listener: self.listener,
            warning: self.warning,
            failpoints: self.failpoints,
            max_wait: self.max_wait,
        })))
    }
}

impl Inner {
    /// How much must be left of a token for it to be handed out without a refresh: the
    /// connection's `min_valid_s`, and a bit by which a fleet's clients differ.
    fn early(&self, token: &Token) -> Duration {
        const MOST: Duration = Duration::from_secs(60);
        let spread = (token.facts().lifetime.length / 20).min(MOST);
        self.connection.min_valid() + spread.mul_f32(self.jitter)
    }

    fn failpoint(&self, point: Point) -> Result<(), Error> {
        match &self.failpoints {
            Some(failpoints) => failpoints.at(point),
            None => Ok(()),
        }
    }

    fn tell(&self, change: &Change) {
        if let Some(listener) = &self.listener {
            listener(change);
        }
    }
}

/// What a caller wants who says nothing.
const USUAL: Want = Want {
    min_valid: None,
    force: false,
};

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("connection", &self.0.connection.name())
            .field("store", &self.0.store)
            .finish_non_exhaustive()
    }
}

/// A server that says so gives what no API takes, or means something else by it. The new refresh
/// token, if there is one, is kept.
pub(crate) fn born_expired(connection: &Connection) -> Error {
    let vendor = &connection.profile().name;
    let message = format!(
        "{vendor} gave an access token that has expired already: its `expires_in` is not above 0, or its own `exp` is over"
    );
    Error::new(crate::ErrorKind::Unreadable, message)
        .with_provider(&connection.profile().id)
        .with_hint("set the lifetime of access tokens in the app's settings at the vendor, and check this machine's clock")
}
