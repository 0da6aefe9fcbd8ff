//! Signing with a key that never leaves an HSM or a KMS.

use std::fmt;

use ring::digest;

use super::signer::Signer;
use super::verify::VerificationKey;
use crate::algorithm::Algorithm;
use crate::key::{Certificate, PublicKey};
use crate::{Error, ErrorKind};

/// The signing function.
type Callback = dyn Fn(&[u8]) -> Result<Vec<u8>, Error> + Send + Sync;

/// Signs by calling a function, for keys that stay in an HSM or a KMS.
///
/// The length of the returned signature is checked. The function may return an ECDSA signature as
/// `r || s` (PKCS#11, Azure) or in DER (AWS, Google); the token contains `r || s` (RFC 7518 section
/// 3.4).
///
/// # Example
///
/// ```
/// use countersign_jose::jws::{self, Algorithm, CallbackSigner};
///
/// let signer = CallbackSigner::new(Algorithm::HS256, Some("key-1".into()), |input| {
///     // Call the device here.
///     Ok(vec![0; 32])
/// });
/// let token = jws::sign(&signer, br#"{"iss":"me"}"#, Some("JWT"))?;
/// assert_eq!(jws::inspect(&token)?.header["kid"], "key-1");
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub struct CallbackSigner {
    algorithm: Algorithm,
    key_id: Option<String>,
    hash: Option<&'static digest::Algorithm>,
    checked_with: Option<VerificationKey>,
    public_key: Option<PublicKey>,
    certificates: Vec<Certificate>,
    callback: Box<Callback>,
}

impl CallbackSigner {
    /// Creates a signer that calls the function with the bytes to sign.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{Algorithm, CallbackSigner, Signer};
    ///
    /// let signer = CallbackSigner::new(Algorithm::ES256, None, |input| ask_the_device(input));
    /// assert_eq!(signer.algorithm(), Algorithm::ES256);
    /// # fn ask_the_device(_: &[u8]) -> Result<Vec<u8>, countersign_jose::Error> { Ok(Vec::new()) }
    /// ```
    pub fn new(
        algorithm: Algorithm,
        key_id: Option<String>,
        callback: impl Fn(&[u8]) -> Result<Vec<u8>, Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            algorithm,
            key_id,
            hash: None,
            checked_with: None,
            public_key: None,
            certificates: Vec::new(),
            callback: Box::new(callback),
        }
    }

    /// Creates a signer that calls the function with the hash of the bytes to sign.
    ///
    /// Use this for a KMS that limits the length of messages. It uses the
    /// algorithm's hash function.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnsupportedAlgorithm`] for EdDSA and HMAC, which do not sign a plain hash.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{self, Algorithm, CallbackSigner};
    ///
    /// let signer = CallbackSigner::with_digest(Algorithm::ES256, None, |hash| {
    ///     assert_eq!(hash.len(), 32);
    ///     Ok(vec![1; 64])
    /// })?;
    /// jws::sign(&signer, b"{}", None)?;
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn with_digest(
        algorithm: Algorithm,
        key_id: Option<String>,
        callback: impl Fn(&[u8]) -> Result<Vec<u8>, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let hash = match algorithm {
            Algorithm::EdDSA | Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                let message = format!("`algorithm` {algorithm} cannot sign a precomputed hash");
                return Err(Error::new(ErrorKind::UnsupportedAlgorithm, message)
                    .with_hint("pass the whole message to the device: use CallbackSigner::new"));
            }
            other => other.hash(),
        };
        Ok(Self {
            hash: Some(hash),
            ..Self::new(algorithm, key_id, callback)
        })
    }

    /// Verifies each signature with the public key before it is used.
    ///
    /// A wrong key in the device is then detected here and not by the vendor.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlgorithmMismatch`] if the key does not support the algorithm.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{self, Algorithm, CallbackSigner};
    /// use countersign_jose::key::PublicKey;
    ///
    /// let key = PublicKey::from_pem(
    ///     "-----BEGIN PUBLIC KEY-----
    ///     MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    ///     -----END PUBLIC KEY-----",
    /// )?;
    /// let signer = CallbackSigner::new(Algorithm::EdDSA, None, |_| Ok(vec![1; 64]));
    /// let error = jws::sign(&signer.checked_with(key)?, b"{}", None).unwrap_err();
    /// assert_eq!(error.message(), "the device's signature does not match the public key");
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn checked_with(mut self, key: PublicKey) -> Result<Self, Error> {
        self.checked_with = Some(VerificationKey::new(key.clone(), self.algorithm)?);
        self.public_key = Some(key);
        Ok(self)
    }

    /// Sets the key's certificates, its own first.
    ///
    /// Some vendors require them or their thumbprints in the header (RFC 7515 sections 4.1.6 to
    /// 4.1.8). Signatures are verified with the first certificate's key, as with
    /// [`checked_with`](Self::checked_with).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlgorithmMismatch`] if the first certificate's key does not support the
    /// algorithm.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use countersign_jose::jws::{Algorithm, CallbackSigner};
    /// use countersign_jose::key::Certificate;
    ///
    /// let own = Certificate::from_bytes(&std::fs::read("certificate.pem").unwrap())?;
    /// let signer = CallbackSigner::new(Algorithm::PS256, None, |input| ask_the_device(input))
    ///     .with_certificates(vec![own])?;
    /// # fn ask_the_device(_: &[u8]) -> Result<Vec<u8>, countersign_jose::Error> { Ok(Vec::new()) }
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn with_certificates(self, certificates: Vec<Certificate>) -> Result<Self, Error> {
        let signer = match certificates.first() {
            Some(own) => self.checked_with(own.public_key().clone())?,
            None => self,
        };
        Ok(Self {
            certificates,
            ..signer
        })
    }
}

impl Signer for CallbackSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    fn public_key(&self) -> Option<&PublicKey> {
        self.public_key.as_ref()
    }

    fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    fn sign(&self, signing_input: &[u8], signature: &mut Vec<u8>) -> Result<(), Error> {
        let made = match self.hash {
            Some(hash) => (self.callback)(digest::digest(hash, signing_input).as_ref())?,
            None => (self.callback)(signing_input)?,
        };
        let made = in_jose_form(self.algorithm, made)?;
        if let Some(key) = &self.checked_with {
            key.verify_signature(signing_input, &made).map_err(|_| {
                failed("the device's signature does not match the public key")
                    .with_hint("check which key the device signs with, and with which algorithm")
            })?;
        }
        signature.extend_from_slice(&made);
        Ok(())
    }
}

impl fmt::Debug for CallbackSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackSigner")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Converts a signature to the form of RFC 7518 section 3 and RFC 8037 section 3.1.
fn in_jose_form(algorithm: Algorithm, made: Vec<u8>) -> Result<Vec<u8>, Error> {
    let expected = match algorithm.signature_bytes() {
        // RSA: as long as the modulus, which only the device knows.
        None if (256..=1024).contains(&made.len()) => return Ok(made),
        None => "256 to 1024".to_owned(),
        Some(bytes) if made.len() == bytes => return Ok(made),
        Some(bytes) => {
            let ecdsa = matches!(
                algorithm,
                Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512
            );
            match ecdsa.then(|| from_der(&made, bytes / 2)).flatten() {
                Some(joined) => return Ok(joined),
                None => bytes.to_string(),
            }
        }
    };
    let message = format!(
        "the device returned a signature of {} bytes; {algorithm} needs {expected}",
        made.len()
    );
    Err(failed(message)
        .with_hint("check that the key in the device is of the type that the algorithm needs"))
}

/// Converts SEQUENCE { r INTEGER, s INTEGER } (RFC 3279 section 2.2.3) to `r || s`.
fn from_der(der: &[u8], field: usize) -> Option<Vec<u8>> {
    // Two integers of at most 67 bytes need one length byte, preceded by 0x81 on P-521.
    let body = |tag: u8, der: &[u8]| -> Option<(usize, usize)> {
        let (start, length) = match *der {
            [found, 0x81, length, ..] if found == tag && length >= 0x80 => (3, length),
            [found, length, ..] if found == tag && length < 0x80 => (2, length),
            _ => return None,
        };
        let end = start + usize::from(length);
        (der.len() >= end).then_some((start, end))
    };
    let (start, end) = body(0x30, der)?;
    if end != der.len() {
        return None;
    }
    let mut rest = &der[start..end];
    let mut joined = Vec::with_capacity(2 * field);
    for _ in 0..2 {
        let (start, end) = body(0x02, rest)?;
        let number = match &rest[start..end] {
            [] => return None,
            [0, number @ ..] => number,
            number => number,
        };
        if number.len() > field {
            return None;
        }
        joined.resize(joined.len() + field - number.len(), 0);
        joined.extend_from_slice(number);
        rest = &rest[end..];
    }
    rest.is_empty().then_some(joined)
}

fn failed(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Signing, why)
}
