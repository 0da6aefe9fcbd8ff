//! The builder of a client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::Duration;

use super::credentials::Credentials;
use super::failpoint::Failpoints;
use super::grant::Whose;
use super::leases::Leases;
use super::login_keys::LoginKeys;
use super::metadata::Metadata;
use super::persistence::Persistence;
use super::principals::Principals;
use super::seed::SpentSeeds;
use super::shared::{GrantListener, Listener, OnWarning, Shared};
use super::timer::Timer;
use super::{Change, Client, Inner, defaults, storeless};
use crate::{
    Clock, Connection, Durability, Error, GrantId, Owner, Random, Store, StoreSetting, SystemClock,
    SystemRandom, Transport, random, store,
};

/// Builds a client. Anything not set uses its default.
pub struct ClientBuilder {
    connection: Connection,
    transport: Option<Arc<dyn Transport>>,
    clock: Option<Arc<dyn Clock>>,
    random: Option<Arc<dyn Random>>,
    store: Option<Arc<dyn Store>>,
    fallback: Option<Arc<dyn Store>>,
    spent_seeds: Option<Arc<dyn SpentSeeds>>,
    listener: Option<Listener>,
    grant_listener: Option<GrantListener>,
    warning: Option<OnWarning>,
    failpoints: Option<Arc<dyn Failpoints>>,
    max_wait: Option<Duration>,
    max_grants: usize,
}

impl ClientBuilder {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            transport: None,
            clock: None,
            random: None,
            store: None,
            fallback: None,
            spent_seeds: None,
            listener: None,
            grant_listener: None,
            warning: None,
            failpoints: None,
            max_wait: None,
            max_grants: 10_000,
        }
    }

    /// Sets the HTTP transport.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Client, Request, Response, SendError, Transport, testing};
    ///
    /// /// A transport without a network.
    /// #[derive(Debug)]
    /// struct Canned;
    ///
    /// impl Transport for Canned {
    ///     fn send(&self, _: &Request) -> Result<Response, SendError> {
    ///         Ok(testing::token_response("t1", 3600))
    ///     }
    /// }
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// let client = Client::builder(connection).transport(std::sync::Arc::new(Canned)).build()?;
    /// assert_eq!(client.token()?.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Sets the clock.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use countersign_core::{Client, testing};
    /// # let connection = testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// # let transport = testing::MockTransport::new([Ok(testing::token_response("t0ken", 3600))]);
    /// use std::time::Duration;
    /// use countersign_core::ManualClock;
    ///
    /// let clock = Arc::new(ManualClock::at(1_700_000_000));
    /// let builder = Client::builder(connection).transport(transport);
    /// let client = builder.clock(clock.clone()).build()?;
    /// client.token()?;
    /// assert!(client.fresh().is_some());
    /// clock.advance(Duration::from_secs(3600));
    /// assert!(client.fresh().is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the random number generator.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{Client, SystemRandom, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// let client = Client::builder(connection)
    ///     .transport(testing::MockTransport::new([]))
    ///     .random(Arc::new(SystemRandom::new()))
    ///     .build()?;
    /// assert_ne!(client.start_login(None)?.state(), client.start_login(None)?.state());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = Some(random);
        self
    }

    /// Sets the store. Overrides the setting `store`.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use countersign_core::{Client, testing};
    /// # let connection = testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// # let transport = testing::MockTransport::new([Ok(testing::token_response("t0ken", 3600))]);
    /// use countersign_core::{MemoryStore, Source};
    ///
    /// let store = Arc::new(MemoryStore::new());
    /// let client = || {
    ///     let builder = Client::builder(connection.clone()).transport(transport.clone());
    ///     builder.store(store.clone()).build()
    /// };
    /// client()?.token()?;
    /// assert_eq!(client()?.token()?.source(), Source::Store);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Opens the store that the connection names, using this function.
    ///
    /// If the store can't be opened and the grant doesn't need one (`jwt-bearer`,
    /// `client-credentials`), the client returns tokens without it and tries to open it again with
    /// the next request. [`Client::unsaved`] returns the reason.
    ///
    /// # Errors
    ///
    /// The function's error, if the grant needs the store or the setting is wrong.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{Client, MemoryStore, Store, StoreSetting, store, testing};
    ///
    /// /// Opens only memory stores.
    /// fn open(setting: &StoreSetting) -> Result<Arc<dyn Store>, store::Error> {
    ///     match setting {
    ///         StoreSetting::Memory => Ok(Arc::new(MemoryStore::new())),
    ///         _ => Err(store::Error::setting("store", "this program keeps tokens in memory")),
    ///     }
    /// }
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// let transport = testing::MockTransport::new([Ok(testing::token_response("t1", 3600))]);
    /// let client = Client::builder(connection).transport(transport).open_store(open)?.build()?;
    /// assert_eq!(client.token()?.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn open_store(
        self,
        open: impl Fn(&StoreSetting) -> Result<Arc<dyn Store>, store::Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let store = storeless::open(&self.connection, open)?;
        Ok(self.store(store))
    }

    /// Sets a second store, preferably on another disk, for new tokens that the store rejects.
    ///
    /// Such a token is durable there, and moves to the store as soon as the store accepts it.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{Client, FileStore, testing};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "refresh-token"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("refresh_token", "r0"),
    /// # ])?;
    /// let client = Client::builder(connection)
    ///     .transport(testing::MockTransport::new([Ok(testing::rotated_response("t1", "r1", 3600))]))
    ///     .store(Arc::new(FileStore::open(folder.path().join("tokens"))?))
    ///     .fallback_store(Arc::new(FileStore::open(folder.path().join("fallback"))?))
    ///     .build()?;
    /// client.token()?;
    /// assert!(client.unsaved().is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn fallback_store(mut self, fallback: Arc<dyn Store>) -> Self {
        self.fallback = Some(fallback);
        self
    }

    /// Sets where to remember, apart from the store, that the setting `refresh_token` was spent.
    ///
    /// A client whose store was lost doesn't send it again.
    #[must_use]
    pub fn spent_seeds(mut self, spent: Arc<dyn SpentSeeds>) -> Self {
        self.spent_seeds = Some(spent);
        self
    }

    /// Sets a function to call after each durable change, on the thread that made it.
    ///
    /// It must not wait for a token of the same client.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use countersign_core::{Client, testing};
    /// # let connection = testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// # let transport = testing::MockTransport::new([Ok(testing::token_response("t0ken", 3600))]);
    /// use std::sync::Mutex;
    /// use countersign_core::{Change, Source};
    ///
    /// let obtained = Arc::new(Mutex::new(Vec::new()));
    /// let log = Arc::clone(&obtained);
    /// let builder = Client::builder(connection).transport(transport);
    /// let builder = builder.on_change(move |change| {
    ///     if let Change::Obtained { token, .. } = change {
    ///         log.lock().unwrap().push(token.source());
    ///     }
    /// });
    /// builder.build()?.token()?;
    /// assert_eq!(*obtained.lock().unwrap(), [Source::Minted]);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn on_change(mut self, listener: impl Fn(&Change) + Send + Sync + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Like [`ClientBuilder::on_change`], for changes of the grants of principals, which
    /// [`Client::grant`] returns.
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::{Client, testing};
    /// # let connection = testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// let client = Client::builder(connection)
    ///     .transport(testing::MockTransport::new([]))
    ///     .on_grant_change(|id, change| println!("{id}: {change:?}"))
    ///     .build()?;
    /// # assert!(client.grant("acme/42").is_ok());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn on_grant_change(
        mut self,
        listener: impl Fn(&GrantId, &Change) + Send + Sync + 'static,
    ) -> Self {
        self.grant_listener = Some(Arc::new(listener));
        self
    }

    /// Sets how many grants of principals are kept in memory. Defaults to 10,000.
    ///
    /// Beyond that, a grant that nobody has a handle of is evicted. The next call for it reads the
    /// store.
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::{Client, testing};
    /// # let connection = testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// let builder = Client::builder(connection).transport(testing::MockTransport::new([]));
    /// let client = builder.max_grants(100_000).build()?;
    /// # assert!(client.grant("acme/42").is_ok());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn max_grants(mut self, max_grants: usize) -> Self {
        self.max_grants = max_grants;
        self
    }

    /// Sets a function to call about problems that nothing failed from so far.
    ///
    /// For example, a secret's file changed and can't be read, so the previous secret stays in use.
    /// Also called with each of the [`Client::login_warnings`] after a login.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Client, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// # let warnings = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    /// # let log = std::sync::Arc::clone(&warnings);
    /// let client = Client::builder(connection)
    ///     .transport(testing::MockTransport::new([Ok(testing::token_response("t1", 3600))]))
    ///     .on_warning(move |warning| {
    ///         eprintln!("warning: {warning}");
    /// #       log.lock().unwrap().push(warning.message().to_owned());
    ///     })
    ///     .build()?;
    /// let login = client.start_login(None)?;
    /// // Warns, because the response has no refresh token.
    /// client.complete_login(&login, &format!("code=c0de&state={}", login.state()))?;
    /// # assert!(warnings.lock().unwrap()[0].contains("refresh token"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn on_warning(mut self, warning: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.warning = Some(Arc::new(warning));
        self
    }

    /// Sets the failpoints, for tests of the client itself.
    #[doc(hidden)]
    #[must_use]
    pub fn failpoints(mut self, failpoints: Arc<dyn Failpoints>) -> Self {
        self.failpoints = Some(failpoints);
        self
    }

    /// Overrides [`Client::max_wait`], for tests that would take minutes otherwise.
    #[doc(hidden)]
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = Some(max_wait);
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// If the transport or the store can't be created from the connection's settings, if there are
    /// no random bytes, or if the provider's [`crate::Provider::parameters`] differ between calls.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Client, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// // Sends nothing yet.
    /// let client = Client::builder(connection).transport(testing::MockTransport::new([])).build()?;
    /// assert!(client.fresh().is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
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
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let (store, fallback) = (seal(store), self.fallback.map(seal));
        let word = random::word(random.as_ref())?;
        let spread = random::bytes(random.as_ref())?;
        let leases = Leases::new(
            Arc::clone(&store),
            Owner::of_this_process(&word),
            Arc::clone(&clock),
            &connection,
        );
        let connection = Arc::new(connection);
        let persistence =
            Persistence::new(store, fallback, Arc::clone(&clock), Arc::clone(&connection));
        let asks_for = connection.request_fingerprint().ok();
        let shared = Shared {
            who: Owner::of_this_process(&word[..6]).as_str().to_owned(),
            jitter: f32::from(u16::from_be_bytes([spread[0], spread[1]])) / 65_536.0,
            transport,
            leases,
            clock,
            random,
            connection,
            credentials,
            metadata: Metadata::default(),
            login_keys: LoginKeys::default(),
            skew_s: AtomicI64::new(0),
            timer: Timer::default(),
            spent_seeds: self.spent_seeds,
            draining: AtomicBool::new(false),
            listener: self.listener,
            grant_listener: self.grant_listener,
            warning: self.warning,
            failpoints: self.failpoints,
            max_wait: self.max_wait,
        };
        let whose = Whose::Connection(Principals::new(self.max_grants));
        let inner = Inner::new(Arc::new(shared), whose, persistence, asks_for);
        Ok(Client(Arc::new(inner)))
    }
}
