//! Signs with a key in memory.

use std::fmt::{self, Debug};
#[cfg(feature = "aws-lc")]
use std::sync::Arc;

use ring::hmac;

use super::backend::Backend;
use super::hmac::check_secret;
use super::signer::Signer;
use crate::algorithm::{Algorithm, algorithm_mismatch};
use crate::key::{Certificate, Pair, PrivateKey, PublicKey, hmac_algorithm};
use crate::{Error, ErrorKind};

/// Signs with a key in memory.
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
/// let error = KeySigner::new(key, Some(Algorithm::RS256), None).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::AlgorithmMismatch);
/// ```
#[derive(Clone)]
pub struct KeySigner {
    key: PrivateKey,
    algorithm: Algorithm,
    key_id: Option<String>,
    engine: Engine,
}

/// The library that signs, with its form of the key.
#[derive(Clone)]
enum Engine {
    /// ring, with the key pair in the key.
    Ring,
    /// ring, with precomputed hash states, which cost as much as the HMAC of a short token.
    Hmac(hmac::Key),
    #[cfg(feature = "aws-lc")]
    AwsLc(Arc<crate::key::AwsLcPair>),
}

impl KeySigner {
    /// Creates a signer. The algorithm defaults to the first of [`PrivateKey::algorithms`].
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlgorithmMismatch`] if the key does not support the algorithm.
    /// - [`ErrorKind::SharedSecret`] if a shared secret is too short for the algorithm (RFC 7518
    ///   section 3.2), or is the text of a key file.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{KeySigner, Signer};
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = PrivateKey::from_secret("a secret of at least thirty-two bytes");
    /// let signer = KeySigner::new(key, None, Some("2026-01".to_owned()))?;
    /// assert_eq!((signer.algorithm().as_str(), signer.key_id()), ("HS256", Some("2026-01")));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn new(
        key: PrivateKey,
        algorithm: Option<Algorithm>,
        key_id: Option<String>,
    ) -> Result<Self, Error> {
        let possible = key.algorithms();
        let algorithm = match algorithm.or_else(|| possible.first().copied()) {
            Some(algorithm) if possible.contains(&algorithm) => algorithm,
            Some(algorithm) => {
                return Err(algorithm_mismatch(algorithm, &key.description(), possible));
            }
            None => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "the key supports no algorithm",
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

    /// Sets the library that signs. HMAC always uses ring, because all libraries are equally fast.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] if the library does not support the key.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{Backend, KeySigner};
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = PrivateKey::from_secret("a secret of at least thirty-two bytes");
    /// let signer = KeySigner::new(key, None, None)?.with_backend(Backend::Ring)?;
    /// assert_eq!(signer.backend(), Backend::Ring);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn with_backend(mut self, backend: Backend) -> Result<Self, Error> {
        if matches!(self.engine, Engine::Hmac(_)) {
            return Ok(self);
        }
        self.engine = match backend {
            #[cfg(feature = "aws-lc")]
            Backend::Ring if matches!(self.key.pair(), Pair::AwsLc(_)) => {
                let message = format!("ring does not support {}", self.key.description());
                return Err(Error::new(ErrorKind::Key, message)
                    .with_hint("do not set a backend: the default for such keys is aws-lc"));
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

    /// Returns the library that signs.
    pub fn backend(&self) -> Backend {
        match &self.engine {
            Engine::Ring | Engine::Hmac(_) => Backend::Ring,
            #[cfg(feature = "aws-lc")]
            Engine::AwsLc(_) => Backend::AwsLc,
        }
    }

    /// Returns the key.
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
