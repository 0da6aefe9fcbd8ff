//! What the `countersign` command and `libcountersign` share: providers, stores, configuration.
//!
//! Core knows no vendor, no server and no environment variable. This crate adds them, so a
//! connection means the same in the command, in C and in every language on top: the providers
//! ([`registry`]), the stores that a setting can name ([`open_store`]), and the places of the
//! configuration file ([`Configuration`]).

#![forbid(unsafe_code)]

mod configuration;
mod environment;
mod observed;
mod private_folder;
mod seeds;
mod shared;
mod stores;

use std::sync::Arc;

use countersign::{
    Connection, Error, Keeper, KeeperBuilder, Network, Profile, Provider, Registry, Settings,
    Signer, UreqTransport,
};

pub use self::configuration::{Configuration, Exposed, read_text};
pub use self::environment::{path_variable, variable};
pub use self::observed::Observed;
pub use self::seeds::SeedFolder;
pub use self::stores::{open_existing_store, open_store, place, spent_seeds, spool, spool_folder};

/// Returns the built-in providers: all whose features are enabled, as they are by default.
///
/// This is cheap: a provider parses its profile once per process, on first use.
///
/// # Errors
///
/// If two of them have the same ID, which the example rules out.
///
/// # Example
///
/// ```
/// let registry = countersign_builtin::registry()?;
/// let ids: Vec<_> = registry.iter().map(|provider| provider.profile().id.as_str()).collect();
/// # #[cfg(all(feature = "docusign", feature = "salesforce", feature = "boldsign"))]
/// assert_eq!(ids, ["docusign", "salesforce", "boldsign"]);
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
    providers
        .into_iter()
        .try_fold(Registry::new(), Registry::with)
}

/// Builds a connection from its settings, for the provider that they name.
///
/// It signs with `signer`. If that is `None`, it signs with the device that `private_key` names
/// (RFC 7512, feature `pkcs11`), or with the key that `private_key` contains.
///
/// # Errors
///
/// The errors of [`Connection::from_registry`] and [`Connection::with_signer`], and of the device.
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
        .map_err(|e| e.in_context(countersign::label(name)))?;
    connection_at(name, settings, provider, signer)
}

/// Like [`connection`], for this provider.
///
/// # Errors
///
/// The errors of [`connection`].
pub fn connection_at(
    name: &str,
    settings: &Settings,
    provider: Arc<dyn Provider>,
    signer: Option<Arc<dyn Signer>>,
) -> Result<Connection, Error> {
    let signer = match signer {
        Some(signer) => Some(signer),
        None => device(settings, provider.profile())
            .map_err(|e| e.in_context(countersign::label(name)))?,
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
/// [`Transports`](countersign::Transports).
///
/// # Errors
///
/// The errors of [`UreqTransport::new`].
pub fn transport(network: &Network) -> Result<UreqTransport, Error> {
    shared::shared().transport(network)
}

/// Returns a keeper's builder with the connection's store, its fallback store and its transport.
///
/// If the fallback store can't be opened, `without_spool` receives the error. The keeper works
/// without it, but may lose a refresh token if the store fails.
///
/// # Errors
///
/// The errors of [`transport`] and [`KeeperBuilder::open_store`].
pub fn keeper(
    connection: Connection,
    without_spool: impl FnOnce(&Error),
) -> Result<KeeperBuilder, Error> {
    let spool = spool(&connection).unwrap_or_else(|error| {
        without_spool(&error.into());
        None
    });
    let seeds = spent_seeds(&connection);
    let transport = transport(connection.network())?;
    let open = match connection.store_create() {
        true => open_store,
        false => open_existing_store,
    };
    let builder = Keeper::builder(connection)
        .open_store(open)?
        .transport(Arc::new(transport));
    let builder = match seeds {
        Some(seeds) => builder.spent_seeds(seeds),
        None => builder,
    };
    Ok(match spool {
        Some(spool) => builder.spool(spool),
        None => builder,
    })
}
