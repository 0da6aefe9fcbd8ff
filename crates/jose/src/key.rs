//! Keys: read from whatever the vendor or a colleague handed over, and named by what they are.

mod armor;
mod asn1;
mod certificate;
mod container;
mod document;
mod encrypted;
mod format;
mod inspect;
mod json;
mod jwk;
mod larger;
mod pair;
mod public;
pub(crate) mod refusal;

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use self::certificate::Certificate;
pub use self::inspect::{CertificateInfo, KeyInfo, inspect, inspect_bytes};
pub use self::jwk::{Jwk, JwkSet};
pub(crate) use self::larger::verify_p521;
#[cfg(feature = "aws-lc")]
pub(crate) use self::pair::AwsLcPair;
pub(crate) use self::pair::{Pair, hmac_algorithm};
pub use self::public::PublicKey;
pub(crate) use self::public::{Curve, Material};

pub use self::refusal::is_pkcs11_uri;

use self::asn1::PrivateParts;
use self::document::Document;
use self::format::{Container, Format, Structure};
use crate::jws::Algorithm;
use crate::{Error, ErrorKind};

/// A private key or shared secret to sign with. Cheap to clone; `Debug` shows no part of it.
///
/// The buffers the key is read through are wiped. What the signing library makes of an RSA, EC
/// or Ed25519 key lives in that library's own memory for as long as the key does.
///
/// # Example
///
/// ```
/// use countersign_jose::key::PrivateKey;
///
/// // RFC 8037 appendix A.1, as a shell variable would hold it.
/// let key = PrivateKey::from_pem(
///     r#""-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----""#,
/// )?;
/// assert_eq!(key.curve(), Some("Ed25519"));
/// # Ok::<(), countersign_jose::Error>(())
/// ```
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<Pair>,
    public: Option<PublicKey>,
    about: Arc<About>,
}

/// What came along with a key.
#[derive(Clone)]
struct About {
    format: Format,
    /// How it was encrypted, in words.
    encryption: Option<String>,
    key_id: Option<String>,
    /// The only algorithm that a JWK lets itself be used with.
    algorithm: Option<Algorithm>,
    /// The key's own certificate, then those that certify it.
    certificates: Vec<Certificate>,
}

impl PrivateKey {
    /// Reads a private key in PEM. The same as [`from_bytes`](Self::from_bytes) with the text's
    /// bytes and no passphrase.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](Self::from_bytes).
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Self::from_bytes(text.as_bytes(), None)
    }

    /// Reads the private key of a file, whatever the file is.
    ///
    /// What it is, is told by what is in it, not by its name or label:
    ///
    /// - PKCS#1 RSA (RFC 8017), PKCS#8 version 1 and 2 (RFC 5958: RSA, also under the RSASSA-PSS
    ///   identifier, P-256, P-384, Ed25519) and SEC1 EC (RFC 5915), in PEM or DER; with the cargo
    ///   feature `aws-lc` also P-521, RSA keys of more than 4096 bits, and EC keys whose public
    ///   point is compressed or missing;
    /// - a private JWK, or a JWK Set with one in it (RFC 7517); its `kid` and `alg` stay with it;
    ///   where there are several: [`from_bytes_by_id`](Self::from_bytes_by_id);
    /// - Google's service account JSON and Box's app settings JSON, of which the key's id, and
    ///   with Box the passphrase, come along;
    /// - with the cargo feature `encrypted-keys` and a passphrase: encrypted PKCS#8 (PBES2 of
    ///   RFC 8018 with AES-CBC, AES-GCM or 3DES, under PBKDF2 with HMAC-SHA1 or SHA2, or scrypt;
    ///   the 3DES and RC2 schemes of RFC 7292), PEM with `DEK-Info` (AES-CBC, 3DES), and PKCS#12.
    ///
    /// PEM is read in every state that transport leaves it in: literal `\n`, CRLF, a byte order
    /// mark, UTF-16, Windows-1252, quotes, spaces around it, one line with spaces for line feeds,
    /// base64 around the whole, a missing final line feed, the same key twice. A public key beside
    /// it is ignored. The certificates beside it are kept if the key's own is among them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::PrivateKey`] or, if the passphrase is missing or wrong,
    /// [`ErrorKind::Passphrase`]. The hint says what to do, often as a command that converts the
    /// key. No error contains any part of the key.
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

    /// As [`from_bytes`](Self::from_bytes), but chooses among several private keys: in a JWK Set
    /// (RFC 7517 section 5) by `kid`, in a PKCS#12 file by friendly name. A file with one key is
    /// read whatever its name.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](Self::from_bytes); also [`ErrorKind::KeyId`], listing the names, if the file
    /// has several private keys and not exactly one with this name.
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
        let document = document::read(file, passphrase, key_id).map_err(about_key)?;
        let refused = match document {
            Document::Private(key) => return Ok(key),
            Document::Public { format, .. } => refusal::public_given(match format.structure() {
                Structure::Pkcs1 => "RSA PUBLIC KEY",
                Structure::Jwk | Structure::JwkSet => "JWK",
                _ => "PUBLIC KEY",
            }),
            Document::Certificates { .. } => refusal::certificate_given(),
        };
        Err(about_key(refused))
    }

    /// Takes a shared secret for HS256, HS384 or HS512: a string stands for its UTF-8 bytes.
    ///
    /// [`KeySigner::new`](crate::jws::KeySigner::new) checks that the secret is long enough for its
    /// algorithm (RFC 7518 section 3.2).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = PrivateKey::from_secret("a secret of at least thirty-two bytes");
    /// assert_eq!(key.bits(), 8 * 37);
    /// ```
    pub fn from_secret(secret: impl AsRef<[u8]>) -> Self {
        let format = Format::new(Structure::Secret, Container::None);
        Self::shared(secret.as_ref(), About::new(format))
    }

    /// The algorithms this key can sign with, the default first: RS256 for RSA. A key under the
    /// RSASSA-PSS identifier signs with PS256, PS384 and PS512, or only with the one that its
    /// parameters allow (RFC 4055); a JWK with `alg` only with that one (RFC 7517 section 4.4).
    pub fn algorithms(&self) -> &'static [Algorithm] {
        let possible = self.possible_algorithms();
        let only = possible
            .iter()
            .position(|a| Some(*a) == self.about.algorithm);
        only.map_or(possible, |at| &possible[at..=at])
    }

    /// The `kid` that came with the key: of a JWK, a Google or a Box file.
    pub fn key_id(&self) -> Option<&str> {
        self.about.key_id.as_deref()
    }

    /// The certificates that came with the key: its own first, then the others in their order.
    /// Empty if none is the key's own.
    pub fn certificates(&self) -> &[Certificate] {
        &self.about.certificates
    }

    fn possible_algorithms(&self) -> &'static [Algorithm] {
        match &self.public {
            Some(public) => public.algorithms(),
            None => Algorithm::HMAC,
        }
    }

    /// The length of the modulus, the curve's field or the secret, in bits.
    pub fn bits(&self) -> usize {
        match (&self.public, &*self.pair) {
            (Some(public), _) => public.bits(),
            (None, Pair::Hmac(secret)) => 8 * secret.len(),
            (None, _) => 0,
        }
    }

    /// The curve by its JWK name, such as `P-256`; none for RSA and secrets.
    pub fn curve(&self) -> Option<&'static str> {
        self.public.as_ref().and_then(PublicKey::curve)
    }

    /// The public half; none for a shared secret.
    pub fn public_key(&self) -> Option<PublicKey> {
        self.public.clone()
    }

    /// What the key is, in words for a message: `an RSA key of 2048 bits`.
    pub(crate) fn description(&self) -> String {
        match (&self.public, self.curve()) {
            (None, _) => format!("a shared secret of {} bytes", self.bits() / 8),
            (Some(_), Some("Ed25519")) => "an Ed25519 key".to_owned(),
            (Some(_), Some(curve)) => format!("an EC key on {curve}"),
            (Some(public), None) => {
                let kind = if public.is_pss() { "RSASSA-PSS" } else { "RSA" };
                format!("an {kind} key of {} bits", self.bits())
            }
        }
    }

    /// Whether both sign alike. Shared secrets are not compared.
    fn is_same(&self, other: &Self) -> bool {
        self.public.is_some() && self.public == other.public
    }

    pub(crate) fn public(&self) -> Option<&PublicKey> {
        self.public.as_ref()
    }

    pub(crate) fn pair(&self) -> &Pair {
        &self.pair
    }

    fn from_parts(parts: PrivateParts<'_>, about: About) -> Result<Self, Error> {
        let (pair, public) = Pair::from_parts(&parts)?;
        Ok(Self {
            pair: Arc::new(pair),
            public: Some(public),
            about: Arc::new(about),
        })
    }

    fn shared(secret: &[u8], about: About) -> Self {
        Self {
            pair: Arc::new(Pair::Hmac(Zeroizing::new(secret.to_vec()))),
            public: None,
            about: Arc::new(about),
        }
    }

    fn with_key_id(mut self, key_id: &str) -> Self {
        Arc::make_mut(&mut self.about).key_id = Some(key_id.to_owned());
        self
    }

    /// Keeps the certificates, if the key's own is among them. One that cannot be read is not it.
    fn with_certificates<'a>(mut self, ders: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut chain: Vec<_> = ders
            .filter_map(|der| Certificate::from_der(der).ok())
            .collect();
        let own =
            |certificate: &Certificate| Some(certificate.public_key()) == self.public.as_ref();
        if let Some(at) = chain.iter().position(own) {
            chain[..=at].rotate_right(1);
            Arc::make_mut(&mut self.about).certificates = chain;
        }
        self
    }
}

impl About {
    fn new(format: Format) -> Self {
        Self {
            format,
            encryption: None,
            key_id: None,
            algorithm: None,
            certificates: Vec::new(),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, redacted)", self.description())
    }
}

/// Says that the key to blame is the private one, unless the error is about something else.
fn about_key(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Key => error.with_kind(ErrorKind::PrivateKey),
        _ => error,
    }
}
