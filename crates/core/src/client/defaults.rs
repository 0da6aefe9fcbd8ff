//! A client's default transport and store.

use std::sync::Arc;

#[cfg(not(feature = "ureq"))]
use crate::ErrorKind;
#[cfg(feature = "ureq")]
use crate::UreqTransport;
use crate::{Connection, Error, FileStore, MemoryStore, Store, StoreSetting, Transport, store};

/// Creates the transport for a connection's settings.
#[cfg(feature = "ureq")]
pub(super) fn transport(connection: &Connection) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(UreqTransport::new(connection.network())?))
}

#[cfg(not(feature = "ureq"))]
pub(super) fn transport(_: &Connection) -> Result<Arc<dyn Transport>, Error> {
    let message = "the client has no transport, and the feature `ureq` is off";
    Err(Error::new(ErrorKind::Setting, message)
        .with_hint("set a transport with ClientBuilder::transport"))
}

/// Opens the store that a connection's setting names.
pub(super) fn store(setting: &StoreSetting, create: bool) -> Result<Arc<dyn Store>, store::Error> {
    match setting {
        StoreSetting::Memory => Ok(Arc::new(MemoryStore::new())),
        StoreSetting::File(folder) => Ok(Arc::new(match create {
            true => FileStore::open(folder)?,
            false => FileStore::open_existing(folder)?,
        })),
        StoreSetting::Server(_) => Err(store::Error::setting(
            "store",
            "`store` names a server, but this program has no store for it",
        )
        .with_hint(
            "set store to memory or file:FOLDER, or build the client with a store for that server",
        )),
    }
}
