//! The trait of everything that signs.

use std::fmt::Debug;
use std::sync::Arc;

use crate::Error;
use crate::algorithm::Algorithm;
use crate::key::{Certificate, PublicKey};

/// Signs bytes: with a key in memory ([`KeySigner`](crate::jws::KeySigner)), or in an HSM or a KMS.
/// For those, [`CallbackSigner`](crate::jws::CallbackSigner) is less work than implementing this trait.
///
/// # Example
///
/// ```
/// use countersign_jose::jws::{Algorithm, Signer};
/// use countersign_jose::{Error, ErrorKind};
///
/// /// Fails until the device is there.
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
    /// Returns the algorithm of all signatures.
    fn algorithm(&self) -> Algorithm;

    /// Returns the `kid` for the header, if the vendor asks for one.
    fn key_id(&self) -> Option<&str> {
        None
    }

    /// Returns the public key, if it is known. Some vendors want its fingerprint in an assertion.
    fn public_key(&self) -> Option<&PublicKey> {
        None
    }

    /// Returns the key's certificates, its own first, then those that certify it. Some vendors want
    /// them, or their thumbprints, in an assertion's header.
    fn certificates(&self) -> &[Certificate] {
        &[]
    }

    /// Signs and appends the signature, in the form of RFC 7518 section 3 (ECDSA: `r || s`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Signing`](crate::ErrorKind::Signing) if the signature cannot be made.
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
