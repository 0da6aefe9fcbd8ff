//! What signs: a key held here, or anything else that can sign bytes.

use std::fmt::{self, Debug};
use std::sync::Arc;

use ring::hmac;

use super::algorithm::misfit;
use super::hmac::check_secret;
use super::{Algorithm, Backend};
use crate::key::{Certificate, Pair, PrivateKey, PublicKey, hmac_algorithm};
use crate::{Error, ErrorKind};

/// Something that can sign: a key held in memory ([`KeySigner`]), or an HSM or KMS behind a callback
/// ([`CallbackSigner`](crate::jws::CallbackSigner), which is less to write than an implementation of this).
pub trait Signer: Send + Sync + Debug {
    /// The algorithm of every signature made.
    fn algorithm(&self) -> Algorithm;

    /// The `kid` for the header, where the vendor asks for one.
    fn key_id(&self) -> Option<&str> {
        None
    }

    /// The public half of the key, where it is known: vendors may want its fingerprint in an
    /// assertion.
    fn public_key(&self) -> Option<&PublicKey> {
        None
    }

    /// The key's certificates, where there are any: its own first, then those that certify it.
    /// Vendors may want them, or their thumbprints, in an assertion's header.
    fn certificates(&self) -> &[Certificate] {
        &[]
    }

    /// Signs, appending the signature in the form of RFC 7518 section 3 (ECDSA: `r || s`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Signing`] if no signature can be made.
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

/// Signs with a key held in memory.
///
/// # Example
///
/// ```
/// use countersign_jose::ErrorKind;
/// use countersign_jose::jws::{Algorithm, KeySigner};
/// use countersign_jose::key::PrivateKey;
///
/// let key = PrivateKey::from_secret("0123456789abcdef0123456789abcdef");
/// assert!(KeySigner::new(key.clone(), Some(Algorithm::HS256), None).is_ok());
///
/// let refused = KeySigner::new(key, Some(Algorithm::RS256), None).unwrap_err();
/// assert_eq!(refused.kind(), ErrorKind::AlgorithmMismatch);
/// ```
#[derive(Clone)]
pub struct KeySigner {
    key: PrivateKey,
    algorithm: Algorithm,
    key_id: Option<String>,
    engine: Engine,
}

/// What makes the signatures.
#[derive(Clone)]
enum Engine {
    /// ring, with the pair in the key.
    Ring,
    /// ring, with the secret's two hash states: they cost as much as a short token's HMAC.
    Hmac(hmac::Key),
    #[cfg(feature = "aws-lc")]
    AwsLc(Arc<crate::key::AwsLcPair>),
}

impl KeySigner {
    /// A signer for the key; without an algorithm the key's usual one ([`PrivateKey::algorithms`]).
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlgorithmMismatch`] if the key does not support the algorithm.
    /// - [`ErrorKind::SharedSecret`] if a shared secret is too short for the algorithm (RFC 7518
    ///   section 3.2), or is the text of a key file.
    pub fn new(
        key: PrivateKey,
        algorithm: Option<Algorithm>,
        key_id: Option<String>,
    ) -> Result<Self, Error> {
        let possible = key.algorithms();
        let algorithm = match algorithm.or_else(|| possible.first().copied()) {
            Some(algorithm) if possible.contains(&algorithm) => algorithm,
            Some(algorithm) => return Err(misfit(algorithm, &key.description(), possible)),
            None => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "a key without any algorithm",
                ));
            }
        };
        let engine = match (key.pair(), hmac_algorithm(algorithm)) {
            (Pair::Hmac(secret), Some(hash)) => {
                check_secret(secret, algorithm)?;
                Engine::Hmac(hmac::Key::new(hash, secret))
            }
            #[cfg(feature = "aws-lc")]
            (Pair::AwsLc(pair), _) => Engine::AwsLc(Arc::clone(pair)),
            _ => Engine::Ring,
        };
        Ok(Self {
            key,
            algorithm,
            key_id,
            engine,
        })
    }

    /// The same signer on another library. HMAC is made by ring on every backend: they are equally
    /// fast.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] if that library does not take the key.
    pub fn with_backend(mut self, backend: Backend) -> Result<Self, Error> {
        if matches!(self.engine, Engine::Hmac(_)) {
            return Ok(self);
        }
        self.engine = match backend {
            #[cfg(feature = "aws-lc")]
            Backend::Ring if matches!(self.key.pair(), Pair::AwsLc(_)) => {
                let message = format!("ring does not sign with {}", self.key.description());
                return Err(Error::new(ErrorKind::Key, message)
                    .with_hint("leave the backend out: for such keys it is aws-lc"));
            }
            Backend::Ring => Engine::Ring,
            #[cfg(feature = "aws-lc")]
            Backend::AwsLc => match self.key.pair().aws_lc()? {
                Some(pair) => Engine::AwsLc(pair),
                None => Engine::Ring,
            },
        };
        Ok(self)
    }

    /// The library that makes the signatures.
    pub fn backend(&self) -> Backend {
        match &self.engine {
            Engine::Ring | Engine::Hmac(_) => Backend::Ring,
            #[cfg(feature = "aws-lc")]
            Engine::AwsLc(_) => Backend::AwsLc,
        }
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

    fn public_key(&self) -> Option<&PublicKey> {
        self.key.public()
    }

    fn certificates(&self) -> &[Certificate] {
        self.key.certificates()
    }

    fn sign(&self, signing_input: &[u8], signature: &mut Vec<u8>) -> Result<(), Error> {
        match &self.engine {
            Engine::Ring => self
                .key
                .pair()
                .sign(self.algorithm, signing_input, signature),
            Engine::Hmac(key) => {
                signature.extend_from_slice(hmac::sign(key, signing_input).as_ref());
                Ok(())
            }
            #[cfg(feature = "aws-lc")]
            Engine::AwsLc(pair) => pair.sign(self.algorithm, signing_input, signature),
        }
    }
}

impl Debug for KeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySigner")
            .field("key", &self.key)
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .field("backend", &self.backend())
            .finish_non_exhaustive()
    }
}
