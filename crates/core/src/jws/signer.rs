//! What signs: a key held here, or anything else that can sign bytes.

use std::fmt::Debug;

use super::Algorithm;
use super::algorithm::names;
use super::hmac::check_secret;
use crate::key::{Pair, PrivateKey};
use crate::{Error, ErrorKind};

/// Something that can sign: a key held in memory ([`KeySigner`]), or an HSM or KMS behind a callback.
pub trait Signer: Send + Sync + Debug {
    /// The algorithm of every signature made.
    fn algorithm(&self) -> Algorithm;

    /// The `kid` for the header, where the vendor asks for one.
    fn key_id(&self) -> Option<&str> {
        None
    }

    /// Signs, appending the signature in the form of RFC 7518 section 3 (ECDSA: `r || s`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Signing`] if no signature can be made.
    fn sign(&self, signing_input: &[u8], signature: &mut Vec<u8>) -> Result<(), Error>;
}

/// Signs with a key held in memory.
///
/// # Example
///
/// ```
/// use countersign::Secret;
/// use countersign::jws::{Algorithm, KeySigner};
/// use countersign::key::PrivateKey;
///
/// let key = PrivateKey::from_secret(&Secret::new("0123456789abcdef0123456789abcdef"));
/// assert!(KeySigner::new(key.clone(), Some(Algorithm::HS256), None).is_ok());
///
/// let refused = KeySigner::new(key, Some(Algorithm::RS256), None).unwrap_err();
/// assert_eq!(refused.setting_name(), Some("algorithm"));
/// ```
#[derive(Clone, Debug)]
pub struct KeySigner {
    key: PrivateKey,
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl KeySigner {
    /// A signer for the key; without an algorithm the key's usual one ([`PrivateKey::algorithms`]).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`], naming the setting `algorithm`, if the key cannot do the algorithm;
    /// naming `client_secret`, if a shared secret is too short for it (RFC 7518 section 3.2) or is
    /// a PEM text.
    pub fn new(
        key: PrivateKey,
        algorithm: Option<Algorithm>,
        key_id: Option<String>,
    ) -> Result<Self, Error> {
        let possible = key.algorithms();
        let algorithm = match algorithm.or_else(|| possible.first().copied()) {
            Some(algorithm) if possible.contains(&algorithm) => algorithm,
            Some(algorithm) => {
                return Err(Error::new(
                    ErrorKind::Key,
                    format!(
                        "`algorithm` {algorithm} does not fit: this is {}",
                        key.description()
                    ),
                )
                .with_setting("algorithm")
                .with_hint(format!("set algorithm to one of {}", names(possible))));
            }
            None => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "a key without any algorithm",
                ));
            }
        };
        if let Pair::Hmac(secret) = key.pair() {
            check_secret(secret, algorithm)?;
        }
        Ok(Self {
            key,
            algorithm,
            key_id,
        })
    }

    /// The key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }
}

impl Signer for KeySigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    fn sign(&self, signing_input: &[u8], signature: &mut Vec<u8>) -> Result<(), Error> {
        self.key
            .pair()
            .sign(self.algorithm, signing_input, signature)
    }
}
