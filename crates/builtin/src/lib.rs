//! What the `countersign` command and `libcountersign` have built in.
//!
//! Core knows no vendor, no server and no environment; a program hands them in. This crate is the
//! hand of both programs of the house, so that a connection means the same to the command, to C and
//! to every language on top: which providers there are ([`registry`]), which stores a setting can
//! name ([`open_store`]), and where configuration is looked for ([`Configuration`]).

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

/// The providers that are built in: those whose features are on, which all are unless left out.
///
/// This costs next to nothing: each provider parses its profile once in a process, when it is first used.
///
/// # Errors
///
/// Where two of them have the same id, which a test of this crate rules out.
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

/// A connection of these settings, at the provider that they name. It signs with the signer that is
/// handed in, else with the device that `private_key` names (RFC 7512, with the feature `pkcs11`),
/// else with the key that it is.
///
/// # Errors
///
/// As [`Connection::from_registry`] and [`Connection::with_signer`], and where the device refuses.
pub fn connection(
    name: &str,
    settings: &Settings,
    registry: &Registry,
    signer: Option<Arc<dyn Signer>>,
) -> Result<Connection, Error> {
    let Some(id) = settings.value("provider") else {
        // It says which providers there are.
        return Connection::from_registry(name, settings, registry);
    };
    let provider = registry
        .provider(id)
        .map_err(|e| e.in_context(countersign::label(name)))?;
    connection_at(name, settings, provider, signer)
}

/// As [`connection`], at a provider that is known already.
///
/// # Errors
///
/// As [`connection`].
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

/// The transport for these settings. All clients of this process that reach their servers in the
/// same way share it; see [`Transports`](countersign::Transports).
///
/// # Errors
///
/// As [`UreqTransport::new`].
pub fn transport(network: &Network) -> Result<UreqTransport, Error> {
    shared::shared().transport(network)
}

/// A keeper in the making, with the store that the connection names, what stands in for that, and
/// the transport that clients of the same network settings share.
/// `without_spool` is told where the second place for refresh tokens cannot be had: the keeper
/// works without it, with one chance less.
///
/// # Errors
///
/// As [`KeeperBuilder::open_store`].
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
