//! Certificates, for the thumbprints by which vendors name the key inside.

use ring::digest;

use super::document::{self, Document};
use super::public::PublicKey;
use super::{asn1, refusal};
use crate::Error;
use crate::jws::base64url;
use crate::x509;

/// An X.509 certificate (RFC 5280), of which the key and the validity are read. Neither its issuer
/// nor its signature is checked: vendors use it as a name for a key.
///
/// # Example
///
/// ```
/// use countersign_jose::key::Certificate;
///
/// let error = Certificate::from_bytes(b"not one").unwrap_err();
/// assert!(error.message().contains("no PEM found"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    public_key: PublicKey,
    not_before: u64,
    not_after: u64,
}

impl Certificate {
    /// Reads the first certificate of a file, PEM or DER.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`](crate::ErrorKind::Key) with a hint, if no certificate is in it or its
    /// key is of a kind not supported.
    pub fn from_bytes(file: &[u8]) -> Result<Self, Error> {
        match document::read(file, None, None)? {
            Document::Certificates { first, .. } => Ok(first),
            Document::Public { .. } | Document::Private(_) => Err(refusal::no_certificate()),
        }
    }

    pub(super) fn from_der(der: &[u8]) -> Result<Self, Error> {
        let parts = x509::certificate(der)?;
        Ok(Self {
            der: der.to_vec(),
            public_key: asn1::spki(parts.spki)?,
            not_before: parts.not_before,
            not_after: parts.not_after,
        })
    }

    /// The whole certificate in DER, which base64 makes a member of `x5c` (RFC 7515 4.1.6).
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as `CERTIFICATE` PEM (RFC 7468 section 5).
    pub fn to_pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new("CERTIFICATE", self.der.as_slice()), config)
    }

    /// The key that it certifies.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// When it starts to be valid, in seconds since 1970.
    pub fn not_before_unix_s(&self) -> u64 {
        self.not_before
    }

    /// When it ends being valid, in seconds since 1970.
    pub fn not_after_unix_s(&self) -> u64 {
        self.not_after
    }

    /// The SHA-1 thumbprint in base64url, the header's `x5t` (RFC 7515 section 4.1.7).
    pub fn x5t(&self) -> String {
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der);
        base64url::encode(sha1.as_ref())
    }

    /// The SHA-256 thumbprint in base64url, the header's `x5t#S256` (RFC 7515 section 4.1.8).
    pub fn x5t_s256(&self) -> String {
        base64url::encode(digest::digest(&digest::SHA256, &self.der).as_ref())
    }

    /// As a member of the header's `x5c`: DER in base64 of the usual alphabet, padded.
    pub fn x5c(&self) -> String {
        base64_simd::STANDARD.encode_to_string(&self.der)
    }
}
