//! Writes to a connection's store what a refresh would, under a key of its own, and takes it away again.

use std::path::Path;
use std::sync::Arc;

use countersign::{
    Clock, Connection, Error, ErrorKind, SealedStore, Store, StoreKey, StoreSetting, SystemClock,
};
use countersign_builtin::{open_existing_store, open_store};

use crate::commands::store::{RoundTrip, round_trip, scratch};

/// Whether the store takes a record: under its lease, encrypted if it is to be.
///
/// # Errors
///
/// What the store says; and if somebody else is trying it out at this moment.
pub(super) fn write(connection: &Connection) -> Result<(), Error> {
    let setting = connection.store();
    let below = match connection.store_create() {
        true => open_store(setting)?,
        false => open_existing_store(setting)?,
    };
    let store = match connection.store_key() {
        Some(ring) => Arc::new(SealedStore::new(Arc::clone(&below), ring.clone())),
        None => Arc::clone(&below) as Arc<dyn Store>,
    };
    let key = key(setting);
    let tried = round_trip(store.as_ref(), below.as_ref(), &key);
    if let StoreSetting::File(folder) = setting {
        remove_files(folder, &key);
    }
    match tried? {
        RoundTrip::Done | RoundTrip::Busy => Ok(()),
        RoundTrip::LeaseLost => Err(Error::new(
            ErrorKind::Store,
            "the store lost a lease within a moment",
        )
        .with_setting("store")
        .with_hint("check the clocks of this machine and the store's")),
    }
}

/// In a folder each run has a key of its own, whose files are removed. At a server what is
/// forgotten leaves a row behind: there all runs share one.
fn key(setting: &StoreSetting) -> StoreKey {
    let now = SystemClock::new().now().unix_ms.to_string();
    let id = std::process::id().to_string();
    match setting {
        StoreSetting::File(_) => StoreKey::of(["countersign", "doctor", &id, &now]),
        _ => scratch(),
    }
}

/// All that a store of files keeps of one key is named after it.
fn remove_files(folder: &Path, key: &StoreKey) {
    let prefix = format!("{}.", key.to_hex());
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if file.file_name().to_string_lossy().starts_with(&prefix) {
            // What stays is empty and no record.
            let _ = std::fs::remove_file(file.path());
        }
    }
}
