//! Results of decryption.

use zeroize::Zeroizing;

/// A decrypted private key.
pub(crate) struct DecryptedKey {
    pub(crate) der: Zeroizing<Vec<u8>>,
    /// A description of the encryption.
    pub(crate) encryption: String,
    /// The friendly name in a PKCS#12 file.
    pub(crate) name: Option<String>,
}

/// The contents of a PKCS#12 file.
#[derive(Default)]
pub(crate) struct Pkcs12Contents {
    /// PKCS#8 documents.
    pub(crate) keys: Vec<DecryptedKey>,
    /// X.509 certificates in DER.
    pub(crate) certificates: Vec<Vec<u8>>,
}
