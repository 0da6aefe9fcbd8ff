//! A connection whose secrets are read again when their files change.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Connection;
use crate::jws::Backend;
use crate::{Error, Secret, Settings, Signer};

/// What a connection was built from, to build it again when a file changes.
#[derive(Debug)]
pub(super) struct Origin {
    settings: Settings,
    signer: Option<Arc<dyn Signer>>,
    backend: Option<Backend>,
}

impl Origin {
    /// Returns `None` if no secret came from a file.
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
    /// Returns a copy of the connection with other secrets and another signer.
    pub(crate) fn with_credentials(
        &self,
        secret: Option<Secret>,
        own: BTreeMap<String, Secret>,
        signer: Option<Arc<dyn Signer>>,
    ) -> Self {
        let mut other = self.clone();
        other.client.secret = secret;
        other.client.secrets = own;
        other.client.signer = signer;
        other
    }

    /// Builds the connection again with the current contents of its files.
    ///
    /// Also returns whether a secret changed. Returns `None` if no file changed. With `always`,
    /// reads all files even if they look unchanged.
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

/// The current connection. It is replaced as a whole, so that the key, its passphrase and the
/// client secret always come from the same read.
#[derive(Debug)]
pub(crate) struct LiveConnection(Mutex<Arc<Connection>>);

impl LiveConnection {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(Mutex::new(Arc::new(connection)))
    }

    /// Returns the connection as last read.
    pub(crate) fn current(&self) -> Arc<Connection> {
        Arc::clone(&self.lock())
    }

    /// Reads the changed files, or all with `always`. Returns whether a secret changed.
    ///
    /// # Errors
    ///
    /// If a file can't be read or its contents are not valid. The previous connection stays in use.
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
