//! Reads the files of secrets and keys again when they change.

use std::sync::Arc;

use super::Inner;
use crate::connection::LiveConnection;
use crate::{Connection, Error, SealedStore, Store};

/// A client's connection with its current secrets, and the stores that are sealed with one of them.
pub(super) struct Credentials {
    live: LiveConnection,
    sealed: Vec<Arc<SealedStore>>,
}

impl Credentials {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            live: LiveConnection::new(connection),
            sealed: Vec::new(),
        }
    }

    /// Wraps the store in encryption if the connection has a `store_key`.
    pub(super) fn seal(&mut self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        match self.current().store_key() {
            None => store,
            Some(ring) => {
                let sealed = SealedStore::new(store, ring.clone());
                let sealed = Arc::new(sealed);
                self.sealed.push(Arc::clone(&sealed));
                sealed
            }
        }
    }

    /// Returns the connection with the current secrets.
    pub(super) fn current(&self) -> Arc<Connection> {
        self.live.current()
    }

    fn reread(&self, always: bool) -> Result<bool, Error> {
        let differs = self.live.reread(always)?;
        if differs && let Some(ring) = self.current().store_key() {
            for store in &self.sealed {
                store.replace_ring(ring.clone());
            }
        }
        Ok(differs)
    }
}

impl Inner {
    /// Reads the files of secrets again if they have changed.
    ///
    /// If one can't be used, for example because it is being written, the previous secrets stay in
    /// use.
    pub(super) fn reread_changed(&self) {
        self.reread(false);
    }

    /// Reads the files again after an error that other credentials may fix, even if they look
    /// unchanged. Returns whether the credentials are different now.
    pub(super) fn has_other_credentials(&self, error: &Error) -> bool {
        error.blames_credentials() && self.reread(true)
    }

    fn reread(&self, always: bool) -> bool {
        self.shared
            .credentials
            .reread(always)
            .unwrap_or_else(|error| {
                self.warn(&error.in_context("the previous value stays in use"));
                false
            })
    }

    pub(super) fn warn(&self, error: &Error) {
        if let Some(warning) = &self.shared.warning {
            warning(error);
        }
    }
}
