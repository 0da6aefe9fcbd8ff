//! Signs with keys that stay in an HSM, through its PKCS#11 library.
//!
//! A [`Module`] is the vendor's library, a [`KeyUri`] identifies a key (RFC 7512), and a
//! [`Pkcs11Signer`] signs with it.
//!
//! In a connection's settings, `private_key` may be such a URI that also names the library.
//! [`signer_from_settings`] creates the signer:
//!
//! ```toml
//! private_key = "pkcs11:token=Signing;object=docusign?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/secrets/pin"
//! ```
//!
//! To create it in code, pass the library and the PIN separately:
//!
//! ```no_run
//! use std::sync::Arc;
//! use countersign_core::{Connection, Secret, Settings};
//! use countersign_pkcs11::{KeyUri, Module};
//! # fn connect(settings: &Settings, provider: Arc<dyn countersign_core::Provider>) -> Result<(), countersign_core::Error> {
//!
//! let module = Module::load("/usr/lib/softhsm/libsofthsm2.so")?;
//! let uri = KeyUri::parse("pkcs11:token=Signing;object=docusign")?;
//! let signer = module.signer(&uri, Some(Secret::new("1234")), None, None)?;
//! let connection = Connection::with_signer("mine", settings, provider, Arc::new(signer))?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod configured;
mod failure;
mod key;
mod mechanism;
mod module;
mod sessions;
mod signer;
mod uri;

pub use self::configured::{signer_from_settings, signer_from_uri};
pub use self::module::Module;
pub use self::signer::Pkcs11Signer;
pub use self::uri::KeyUri;
