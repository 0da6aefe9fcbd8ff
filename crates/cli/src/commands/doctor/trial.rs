//! Tries a connection's store: writes a record under a key of its own, and removes it again.

use std::path::Path;
use std::sync::Arc;

use countersign::stores::{open_existing_store, open_store};
use countersign_core::{
    Clock, Connection, Error, ErrorKind, SealedStore, Store, StoreKey, StoreSetting, SystemClock,
};

use crate::commands::store::{RoundTrip, round_trip, scratch};

/// Writes and reads a record under its lease, encrypted if `store_key` is set.
///
/// Succeeds without a try if another process is trying the store.
///
/// # Errors
///
/// The store's errors, and a lost lease.
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
            "the store lost the lease during a short test",
        )
        .with_setting("store")
        .with_hint("check the clocks of this machine and of the store's")),
    }
}

/// Returns the key of the record to write.
///
/// In a folder, each run has a key of its own, whose files are removed. On a server, a deleted
/// record leaves a row behind, so all runs share one key.
fn key(setting: &StoreSetting) -> StoreKey {
    let now = SystemClock::new().now().unix_ms.to_string();
    let id = std::process::id().to_string();
    match setting {
        StoreSetting::File(_) => StoreKey::of(["countersign", "doctor", &id, &now]),
        _ => scratch(),
    }
}

/// Removes a file store's files for a key. All of them are named after it.
fn remove_files(folder: &Path, key: &StoreKey) {
    let prefix = format!("{}.", key.to_hex());
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if file.file_name().to_string_lossy().starts_with(&prefix) {
            // A file that stays is empty, and not a record.
            let _ = std::fs::remove_file(file.path());
        }
    }
}
