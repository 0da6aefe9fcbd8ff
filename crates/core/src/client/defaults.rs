//! The transport and store that a client uses if it is given none.

use std::sync::Arc;

#[cfg(not(feature = "ureq"))]
use crate::ErrorKind;
#[cfg(feature = "ureq")]
use crate::UreqTransport;
use crate::{Connection, Error, FileStore, MemoryStore, Store, StoreSetting, Transport, store};

/// The transport for the settings of a connection.
#[cfg(feature = "ureq")]
pub(super) fn transport(connection: &Connection) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(UreqTransport::new(connection.network())?))
}

#[cfg(not(feature = "ureq"))]
pub(super) fn transport(_: &Connection) -> Result<Arc<dyn Transport>, Error> {
    let message = "a client needs a transport where the feature `ureq` is off";
    Err(Error::new(ErrorKind::Setting, message).with_hint("call ClientBuilder::transport"))
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
            "`store` names a server, and this program has no store for it",
        )
        .with_hint("use memory or file:FOLDER, or give the client that server's store")),
    }
}
