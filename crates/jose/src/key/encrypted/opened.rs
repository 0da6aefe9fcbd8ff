//! What comes out of an encrypted file.

use zeroize::Zeroizing;

/// A private key with its encryption taken off.
pub(crate) struct Opened {
    pub(crate) der: Zeroizing<Vec<u8>>,
    /// How it was encrypted, in words.
    pub(crate) how: String,
    /// What a PKCS#12 file calls it.
    pub(crate) name: Option<String>,
}

/// What a PKCS#12 file holds.
#[derive(Default)]
pub(crate) struct Safe {
    /// PKCS#8 documents.
    pub(crate) keys: Vec<Opened>,
    /// X.509 certificates in DER.
    pub(crate) certificates: Vec<Vec<u8>>,
}
