//! Descriptions of keys.

use serde::Serialize;
use serde_json::Value;

use crate::Error;
use crate::algorithm::Algorithm;
use crate::key::certificate::Certificate;
use crate::key::document::Document;
use crate::key::format::Format;
use crate::key::private::PrivateKey;
use crate::key::public::PublicKey;
use crate::key::read::{as_private_key_error, read};

/// A description of a key, without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyInfo {
    /// `private`, `public` or `certificate`.
    pub kind: &'static str,
    /// The JWK key type: `RSA`, `EC`, `OKP` or `oct`.
    #[serde(rename = "type")]
    pub key_type: &'static str,
    /// The length of the modulus, of the curve's field or of the secret, in bits.
    pub bits: usize,
    /// The JWK name of the curve, or `None` for RSA.
    pub curve: Option<&'static str>,
    /// The format of the file, such as `PKCS#1 PEM`.
    pub format: String,
    /// How the file was encrypted, such as `PBES2, PBKDF2 with HMAC-SHA256, AES-256-CBC`.
    pub encryption: Option<String>,
    /// The `kid` from the file.
    pub key_id: Option<String>,
    /// SHA-256 of the SubjectPublicKeyInfo in hex, or `None` for a shared secret.
    pub spki_sha256: Option<String>,
    /// The same hash in base64, as Snowflake shows it after `SHA256:`.
    pub spki_sha256_base64: Option<String>,
    /// The RFC 7638 thumbprint, or `None` for a shared secret, which it could reveal.
    pub jwk_thumbprint: Option<String>,
    /// The algorithms that the key can sign or verify with, the default first.
    pub algorithms: &'static [Algorithm],
    /// The public key as a JWK, or `None` for a shared secret.
    pub public_jwk: Option<Value>,
    /// The certificates from the file, the key's own first.
    pub certificates: Vec<CertificateInfo>,
}

/// The thumbprints and the validity of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CertificateInfo {
    /// The SHA-1 thumbprint (RFC 7515 section 4.1.7).
    pub x5t: String,
    /// The SHA-256 thumbprint (RFC 7515 section 4.1.8).
    #[serde(rename = "x5t#S256")]
    pub x5t_s256: String,
    /// The start of the validity, in seconds since 1970.
    pub not_before: u64,
    /// The end of the validity, in seconds since 1970.
    pub not_after: u64,
}

/// Describes what a PEM text contains: a private key, a public key or a certificate.
///
/// # Errors
///
/// As [`PrivateKey::from_pem`](super::PrivateKey::from_pem), if there is no usable key.
///
/// # Example
///
/// ```
/// let info = countersign_jose::key::inspect(
///     "-----BEGIN PUBLIC KEY-----
///     MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
///     -----END PUBLIC KEY-----",
/// )?;
/// assert_eq!((info.kind, info.key_type), ("public", "OKP"));
/// assert_eq!(info.format, "SPKI PEM");
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub fn inspect(text: &str) -> Result<KeyInfo, Error> {
    inspect_bytes(text.as_bytes(), None)
}

/// Describes what a file contains: a private key, a public key or a certificate.
///
/// # Errors
///
/// As [`PrivateKey::from_bytes`](super::PrivateKey::from_bytes), if there is no usable key.
///
/// # Example
///
/// ```
/// let error = countersign_jose::key::inspect_bytes(b"\x30\x03\x02\x01\x00", None).unwrap_err();
/// assert_eq!(error.kind(), countersign_jose::ErrorKind::PrivateKey);
/// ```
pub fn inspect_bytes(file: &[u8], passphrase: Option<&str>) -> Result<KeyInfo, Error> {
    Ok(
        match read(file, passphrase, None).map_err(as_private_key_error)? {
            Document::Private(key) => key.info(),
            Document::Public {
                key,
                format,
                key_id,
            } => KeyInfo {
                key_id,
                ..KeyInfo::of_public("public", &key, format)
            },
            Document::Certificates {
                first,
                more,
                format,
            } => KeyInfo {
                certificates: std::iter::once(&first)
                    .chain(&more)
                    .map(Into::into)
                    .collect(),
                ..KeyInfo::of_public("certificate", first.public_key(), format)
            },
        },
    )
}

impl PrivateKey {
    /// Describes the key.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = PrivateKey::from_secret("a secret of at least thirty-two bytes");
    /// assert_eq!((key.info().kind, key.info().key_type), ("private", "oct"));
    /// ```
    pub fn info(&self) -> KeyInfo {
        let metadata = self.metadata();
        let info = match self.public_key() {
            Some(public) => KeyInfo::of_public("private", &public, metadata.format),
            None => KeyInfo {
                kind: "private",
                key_type: "oct",
                bits: self.bits(),
                curve: None,
                format: metadata.format.to_string(),
                encryption: None,
                key_id: None,
                spki_sha256: None,
                spki_sha256_base64: None,
                jwk_thumbprint: None,
                algorithms: &[],
                public_jwk: None,
                certificates: Vec::new(),
            },
        };
        KeyInfo {
            encryption: metadata.encryption.clone(),
            key_id: metadata.key_id.clone(),
            algorithms: self.algorithms(),
            certificates: metadata.certificates.iter().map(Into::into).collect(),
            ..info
        }
    }
}

impl KeyInfo {
    fn of_public(kind: &'static str, key: &PublicKey, format: Format) -> Self {
        let spki = key.spki_sha256();
        Self {
            kind,
            key_type: key.key_type(),
            bits: key.bits(),
            curve: key.curve(),
            format: format.to_string(),
            encryption: None,
            key_id: None,
            spki_sha256: Some(spki.iter().map(|b| format!("{b:02x}")).collect()),
            spki_sha256_base64: Some(base64_simd::STANDARD.encode_to_string(spki)),
            jwk_thumbprint: Some(key.thumbprint()),
            algorithms: key.algorithms(),
            public_jwk: Some(key.to_jwk()),
            certificates: Vec::new(),
        }
    }
}

impl From<&Certificate> for CertificateInfo {
    fn from(certificate: &Certificate) -> Self {
        Self {
            x5t: certificate.x5t(),
            x5t_s256: certificate.x5t_s256(),
            not_before: certificate.not_before_unix_s(),
            not_after: certificate.not_after_unix_s(),
        }
    }
}
