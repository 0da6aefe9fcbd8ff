//! countersign gets OAuth access tokens for server-side programs and keeps them valid.
//!
//! It signs the JWT, posts the form, understands the vendor's response, and never loses a refresh
//! token that a client could have kept. [`load`] reads a connection from `countersign.toml` and
//! returns its [`Client`]:
//!
//! ```no_run
//! let client = countersign::load("work")?;
//! // Call it whenever you need a token, from any thread. It sends a request only if no valid
//! // token is cached.
//! let authorization = client.token()?.authorization();
//! # Ok::<(), countersign::Error>(())
//! ```
//!
//! Every failure is an [`Error`]. Its [`Verdict`] says what to do about it.
//!
//! # What this crate adds to `countersign-core`
//!
//! `countersign-core` knows no vendor, reads no environment variable and opens no database. This
//! crate adds the providers ([`registry`]), the stores that the setting `store` can name
//! ([`stores`]), and the search for the configuration file ([`Configuration`]). The
//! `countersign` command and `libcountersign` are built on it, so a connection means the same in
//! the command, in C and in every language on top. Everything else is in [`core`].
//!
//! # Features
//!
//! - `docusign`, `salesforce`, `boldsign` (default): the providers.
//! - `catalog-all` (default): the vendors of the crate `countersign-catalog`. With `catalog`
//!   instead, only those that the environment variable `COUNTERSIGN_VENDORS` lists at build time.
//! - `postgres`, `redis`: stores for several hosts.
//! - `pkcs11`: keys in an HSM (`private_key = "pkcs11:…"`).
//! - `reqwest`, `tower`, `ureq`: adapters, which add the token to requests of these crates and get a
//!   new one after a 401: the modules of the same names.
//! - `tracing`: spans and events for the crate [`tracing`](https://docs.rs/tracing).
//! - `testing`: the module `testing`, for tests of code that uses a client.
//! - `aws-lc`: a second signing library, for P-521 and RSA keys of more than 4096 bits.

#![forbid(unsafe_code)]

#[cfg(any(feature = "reqwest", feature = "tower", feature = "ureq"))]
mod adapter;
pub mod configuration;
pub mod environment;
mod observed;
mod private_folder;
#[cfg(feature = "reqwest")]
pub mod reqwest;
mod seeds;
mod shared;
pub mod stores;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "ureq")]
pub mod ureq;

use std::sync::Arc;

use countersign_core::{Network, Profile, Signer, UreqTransport, label};

/// The crate that this one is built on: profiles, stores, transports, keys, requests, responses.
pub use countersign_core as core;
pub use countersign_core::{
    Client, ClientBuilder, Connection, Error, ErrorKind, Login, Provider, Registry, Settings,
    Subjects, Token, Verdict,
};

#[cfg(feature = "testing")]
pub use countersign_core::testing;

pub use self::configuration::Configuration;
pub use self::observed::Observed;

/// Returns the built-in providers: all whose features are enabled, as they are by default.
///
/// This is cheap: a provider parses its profile once per process, on first use. A provider that you
/// add takes precedence over a vendor of the catalogue with the same ID.
///
/// # Errors
///
/// If two of them have the same ID. The example shows that they don't.
///
/// # Example
///
/// ```
/// let registry = countersign::registry()?;
/// let ids: Vec<_> = registry.iter().map(|provider| provider.id()).collect();
/// # #[cfg(all(feature = "docusign", feature = "salesforce", feature = "boldsign"))]
/// assert!(ids.starts_with(&["docusign", "salesforce", "boldsign"]));
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn registry() -> Result<Registry, Error> {
    let providers: [Arc<dyn Provider>; _] = [
        #[cfg(feature = "docusign")]
        countersign_docusign::provider(),
        #[cfg(feature = "salesforce")]
        countersign_salesforce::provider(),
        #[cfg(feature = "boldsign")]
        countersign_boldsign::provider(),
    ];
    let registry = Registry::new();
    #[cfg(feature = "catalog")]
    let registry = registry.with_catalog(countersign_catalog::catalog());
    providers.into_iter().try_fold(registry, Registry::with)
}

/// Returns a connection's settings with the values of the environment variables and files that they
/// name.
///
/// # Errors
///
/// The errors of [`Settings::resolve`]. They name the connection.
///
/// # Example
///
/// ```
/// use countersign::Settings;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("secret");
/// # std::fs::write(&path, "s3cret").unwrap();
/// # let path = path.to_str().unwrap();
/// let settings = Settings::from_pairs([("provider", "boldsign"), ("client_secret_file", path)])?;
/// let settings = countersign::resolve("work", settings)?;
/// assert_eq!(settings.value("client_secret"), Some("s3cret"));
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn resolve(name: &str, settings: Settings) -> Result<Settings, Error> {
    let resolved = settings.resolve(environment::variable);
    resolved.map_err(|error| error.in_context(label(name)))
}

/// Builds a connection from its resolved settings, for the provider that they name.
///
/// It signs with `signer`. If that is `None`, it signs with the device that `private_key` names
/// (RFC 7512, feature `pkcs11`), or with the key that `private_key` contains.
///
/// # Errors
///
/// The errors of [`Connection::from_registry`] and [`Connection::with_signer`], and of the device.
///
/// # Example
///
/// ```
/// let settings = countersign::Settings::from_pairs([
///     ("provider", "boldsign"),
///     ("environment", "us"),
///     ("grant", "client-credentials"),
///     ("client_id", "app"),
///     ("client_secret", "s3cret"),
/// ])?;
/// let connection = countersign::connection("work", &settings, &countersign::registry()?, None)?;
/// assert_eq!(connection.token_url().unwrap().as_str(), "https://account.boldsign.com/connect/token");
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn connection(
    name: &str,
    settings: &Settings,
    registry: &Registry,
    signer: Option<Arc<dyn Signer>>,
) -> Result<Connection, Error> {
    let Some(id) = settings.value("provider") else {
        // Its error lists the providers.
        return Connection::from_registry(name, settings, registry);
    };
    let provider = registry
        .provider(id)
        .map_err(|e| e.in_context(label(name)))?;
    connection_at(name, settings, provider, signer)
}

/// Like [`connection`], for this provider.
///
/// # Errors
///
/// The errors of [`connection`].
///
/// # Example
///
/// ```
/// use countersign::Settings;
///
/// let settings = Settings::from_pairs([
///     ("provider", "boldsign"),
///     ("environment", "us"),
///     ("grant", "client-credentials"),
///     ("client_id", "app"),
///     ("client_secret", "s3cret"),
/// ])?;
/// let provider = countersign::registry()?.provider("boldsign")?;
/// let connection = countersign::connection_at("work", &settings, provider, None)?;
/// assert_eq!(connection.environment(), "us");
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn connection_at(
    name: &str,
    settings: &Settings,
    provider: Arc<dyn Provider>,
    signer: Option<Arc<dyn Signer>>,
) -> Result<Connection, Error> {
    let signer = match signer {
        Some(signer) => Some(signer),
        None => device(settings, provider.profile()).map_err(|e| e.in_context(label(name)))?,
    };
    match signer {
        Some(signer) => Connection::with_signer(name, settings, provider, signer),
        None => Connection::new(name, settings, provider),
    }
}

#[cfg(feature = "pkcs11")]
fn device(settings: &Settings, profile: &Profile) -> Result<Option<Arc<dyn Signer>>, Error> {
    countersign_pkcs11::signer_from_settings(settings, profile)
}

#[cfg(not(feature = "pkcs11"))]
fn device(_: &Settings, _: &Profile) -> Result<Option<Arc<dyn Signer>>, Error> {
    Ok(None)
}

/// Returns the transport for these network settings.
///
/// All clients of this process with the same network settings share it; see
/// [`Transports`](countersign_core::Transports).
///
/// # Errors
///
/// The errors of [`UreqTransport::new`].
///
/// # Example
///
/// ```
/// use countersign::core::Network;
///
/// let one = countersign::transport(&Network::default())?;
/// let another = countersign::transport(&Network::default())?;
/// assert!(one.shares_connections_with(&another));
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn transport(network: &Network) -> Result<UreqTransport, Error> {
    shared::shared().transport(network)
}

/// Returns a client for a connection of the configuration file.
///
/// Finds the file as [`Configuration::find`] does: `$COUNTERSIGN_CONFIG`, then
/// `./countersign.toml`, then the user's configuration folder. Sends nothing yet.
///
/// # Errors
///
/// If there is no such file or connection, if one of its settings is invalid, or if its store can't
/// be opened.
///
/// # Example
///
/// ```no_run
/// let client = countersign::load("work")?;
/// println!("valid until {:?}", client.token()?.expires_at());
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn load(name: &str) -> Result<Client, Error> {
    Configuration::find()?.client(name)
}

/// Returns a client's builder with the connection's store, its fallback store and its transport.
///
/// If the fallback store can't be opened, `without_fallback` receives the error. The client works
/// without it, but may lose a refresh token if the store fails.
///
/// # Errors
///
/// The errors of [`transport`] and [`ClientBuilder::open_store`].
///
/// # Example
///
/// ```
/// # let settings = countersign::Settings::from_pairs([
/// #     ("provider", "boldsign"), ("environment", "us"), ("grant", "client-credentials"),
/// #     ("client_id", "app"), ("client_secret", "s3cret"), ("store", "memory"),
/// # ])?;
/// # let connection = countersign::connection("work", &settings, &countersign::registry()?, None)?;
/// let client = countersign::client_builder(connection, |error| eprintln!("{error}"))?
///     .on_change(|change| println!("{change:?}"))
///     .build()?;
/// assert!(client.fresh().is_none());
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn client_builder(
    connection: Connection,
    without_fallback: impl FnOnce(&Error),
) -> Result<ClientBuilder, Error> {
    let fallback = stores::fallback_store(&connection).unwrap_or_else(|error| {
        without_fallback(&error.into());
        None
    });
    let seeds = stores::spent_seeds(&connection);
    let transport = transport(connection.network())?;
    let open = match connection.store_create() {
        true => stores::open_store,
        false => stores::open_existing_store,
    };
    let builder = Client::builder(connection)
        .open_store(open)?
        .transport(Arc::new(transport));
    let builder = match seeds {
        Some(seeds) => builder.spent_seeds(seeds),
        None => builder,
    };
    Ok(match fallback {
        Some(fallback) => builder.fallback_store(fallback),
        None => builder,
    })
}

/// Compiles the examples in the project's README with the doctests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
