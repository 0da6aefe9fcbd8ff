//! The client's own registration at a server that registers clients dynamically (RFC 7591).
//!
//! A registration belongs to the grant of one login and is stored in the grant's record.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Inner;
use crate::discovery::{read_registration, registration_request};
use crate::metadata::Registration;
use crate::{Connection, Error, Login};

/// The registration of the grant that the record contains, or of a login that is being completed.
#[derive(Default)]
pub(super) struct Current(Mutex<Option<Arc<Registration>>>);

impl Inner {
    /// Uses this registration for the next requests.
    pub(super) fn use_registration(&self, registration: Option<Arc<Registration>>) {
        if self.shared.connection.needs_registration() {
            *self.registration() = registration;
        }
    }

    /// Adds the client ID to a connection that has none.
    pub(super) fn registered(&self, connection: Arc<Connection>) -> Arc<Connection> {
        match &*self.registration() {
            Some(registration) if connection.needs_registration() => {
                Arc::new(connection.with_registration(registration))
            }
            _ => connection,
        }
    }

    /// Starts a login, after registering the client if it isn't registered for this redirect URI.
    ///
    /// `parameters` override those of the settings `authorize.NAME`.
    pub(super) fn start_registered_login(
        &self,
        redirect_uri: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Login, Error> {
        let connection = match (self.with_endpoints()?, parameters) {
            (connection, []) => connection,
            (connection, parameters) => Arc::new(connection.asking(parameters)),
        };
        if !connection.needs_registration() {
            return Login::start(&connection, redirect_uri, self.shared.random.as_ref());
        }
        let stored = self.persistence.load()?.record;
        let stored = stored.and_then(|record| record.registration);
        let registration = match stored.filter(|known| known.redirect_uri == redirect_uri) {
            Some(known) => known,
            None => Arc::new(self.register(redirect_uri)?),
        };
        let connection = connection.with_registration(&registration);
        let login = Login::start(&connection, redirect_uri, self.shared.random.as_ref())?;
        Ok(login.with_registration(registration))
    }

    fn register(&self, redirect_uri: &str) -> Result<Registration, Error> {
        let connection = self.with_endpoints()?;
        let named = |error: Error| {
            error
                .in_context(connection.label())
                .with_provider(&connection.profile().id)
        };
        let Some(metadata) = connection.metadata() else {
            return Err(Error::missing("client_id"));
        };
        let scope = connection.scopes().join(" ");
        let request = registration_request(metadata, redirect_uri, &scope).map_err(named)?;
        let response = self
            .send_request(&request)
            .map_err(|error| named(error.into_error()))?;
        read_registration(metadata, redirect_uri, &response, self.shared.clock.now()).map_err(named)
    }

    fn registration(&self) -> MutexGuard<'_, Option<Arc<Registration>>> {
        self.registration
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
