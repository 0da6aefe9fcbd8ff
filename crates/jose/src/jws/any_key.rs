//! A key of any kind, for programs that sign and verify with whatever key they are given.

use std::fmt;

use serde_json::Value;

use super::callback::CallbackSigner;
use super::jwk_set::JwkSet;
use super::key_signer::KeySigner;
use super::sign::sign;
use super::signer::Signer;
use super::verify::{VerificationKey, inspect, verify};
use crate::algorithm::Algorithm;
use crate::key::{KeyInfo, PrivateKey, PublicKey, inspect_bytes};
use crate::{Error, ErrorKind};

/// A private key, a public key, a certificate, a JWK Set, or a key that stays in a device.
///
/// It signs and verifies as far as its kind can, and fails otherwise.
///
/// # Example
///
/// ```
/// use countersign_jose::jws::AnyKey;
/// use countersign_jose::key::PrivateKey;
///
/// let key = AnyKey::from(PrivateKey::from_secret("0123456789abcdef0123456789abcdef"));
/// let token = key.sign(None, None, Some("JWT"), br#"{"iss":"me"}"#)?;
/// assert_eq!(key.verify(None, &token)?, br#"{"iss":"me"}"#);
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub struct AnyKey(Material);

enum Material {
    Private(PrivateKey),
    /// A public key or a certificate, with its file.
    Public(PublicKey, Vec<u8>),
    Set(JwkSet),
    Device(CallbackSigner),
}

impl From<PrivateKey> for AnyKey {
    fn from(key: PrivateKey) -> Self {
        Self(Material::Private(key))
    }
}

impl From<CallbackSigner> for AnyKey {
    fn from(signer: CallbackSigner) -> Self {
        Self(Material::Device(signer))
    }
}

impl AnyKey {
    /// Reads a key in any format, a certificate or a JWK Set (RFC 7517).
    ///
    /// # Errors
    ///
    /// As [`PrivateKey::from_bytes`], and [`ErrorKind::Key`] if a JWK Set is invalid.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::AnyKey;
    ///
    /// let error = AnyKey::read(b"-----BEGIN", None).unwrap_err();
    /// assert!(error.message().contains("PEM"), "{error}");
    /// ```
    pub fn read(data: &[u8], passphrase: Option<&str>) -> Result<Self, Error> {
        let set = std::str::from_utf8(data).ok().filter(|text| {
            let json = serde_json::from_str::<Value>(text);
            json.is_ok_and(|json| json.get("keys").is_some())
        });
        let rejected = match PrivateKey::from_bytes(data, passphrase) {
            Ok(key) => return Ok(key.into()),
            Err(error) => error,
        };
        if let Some(set) = set {
            return Ok(Self(Material::Set(JwkSet::from_json(set)?)));
        }
        match PublicKey::from_bytes(data) {
            Ok(key) => Ok(Self(Material::Public(key, data.to_vec()))),
            // The private key's error is more helpful.
            Err(_) => Err(rejected),
        }
    }

    /// Signs a payload as a compact JWS (RFC 7515 section 7.1).
    ///
    /// The algorithm and the header's `kid` default to the key's own. Keys in a device have a fixed
    /// `kid`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Key`] if the key can't sign.
    /// - [`ErrorKind::AlgorithmMismatch`] if it does not support the algorithm.
    /// - [`ErrorKind::Signing`] if signing fails.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{self, AnyKey};
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = AnyKey::from(PrivateKey::from_secret("0123456789abcdef0123456789abcdef"));
    /// let token = key.sign(None, Some("key-1"), None, b"{}")?;
    /// assert_eq!(jws::inspect(&token)?.header["kid"], "key-1");
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn sign(
        &self,
        algorithm: Option<Algorithm>,
        key_id: Option<&str>,
        typ: Option<&str>,
        payload: &[u8],
    ) -> Result<String, Error> {
        self.with_signer(algorithm, key_id, |signer| sign(signer, payload, typ))
    }

    /// Signs bytes, and returns the signature in the format of RFC 7518 section 3.
    ///
    /// # Errors
    ///
    /// As [`AnyKey::sign`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::AnyKey;
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = AnyKey::from(PrivateKey::from_secret("0123456789abcdef0123456789abcdef"));
    /// assert_eq!(key.sign_bytes(None, b"input")?.len(), 32);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn sign_bytes(&self, algorithm: Option<Algorithm>, input: &[u8]) -> Result<Vec<u8>, Error> {
        self.with_signer(algorithm, None, |signer| {
            let mut signature = Vec::new();
            signer.sign(input, &mut signature)?;
            Ok(signature)
        })
    }

    /// Verifies a compact JWS, and returns its payload. Of a JWK Set, its `kid` selects the key.
    ///
    /// The algorithm is the given one or the key's own, never the token's (RFC 8725 section 3.1).
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Verification`] if the token is not valid.
    /// - [`ErrorKind::Key`] if the key can't verify, or the set has no such key.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::ErrorKind;
    /// use countersign_jose::jws::AnyKey;
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = AnyKey::from(PrivateKey::from_secret("0123456789abcdef0123456789abcdef"));
    /// let error = key.verify(None, "e30.e30.AAAA").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Verification);
    /// ```
    pub fn verify(&self, algorithm: Option<Algorithm>, token: &str) -> Result<Vec<u8>, Error> {
        let key = self.verification_key(algorithm, token)?;
        Ok(verify(token, &key)?.payload)
    }

    /// Describes the key, without its secrets.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] for a JWK Set and for a key in a device.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::AnyKey;
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = AnyKey::from(PrivateKey::from_secret("0123456789abcdef0123456789abcdef"));
    /// assert!(!format!("{:?}", key.info()?).contains("0123456789abcdef"));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn info(&self) -> Result<KeyInfo, Error> {
        match &self.0 {
            Material::Private(key) => Ok(key.info()),
            Material::Public(_, file) => inspect_bytes(file, None),
            Material::Set(_) | Material::Device(_) => {
                Err(reject("a JWK Set or a key in a device can't be described"))
            }
        }
    }

    fn with_signer<T>(
        &self,
        algorithm: Option<Algorithm>,
        key_id: Option<&str>,
        sign: impl FnOnce(&dyn Signer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match &self.0 {
            Material::Private(key) => {
                let key_id = key_id.or(key.key_id()).map(str::to_owned);
                sign(&KeySigner::new(key.clone(), algorithm, key_id)?)
            }
            Material::Device(signer) if algorithm.is_none_or(|a| a == signer.algorithm()) => {
                sign(signer)
            }
            Material::Device(signer) => {
                let message = format!("`algorithm`: the device's key uses {}", signer.algorithm());
                Err(Error::new(ErrorKind::AlgorithmMismatch, message))
            }
            Material::Public(..) | Material::Set(_) => {
                Err(reject("a public key can't sign").with_hint("read the private key"))
            }
        }
    }

    fn verification_key(
        &self,
        algorithm: Option<Algorithm>,
        token: &str,
    ) -> Result<VerificationKey, Error> {
        match &self.0 {
            Material::Private(key) => VerificationKey::of(key, algorithm),
            Material::Public(key, _) => VerificationKey::of_public(key.clone(), algorithm),
            Material::Set(set) => {
                let header = inspect(token)?.header;
                let key = set.key_for(header.get("kid").and_then(Value::as_str))?;
                VerificationKey::of_public(key.public_key().clone(), algorithm)
            }
            Material::Device(_) => Err(reject("a key in a device can't verify")
                .with_hint("verify with its public key or certificate")),
        }
    }
}

impl fmt::Debug for AnyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Material::Private(_) => "AnyKey(private)",
            Material::Public(..) => "AnyKey(public)",
            Material::Set(_) => "AnyKey(set)",
            Material::Device(_) => "AnyKey(device)",
        })
    }
}

fn reject(why: &str) -> Error {
    Error::new(ErrorKind::Key, why)
}
