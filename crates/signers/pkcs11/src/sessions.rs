//! A pool of sessions with a token. Each thread that signs uses its own.

use std::sync::{Mutex, PoisonError};

use countersign_core::{Error, Secret};
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::session::UserType;

use crate::key::{self, Open};
use crate::{KeyUri, Module, failure};

/// The maximum number of idle sessions, because devices have few.
const MAX_IDLE: usize = 8;

/// Sessions in which the user is logged in and the key is found.
#[derive(Debug)]
pub(crate) struct Sessions {
    module: Module,
    uri: KeyUri,
    pin: Option<Secret>,
    idle: Mutex<Vec<Open>>,
}

impl Sessions {
    pub(crate) fn new(module: Module, uri: KeyUri, pin: Option<Secret>) -> Self {
        Self {
            module,
            uri,
            pin,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Runs an action in a session. If an idle session turns out to be lost, opens a new one.
    pub(crate) fn with<T>(
        &self,
        doing: &str,
        mut action: impl FnMut(&Open) -> Result<T, Pkcs11Error>,
    ) -> Result<T, Error> {
        // A separate statement, so that the lock isn't held while the device works.
        let idle = self.idle().pop();
        if let Some(open) = idle {
            match action(&open) {
                Ok(value) => {
                    self.keep(open);
                    return Ok(value);
                }
                Err(error) if failure::is_lost_session(&error) => {
                    // The others are lost as well. Closing the last one also ends the login.
                    self.idle().clear();
                }
                Err(error) => {
                    self.keep(open);
                    return Err(failure::of(doing, error));
                }
            }
        }
        let open = self.open()?;
        let done = action(&open).map_err(|error| failure::of(doing, error));
        self.keep(open);
        done
    }

    fn open(&self) -> Result<Open, Error> {
        let slot = self.module.slot(&self.uri)?;
        let session = self.module.library().open_ro_session(slot);
        let session = session.map_err(|error| failure::of("to open a session", error))?;
        if let Some(pin) = &self.pin {
            let pin = pin.expose().to_owned().into();
            match session.login(UserType::User, Some(&pin)) {
                // A login is for the token, not for the session.
                Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
                Err(error) => return Err(failure::of("to log in", error)),
            }
        }
        let key = key::find(&session, &self.uri)?;
        Ok(Open { session, key })
    }

    fn keep(&self, open: Open) {
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push(open);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Open>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
