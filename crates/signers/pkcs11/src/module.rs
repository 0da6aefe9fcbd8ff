//! A vendor's PKCS#11 library, and its tokens.

use std::path::Path;

use countersign_core::{Error, ErrorKind, trusted};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::slot::Slot;

use crate::{KeyUri, failure};

/// A vendor's PKCS#11 library, loaded and initialized.
///
/// Load it once and create all signers from it. It stays loaded until the program ends, because most
/// such libraries don't survive being unloaded.
#[derive(Clone, Debug)]
pub struct Module {
    library: Pkcs11,
}

impl Module {
    /// Loads a library, such as `/usr/lib/softhsm/libsofthsm2.so`.
    ///
    /// This runs the library's code in this process, so the file is rejected if other users can write
    /// or replace it ([`countersign_core::trusted`]).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if the file can't be loaded or isn't a PKCS#11 library.
    /// [`ErrorKind::Signing`] if it fails to initialize.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let reject = |why: String| {
            let message = format!("the PKCS#11 library {} {why}", path.display());
            Error::new(ErrorKind::Setting, message)
                .with_hint("use the library that came with the device, often in /usr/lib")
        };
        // The system's loader looks for a bare name in its own folders.
        if path.is_absolute() {
            trusted::open(path).map_err(|rejection| Error::of_file(&rejection, reject))?;
        }
        let library =
            Pkcs11::new(path).map_err(|error| reject(format!("cannot be loaded: {error}")))?;
        // Leak a reference, so that the library stays loaded.
        std::mem::forget(library.clone());
        match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Other code in this process uses the same library.
            Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {
                Ok(Self { library })
            }
            Err(error) => Err(failure::of("to initialize", error)),
        }
    }

    pub(crate) fn library(&self) -> &Pkcs11 {
        &self.library
    }

    /// Returns the only slot whose token matches the URI.
    pub(crate) fn slot(&self, uri: &KeyUri) -> Result<Slot, Error> {
        let slots = self.library.get_slots_with_initialized_token();
        let slots = slots.map_err(|error| failure::of("to list its tokens", error))?;
        let mut found = Vec::new();
        let mut labels = Vec::new();
        for slot in slots {
            let info = self.library.get_token_info(slot);
            let info = info.map_err(|error| failure::of("to describe a token", error))?;
            let is = |wanted: &Option<String>, value: &str| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted == value.trim_end())
            };
            labels.push(format!("{:?}", info.label().trim_end()));
            if is(&uri.token, info.label())
                && is(&uri.serial, info.serial_number())
                && uri.slot.is_none_or(|wanted| wanted == slot.id())
            {
                found.push(slot);
            }
        }
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(Error::new(
                ErrorKind::Key,
                format!("the PKCS#11 library shows no token for {uri}"),
            )
            .with_hint(match labels.is_empty() {
                true => "check that the device is connected and initialized".to_owned(),
                false => format!("use one of these tokens: {}", labels.join(", ")),
            })),
            many => Err(
                Error::new(ErrorKind::Key, format!("{} tokens match {uri}", many.len()))
                    .with_hint("add token=, serial= or slot-id= to the URI"),
            ),
        }
    }
}
