//! Keeps a connection's token: from memory, from the store, or by one request at a time.

mod flight;
mod record;
mod refresh;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::flight::Flights;
use crate::{
    Clock, Connection, Error, Extra, Login, MemoryStore, Owner, Random, Store, StoreKey,
    StoreSetting, SystemClock, SystemRandom, Token, Transport, Verdict, random,
};

/// Hands out a connection's token and keeps it valid.
///
/// A token is reused until less than `min_valid_s` of it is left. However many threads ask, at
/// most one request is under way; it runs on a thread of its own, so that a caller that goes away
/// does not cut it off. Where a refresh fails and the old token is still valid, callers get that.
/// A new refresh token is in the store before any caller sees the access token it came with.
///
/// Cloning gives another handle to the same keeper.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use countersign::{Connection, Keeper, Profile, Request, Response, SendError, Settings, Transport};
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
/// # let connection = Connection::new("mine", &settings, countersign::from_profile(profile))?;
/// let keeper = Keeper::builder(connection).transport(Arc::new(Canned)).build()?;
/// assert_eq!(keeper.token()?.expose(), "t0ken");
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone)]
pub struct Keeper(Arc<Inner>);

struct Inner {
    connection: Connection,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    store: Arc<dyn Store>,
    key: StoreKey,
    owner: Owner,
    flights: Flights,
}

/// Puts a keeper together; what is not given is the usual.
pub struct KeeperBuilder {
    connection: Connection,
    transport: Option<Arc<dyn Transport>>,
    clock: Option<Arc<dyn Clock>>,
    random: Option<Arc<dyn Random>>,
    store: Option<Arc<dyn Store>>,
}

/// What was done at the vendor when a connection was forgotten.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Revocation {
    /// The vendor revoked the token.
    Revoked,
    /// The vendor has no revocation, so that only the copy here is gone.
    NotOffered,
    /// There was nothing to revoke.
    NothingHeld,
    /// The vendor did not revoke; the copy here is gone all the same.
    Failed(Error),
}

impl Keeper {
    /// A keeper with the usual transport, clock and randomness, and the connection's store.
    ///
    /// # Errors
    ///
    /// As [`KeeperBuilder::build`].
    #[cfg(feature = "ureq")]
    pub fn new(connection: Connection) -> Result<Self, Error> {
        Self::builder(connection).build()
    }

    /// A keeper put together piece by piece.
    pub fn builder(connection: Connection) -> KeeperBuilder {
        KeeperBuilder {
            connection,
            transport: None,
            clock: None,
            random: None,
            store: None,
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
        self.token_valid_for(self.0.connection.min_valid())
    }

    /// As [`Keeper::token`], valid for at least this long.
    ///
    /// # Errors
    ///
    /// As [`Keeper::token`].
    pub fn token_valid_for(&self, min_valid: Duration) -> Result<Token, Error> {
        Inner::obtain(&self.0, min_valid, false)
    }

    /// A token asked for now, even though there may be a valid one.
    ///
    /// # Errors
    ///
    /// As [`Keeper::token`]. Where the refresh fails and the old token is still valid, that one
    /// is returned.
    pub fn refresh_now(&self) -> Result<Token, Error> {
        Inner::obtain(&self.0, self.0.connection.min_valid(), true)
    }

    /// Begins a login that comes back to this redirect URI, by default the connection's.
    ///
    /// # Errors
    ///
    /// As [`Login::start`]; also where no redirect URI is known.
    pub fn start_login(&self, redirect_uri: Option<&str>) -> Result<Login, Error> {
        let connection = &self.0.connection;
        let own = connection.redirect_uri().map(crate::Url::as_str);
        let missing = || crate::connection::missing("redirect_uri").with_hint("a login needs it");
        let redirect_uri = redirect_uri.or(own).ok_or_else(missing)?;
        Login::start(connection, redirect_uri, self.0.random.as_ref())
    }

    /// Ends a login: checks the query that the browser came back with, exchanges the code once,
    /// and keeps what it brings.
    ///
    /// # Errors
    ///
    /// As [`Login::finish`], and where the exchange or the store fails.
    pub fn complete_login(&self, login: &Login, query: &str) -> Result<Token, Error> {
        let grant = login.finish(query)?;
        self.0.exchange_login(&grant)
    }

    /// Whom the token stands for and where its API is, where the vendor tells: what came with
    /// the token and, asked for once and kept, the vendor's userinfo.
    ///
    /// # Errors
    ///
    /// As [`Keeper::token`], and where the vendor refuses.
    pub fn identity(&self) -> Result<Extra, Error> {
        self.0.identity(&self.token()?)
    }

    /// Revokes the token at the vendor, where it can be, and forgets it here.
    ///
    /// # Errors
    ///
    /// Where the store fails. A vendor that refuses to revoke is told in [`Revocation::Failed`].
    pub fn forget(&self) -> Result<Revocation, Error> {
        self.0.forget()
    }

    /// Why the last token that was got could not be stored, if so. It is in memory then: nothing
    /// is lost while this process runs, and each call tries to store it again.
    pub fn unsaved(&self) -> Option<Error> {
        self.0.flights.unsaved()
    }
}

impl KeeperBuilder {
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

    /// The keeper.
    ///
    /// # Errors
    ///
    /// Where the transport or store cannot be made from the connection's settings, or there is no
    /// randomness.
    pub fn build(self) -> Result<Keeper, Error> {
        let connection = self.connection;
        let random = self.random.unwrap_or_else(|| Arc::new(SystemRandom::new()));
        let transport = match self.transport {
            Some(transport) => transport,
            None => usual_transport(&connection)?,
        };
        let store = match self.store {
            Some(store) => store,
            None => open_store(&connection)?,
        };
        let key = StoreKey::of([
            connection.name(),
            connection.profile().id.as_str(),
            connection.token_url().as_str(),
            connection.client_id(),
            connection.subject().unwrap_or_default(),
        ]);
        Ok(Keeper(Arc::new(Inner {
            owner: Owner::new(random::word(random.as_ref())?),
            transport,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
            random,
            store,
            key,
            connection,
            flights: Flights::default(),
        })))
    }
}

#[cfg(feature = "ureq")]
fn usual_transport(connection: &Connection) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(crate::UreqTransport::new(connection.network())?))
}

#[cfg(not(feature = "ureq"))]
fn usual_transport(_: &Connection) -> Result<Arc<dyn Transport>, Error> {
    let message = "a keeper needs a transport where the feature `ureq` is off";
    Err(Error::new(crate::ErrorKind::Setting, message).with_hint("call KeeperBuilder::transport"))
}

fn open_store(connection: &Connection) -> Result<Arc<dyn Store>, Error> {
    match connection.store() {
        StoreSetting::Memory => Ok(Arc::new(MemoryStore::new())),
        StoreSetting::File(folder) => Ok(Arc::new(crate::FileStore::open(folder)?)),
        StoreSetting::Server(_) => Err(Error::setting(
            "store",
            "`store` names a server, and this program has no store for it",
        )
        .with_verdict(Verdict::FixConfiguration)
        .with_hint("use memory or file:FOLDER, or give the keeper that server's store")),
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("connection", &self.0.connection.name())
            .field("store", &self.0.store)
            .finish_non_exhaustive()
    }
}
