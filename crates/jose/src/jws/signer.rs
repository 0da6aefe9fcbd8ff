//! The trait for signers.

use std::fmt::Debug;
use std::sync::Arc;

use crate::Error;
use crate::algorithm::Algorithm;
use crate::key::{Certificate, PublicKey};

/// Signs bytes, with a key in memory, in an HSM or in a KMS.
///
/// For keys in memory, use [`KeySigner`](crate::jws::KeySigner). For others,
/// [`CallbackSigner`](crate::jws::CallbackSigner) is less work than implementing this trait.
///
/// # Example
///
/// ```
/// use countersign_jose::jws::{Algorithm, Signer};
/// use countersign_jose::{Error, ErrorKind};
///
/// /// Fails because the device is offline.
/// #[derive(Debug)]
/// struct NoDevice;
///
/// impl Signer for NoDevice {
///     fn algorithm(&self) -> Algorithm {
///         Algorithm::ES256
///     }
///
///     fn sign(&self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Error> {
///         Err(Error::new(ErrorKind::Signing, "the device is offline"))
///     }
/// }
/// ```
pub trait Signer: Send + Sync + Debug {
    /// Returns the algorithm of the signatures.
    fn algorithm(&self) -> Algorithm;

    /// Returns the `kid` for the header, if the vendor requires one.
    fn key_id(&self) -> Option<&str> {
        None
    }

    /// Returns the public key, if known. Some vendors require its fingerprint in an assertion.
    fn public_key(&self) -> Option<&PublicKey> {
        None
    }

    /// Returns the key's certificates: its own first, then its chain.
    ///
    /// Some vendors require them or their thumbprints in an assertion's header.
    fn certificates(&self) -> &[Certificate] {
        &[]
    }

    /// Signs and appends the signature in the form of RFC 7518 section 3 (ECDSA: `r || s`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Signing`](crate::ErrorKind::Signing) if signing fails.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{Algorithm, KeySigner, Signer};
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = PrivateKey::from_secret("a secret of at least thirty-two bytes");
    /// let signer = KeySigner::new(key, Some(Algorithm::HS256), None)?;
    /// let mut signature = Vec::new();
    /// signer.sign(b"header.claims", &mut signature)?;
    /// assert_eq!(signature.len(), 32);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    fn sign(&self, signing_input: &[u8], signature: &mut Vec<u8>) -> Result<(), Error>;
}

impl<S: Signer + ?Sized> Signer for &S {
    fn algorithm(&self) -> Algorithm {
        (**self).algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        (**self).key_id()
    }

    fn public_key(&self) -> Option<&PublicKey> {
        (**self).public_key()
    }

    fn certificates(&self) -> &[Certificate] {
        (**self).certificates()
    }

    fn sign(&self, signing_input: &[u8], signature: &mut Vec<u8>) -> Result<(), Error> {
        (**self).sign(signing_input, signature)
    }
}

impl<S: Signer + ?Sized> Signer for Arc<S> {
    fn algorithm(&self) -> Algorithm {
        (**self).algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        (**self).key_id()
    }

    fn public_key(&self) -> Option<&PublicKey> {
        (**self).public_key()
    }

    fn certificates(&self) -> &[Certificate] {
        (**self).certificates()
    }

    fn sign(&self, signing_input: &[u8], signature: &mut Vec<u8>) -> Result<(), Error> {
        (**self).sign(signing_input, signature)
    }
}
