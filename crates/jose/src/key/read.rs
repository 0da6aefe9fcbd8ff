//! Reads keys from files in any format.

use crate::key::certificate::Certificate;
use crate::key::container::{self, Contents};
use crate::key::document::{self, Document};
use crate::key::format::{Container, Structure};
use crate::key::json;
use crate::key::private::PrivateKey;
use crate::key::public::PublicKey;
use crate::{Error, ErrorKind, rejection};

/// Reads a file's private key, or else its first public key or certificate.
///
/// A key pasted together with its certificate chain or its public key can therefore be read.
/// `key_id` selects one of several private keys: by `kid` in a JWK Set, by friendly name in
/// PKCS#12.
pub(crate) fn read(
    file: &[u8],
    passphrase: Option<&str>,
    key_id: Option<&str>,
) -> Result<Document, Error> {
    match container::open(file)? {
        Contents::Der(der) => document::from_der(&der, Container::Der, passphrase, key_id),
        Contents::Json(text) => json::read(&text, passphrase, key_id),
        Contents::Pem(text) => document::from_pem(&text, Container::Pem, passphrase, key_id),
    }
}

impl PrivateKey {
    /// Reads a private key in PEM.
    ///
    /// Equivalent to [`from_bytes`](Self::from_bytes) with the text's bytes and no passphrase.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](Self::from_bytes).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let pem = "-----BEGIN PRIVATE KEY-----
    ///     MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
    ///     -----END PRIVATE KEY-----";
    /// assert_eq!(PrivateKey::from_pem(pem)?.curve(), Some("Ed25519"));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Self::from_bytes(text.as_bytes(), None)
    }

    /// Reads the private key of a file. The format is detected from the contents:
    ///
    /// - PKCS#1 RSA (RFC 8017), PKCS#8 version 1 and 2 (RFC 5958: RSA, also with the RSASSA-PSS
    ///   identifier, P-256, P-384, Ed25519) and SEC1 EC (RFC 5915), in PEM or DER. With the Cargo
    ///   feature `aws-lc` also P-521, RSA keys of more than 4096 bits, and EC keys whose public
    ///   point is compressed or missing.
    /// - A private JWK, or a JWK Set with one private key (RFC 7517). The key keeps its `kid` and
    ///   `alg`. To choose among several, use [`from_bytes_by_id`](Self::from_bytes_by_id).
    /// - Google's service account JSON and Box's app settings JSON. The key keeps its id. The
    ///   passphrase in a Box file is used.
    /// - With the Cargo feature `encrypted-keys` and a passphrase: encrypted PKCS#8 (PBES2 of
    ///   RFC 8018 with AES-CBC, AES-GCM or 3DES, and PBKDF2 with HMAC-SHA1 or SHA2, or scrypt; the
    ///   3DES and RC2 schemes of RFC 7292), PEM with `DEK-Info` (AES-CBC, 3DES), and PKCS#12.
    ///
    /// PEM may contain literal `\n`, CRLF, a byte order mark, quotes, surrounding spaces, spaces in
    /// place of line feeds, or the same key twice; it may be UTF-16 or Windows-1252, lack the final
    /// line feed, or be wrapped in base64 as a whole. A public key next to the private key is
    /// ignored. Certificates next to it are kept if one of them belongs to the key.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Passphrase`] if the passphrase is missing or wrong.
    /// - [`ErrorKind::KeyId`] if a JWK Set or PKCS#12 file contains several private keys.
    /// - [`ErrorKind::PrivateKey`] otherwise.
    ///
    /// The hint says what to do, often as a command that converts the key. No error contains any
    /// part of the key.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::PrivateKey;
    ///
    /// // RFC 8037 appendix A.1.
    /// let key = PrivateKey::from_bytes(
    ///     br#"{"kty":"OKP","crv":"Ed25519","kid":"2026-01",
    ///         "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    ///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    ///     None,
    /// )?;
    /// assert_eq!(key.key_id(), Some("2026-01"));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn from_bytes(file: &[u8], passphrase: Option<&str>) -> Result<Self, Error> {
        Self::from_bytes_by_id(file, passphrase, None)
    }

    /// Like [`from_bytes`](Self::from_bytes), but selects one of several private keys.
    ///
    /// `key_id` is a `kid` in a JWK Set (RFC 7517 section 5) or a friendly name in a PKCS#12 file.
    /// If a file has only one key, it is read whatever its name.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](Self::from_bytes), except that [`ErrorKind::KeyId`] means that not exactly
    /// one of several private keys has this name. The message lists the names.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let set = br#"{"keys":[
    ///     {"kty":"oct","kid":"2025","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr4"},
    ///     {"kty":"oct","kid":"2026","k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"}]}"#;
    /// let key = PrivateKey::from_bytes_by_id(set, None, Some("2026"))?;
    /// assert_eq!(key.key_id(), Some("2026"));
    /// let error = PrivateKey::from_bytes(set, None).unwrap_err();
    /// assert!(error.message().contains(r#"the kids "2025", "2026""#));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn from_bytes_by_id(
        file: &[u8],
        passphrase: Option<&str>,
        key_id: Option<&str>,
    ) -> Result<Self, Error> {
        let document = read(file, passphrase, key_id).map_err(as_private_key_error)?;
        let error = match document {
            Document::Private(key) => return Ok(key),
            Document::Public { format, .. } => rejection::public_given(match format.structure() {
                Structure::Pkcs1 => "RSA PUBLIC KEY",
                Structure::Jwk | Structure::JwkSet => "JWK",
                _ => "PUBLIC KEY",
            }),
            Document::Certificates { .. } => rejection::certificate_given(),
        };
        Err(as_private_key_error(error))
    }
}

impl PublicKey {
    /// Reads `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE` PEM.
    ///
    /// The text may be altered in the same ways as for [`PrivateKey::from_bytes`].
    ///
    /// Only the key of a certificate is read. Neither its validity nor its issuer is checked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] with a hint if the text contains a private key or no public key.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::PublicKey;
    ///
    /// let key = PublicKey::from_pem(
    ///     "-----BEGIN PUBLIC KEY-----
    ///     MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    ///     -----END PUBLIC KEY-----",
    /// )?;
    /// assert_eq!(key.key_type(), "OKP");
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Self::from_bytes(text.as_bytes())
    }

    /// Reads the public key of a file.
    ///
    /// The format is detected: SubjectPublicKeyInfo, PKCS#1 or a certificate in PEM or DER, or a
    /// JWK. Only the key of a certificate is read.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::PublicKey;
    ///
    /// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
    /// let key = PublicKey::from_bytes(made.cert.der())?;
    /// assert_eq!(key.curve(), Some("P-256"));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn from_bytes(file: &[u8]) -> Result<Self, Error> {
        match read(file, None, None)? {
            Document::Public { key, .. } => Ok(key),
            Document::Certificates { first, .. } => Ok(first.public_key().clone()),
            Document::Private(_) => Err(rejection::private_given()),
        }
    }
}

impl Certificate {
    /// Reads the first certificate of a file in PEM or DER.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] with a hint if there is no certificate or its key is not supported.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::Certificate;
    ///
    /// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
    /// let certificate = Certificate::from_bytes(made.cert.der())?;
    /// assert_eq!(certificate.public_key().curve(), Some("P-256"));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn from_bytes(file: &[u8]) -> Result<Self, Error> {
        match read(file, None, None)? {
            Document::Certificates { first, .. } => Ok(first),
            Document::Public { .. } | Document::Private(_) => Err(rejection::no_certificate()),
        }
    }
}

/// Changes [`ErrorKind::Key`] to [`ErrorKind::PrivateKey`], and keeps other kinds.
pub(crate) fn as_private_key_error(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Key => error.with_kind(ErrorKind::PrivateKey),
        _ => error,
    }
}
