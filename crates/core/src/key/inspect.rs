//! What a key file holds, for people and for `countersign key inspect`.

use serde::Serialize;

use super::document::{self, Document};
use super::public::PublicKey;
use super::{Format, PrivateKey};
use crate::Error;
use crate::jws::Algorithm;

/// What a key is, without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyInfo {
    /// `private`, `public` or `certificate`.
    pub kind: &'static str,
    /// The JWK key type: `RSA`, `EC`, `OKP` or `oct`.
    #[serde(rename = "type")]
    pub key_type: &'static str,
    /// The length of the modulus, the curve's field or the secret, in bits.
    pub bits: usize,
    /// The curve by its JWK name; none for RSA.
    pub curve: Option<&'static str>,
    /// How it was written, such as `PKCS#1 PEM`.
    pub format: &'static str,
    /// SHA-256 of the SubjectPublicKeyInfo, in hex; none for a shared secret.
    pub spki_sha256: Option<String>,
    /// RFC 7638 thumbprint of the public key; none for a shared secret, which it would give away.
    pub jwk_thumbprint: Option<String>,
    /// What it can sign or verify, the usual choice first.
    pub algorithms: &'static [Algorithm],
}

/// Says what a PEM text holds: a private key, a public key or a certificate.
///
/// # Errors
///
/// [`ErrorKind::Key`](crate::ErrorKind::Key) as from
/// [`PrivateKey::from_pem`](super::PrivateKey::from_pem), if no usable key is in it.
///
/// # Example
///
/// ```
/// let info = countersign::key::inspect(
///     "-----BEGIN PUBLIC KEY-----
///     MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
///     -----END PUBLIC KEY-----",
/// )?;
/// assert_eq!((info.kind, info.key_type, info.format), ("public", "OKP", "SPKI PEM"));
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn inspect(text: &str) -> Result<KeyInfo, Error> {
    Ok(match document::read(text)? {
        Document::Private(key) => key.info(),
        Document::Public { key, format } => KeyInfo::of_public("public", &key, format),
        Document::Certificate(key) => KeyInfo::of_public("certificate", &key, Format::X509),
    })
}

impl PrivateKey {
    /// What the key is, without the key.
    pub fn info(&self) -> KeyInfo {
        match self.public_key() {
            Some(public) => KeyInfo {
                algorithms: self.algorithms(),
                ..KeyInfo::of_public("private", &public, self.format)
            },
            None => KeyInfo {
                kind: "private",
                key_type: "oct",
                bits: self.bits(),
                curve: None,
                format: self.format.name(),
                spki_sha256: None,
                jwk_thumbprint: None,
                algorithms: self.algorithms(),
            },
        }
    }
}

impl KeyInfo {
    fn of_public(kind: &'static str, key: &PublicKey, format: Format) -> Self {
        Self {
            kind,
            key_type: key.key_type(),
            bits: key.bits(),
            curve: key.curve(),
            format: format.name(),
            spki_sha256: Some(
                key.spki_sha256()
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect(),
            ),
            jwk_thumbprint: Some(key.thumbprint()),
            algorithms: key.algorithms(),
        }
    }
}
