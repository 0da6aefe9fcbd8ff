//! Signs with keys that stay in an HSM, through its PKCS#11 library.
//!
//! A [`Module`] is the vendor's library, a [`KeyUri`] says where the key is (RFC 7512), and a
//! [`Pkcs11Signer`] goes wherever countersign takes a signer:
//!
//! ```no_run
//! use std::sync::Arc;
//! use countersign::{Connection, Secret, Settings};
//! use countersign_pkcs11::{KeyUri, Module};
//! # fn connect(settings: &Settings, provider: Arc<dyn countersign::Provider>) -> Result<(), countersign::Error> {
//!
//! let module = Module::load("/usr/lib/softhsm/libsofthsm2.so")?;
//! let uri = KeyUri::parse("pkcs11:token=Signing;object=docusign")?;
//! let signer = module.signer(&uri, Some(Secret::new("1234")), None, None)?;
//! let connection = Connection::with_signer("mine", settings, provider, Arc::new(signer))?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod failure;
mod key;
mod mechanism;
mod module;
mod sessions;
mod signer;
mod uri;

pub use self::module::Module;
pub use self::signer::Pkcs11Signer;
pub use self::uri::KeyUri;
