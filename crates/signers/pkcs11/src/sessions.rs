//! Sessions with a token: one per thread that signs at the same time, kept for the next.

use std::sync::{Mutex, PoisonError};

use countersign::{Error, Secret};
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::session::UserType;

use crate::key::{self, Open};
use crate::{KeyUri, Module, failure};

/// More than this many are closed after use: devices have few.
const MOST_KEPT: usize = 8;

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

    /// Does something in a session, and once more in a new one if the session turns out to be gone.
    pub(crate) fn with<T>(
        &self,
        doing: &str,
        mut action: impl FnMut(&Open) -> Result<T, Pkcs11Error>,
    ) -> Result<T, Error> {
        // Apart, so that the lock is not held while the device works.
        let kept = self.idle().pop();
        if let Some(open) = kept {
            match action(&open) {
                Ok(value) => {
                    self.keep(open);
                    return Ok(value);
                }
                Err(error) if failure::is_lost_session(&error) => {
                    // The others are as old; with the last one closed the login is forgotten too.
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
                // The login is the token's, not the session's.
                Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
                Err(error) => return Err(failure::of("to log in", error)),
            }
        }
        let key = key::find(&session, &self.uri)?;
        Ok(Open { session, key })
    }

    fn keep(&self, open: Open) {
        let mut idle = self.idle();
        if idle.len() < MOST_KEPT {
            idle.push(open);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Open>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
