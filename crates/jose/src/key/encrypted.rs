//! Keys under a passphrase: what opens them is behind the cargo feature `encrypted-keys`.

#[cfg(feature = "encrypted-keys")]
mod cipher;
#[cfg(feature = "encrypted-keys")]
mod open;
#[cfg(not(feature = "encrypted-keys"))]
#[path = "encrypted/refuse.rs"]
mod open;
#[cfg(feature = "encrypted-keys")]
mod password;
#[cfg(feature = "encrypted-keys")]
mod pkcs12;
#[cfg(feature = "encrypted-keys")]
mod scheme;
#[cfg(all(test, feature = "encrypted-keys"))]
mod wycheproof;

use zeroize::Zeroizing;

pub(super) use self::open::{pem, pkcs8, pkcs12};

/// A private key with its encryption taken off.
pub(super) struct Opened {
    pub(super) der: Zeroizing<Vec<u8>>,
    /// How it was encrypted, in words.
    pub(super) how: String,
    /// What a PKCS#12 file calls it.
    pub(super) name: Option<String>,
}

/// What a PKCS#12 file holds.
#[derive(Default)]
pub(super) struct Safe {
    /// PKCS#8 documents.
    pub(super) keys: Vec<Opened>,
    /// X.509 certificates in DER.
    pub(super) certificates: Vec<Vec<u8>>,
}
