//! A connection whose secrets follow the files they came from.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Connection;
use crate::jws::Backend;
use crate::{Error, Settings, Signer};

/// What a connection was made from, to make it again when a file has changed.
#[derive(Debug)]
pub(super) struct Origin {
    settings: Settings,
    signer: Option<Arc<dyn Signer>>,
    backend: Option<Backend>,
}

impl Origin {
    /// None if no secret came from a file.
    pub(super) fn of(
        settings: &Settings,
        signer: Option<Arc<dyn Signer>>,
        backend: Option<Backend>,
    ) -> Option<Arc<Self>> {
        settings.have_files().then(|| {
            Arc::new(Self {
                settings: settings.clone(),
                signer,
                backend,
            })
        })
    }
}

impl Connection {
    /// The same connection with the secrets that its files hold now, and whether any differs. None
    /// if no file has changed; with `always`, files are read that look unchanged, too.
    fn reread(&self, always: bool) -> Result<Option<(Self, bool)>, Error> {
        let Some(origin) = &self.origin else {
            return Ok(None);
        };
        let Some(settings) = origin.settings.reread(always)? else {
            return Ok(None);
        };
        let replaced = settings.replaced_since(&origin.settings);
        let fresh = Self::build(
            &self.name,
            &settings,
            Arc::clone(&self.provider),
            origin.signer.clone(),
            origin.backend,
        )
        .map_err(|error| match &replaced {
            Some(files) => error.in_context(files),
            None => error,
        })?;
        let mut fresh = fresh;
        fresh.policy.subject.clone_from(&self.policy.subject);
        Ok(Some((fresh, replaced.is_some())))
    }
}

/// The connection in use. It is replaced whole, so that a key, its passphrase and the secret always
/// are of one reading.
#[derive(Debug)]
pub(crate) struct LiveConnection(Mutex<Arc<Connection>>);

impl LiveConnection {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(Mutex::new(Arc::new(connection)))
    }

    /// The connection as it was last read.
    pub(crate) fn current(&self) -> Arc<Connection> {
        Arc::clone(&self.lock())
    }

    /// Reads files again that have changed, or with `always` all of them; whether the connection
    /// is another now.
    ///
    /// # Errors
    ///
    /// If what the files hold makes no connection: the former one stays in use.
    pub(crate) fn reread(&self, always: bool) -> Result<bool, Error> {
        let current = self.current();
        let Some((fresh, differs)) = current.reread(always)? else {
            return Ok(false);
        };
        *self.lock() = Arc::new(fresh);
        Ok(differs)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
