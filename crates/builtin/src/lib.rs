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
mod stores;

use std::sync::Arc;

use countersign::{Connection, Error, Keeper, KeeperBuilder, Registry, Settings, Signer};

pub use self::configuration::{Configuration, Exposed, others_may_read};
pub use self::environment::{path_variable, variable};
pub use self::observed::Observed;
pub use self::stores::{open_store, place, spool, spool_folder};

/// The providers that are built in.
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
/// assert_eq!(ids, ["docusign", "salesforce", "boldsign"]);
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn registry() -> Result<Registry, Error> {
    Registry::new()
        .with(countersign_docusign::provider())?
        .with(countersign_salesforce::provider())?
        .with(countersign_boldsign::provider())
}

/// A connection of these settings, at the provider that they name; with a signer in place of
/// `private_key`, where there is one.
///
/// # Errors
///
/// As [`Connection::from_registry`] and [`Connection::with_signer`].
pub fn connection(
    name: &str,
    settings: &Settings,
    registry: &Registry,
    signer: Option<Arc<dyn Signer>>,
) -> Result<Connection, Error> {
    let (Some(signer), Some(id)) = (signer, settings.value("provider")) else {
        return Connection::from_registry(name, settings, registry);
    };
    let provider = registry
        .provider(id)
        .map_err(|e| e.in_context(format_args!("connection `{name}`")))?;
    Connection::with_signer(name, settings, provider, signer)
}

/// A keeper in the making, with the store that the connection names and what stands in for that.
/// `without_spool` is told where the second place for refresh tokens cannot be had: the keeper
/// works without it, with one chance less.
///
/// # Errors
///
/// Where the store cannot be opened.
pub fn keeper(
    connection: Connection,
    without_spool: impl FnOnce(&Error),
) -> Result<KeeperBuilder, Error> {
    let store = open_store(connection.store())?;
    let spool = spool(&connection).unwrap_or_else(|error| {
        without_spool(&error);
        None
    });
    let builder = Keeper::builder(connection).store(store);
    Ok(match spool {
        Some(spool) => builder.spool(spool),
        None => builder,
    })
}
