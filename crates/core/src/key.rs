//! Keys: read from whatever the vendor or a colleague handed over, and named by what they are.

mod armor;
mod asn1;
mod document;
mod inspect;
mod jwk;
mod pair;
mod public;
mod refusal;

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use self::inspect::{KeyInfo, inspect};
pub use self::jwk::{Jwk, JwkSet};
pub(crate) use self::pair::{Pair, hmac_algorithm};
pub use self::public::PublicKey;
pub(crate) use self::public::{Curve, Material};

use self::asn1::PrivateParts;
use self::document::Document;
use crate::jws::Algorithm;
use crate::{Error, Secret};

/// A private key or shared secret to sign with. Cheap to clone; `Debug` shows no part of it.
///
/// The buffers the key is read through are wiped. What the signing library makes of an RSA, EC
/// or Ed25519 key lives in that library's own memory for as long as the key does.
///
/// # Example
///
/// ```
/// use countersign::key::PrivateKey;
///
/// // RFC 8037 appendix A.1, as a shell variable would hold it.
/// let key = PrivateKey::from_pem(
///     r#""-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----""#,
/// )?;
/// assert_eq!(key.curve(), Some("Ed25519"));
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<Pair>,
    public: Option<PublicKey>,
    format: Format,
    /// Kept under the RSASSA-PSS identifier, so PSS is what its owner meant.
    pss: bool,
}

/// How a key was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Pkcs1,
    Pkcs8,
    Sec1,
    Spki,
    X509,
    Secret,
}

impl PrivateKey {
    /// Reads a private key in PEM: PKCS#1 RSA, PKCS#8 (RSA, P-256, P-384, Ed25519) or SEC1 EC.
    ///
    /// Takes what transport does to a PEM: literal `\n`, CRLF, a byte order mark, quotes, blanks
    /// around it, one line with blanks for line feeds, base64 around the whole, a missing final
    /// line feed. A certificate or public key beside the private key is ignored.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`](crate::ErrorKind::Key), naming the setting `private_key`, with a hint
    /// that says what to do: a public key, certificate or encrypted key was given; there is no
    /// PEM or a damaged one; the algorithm, curve or size is not supported. No error holds a byte
    /// of the key.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let document = document::read(text).map_err(|error| error.with_setting("private_key"))?;
        let refused = match document {
            Document::Private(key) => return Ok(key),
            Document::Public {
                format: Format::Pkcs1,
                ..
            } => refusal::public_given("RSA PUBLIC KEY"),
            Document::Public { .. } => refusal::public_given("PUBLIC KEY"),
            Document::Certificate(_) => refusal::certificate_given(),
        };
        Err(refused.with_setting("private_key"))
    }

    /// Takes a shared secret for HS256, HS384 or HS512, by its UTF-8 bytes.
    ///
    /// Whether it is long enough (RFC 7518 section 3.2) is checked where the algorithm is known,
    /// in [`KeySigner::new`](crate::jws::KeySigner::new).
    pub fn from_secret(secret: &Secret) -> Self {
        Self::from_secret_bytes(secret.expose().as_bytes())
    }

    /// Takes a shared secret that is not text, as an `oct` JWK holds it once decoded.
    pub fn from_secret_bytes(secret: &[u8]) -> Self {
        let bytes = Zeroizing::new(secret.to_vec());
        Self {
            pair: Arc::new(Pair::Hmac(bytes)),
            public: None,
            format: Format::Secret,
            pss: false,
        }
    }

    /// The algorithms this key can sign with, the usual choice first: RS256 for RSA, but PS256 if
    /// the key is marked for RSASSA-PSS.
    pub fn algorithms(&self) -> &'static [Algorithm] {
        match &self.public {
            Some(_) if self.pss => Algorithm::RSA_PSS_FIRST,
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
            (Some(_), None) => format!("an RSA key of {} bits", self.bits()),
        }
    }

    pub(crate) fn pair(&self) -> &Pair {
        &self.pair
    }

    fn from_parts(parts: PrivateParts<'_>, format: Format) -> Result<Self, Error> {
        let pss = matches!(parts, PrivateParts::Rsa { pss: true, .. });
        let (pair, public) = Pair::from_parts(&parts)?;
        Ok(Self {
            pair: Arc::new(pair),
            public: Some(public),
            format,
            pss,
        })
    }
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Pkcs1 => "PKCS#1 PEM",
            Self::Pkcs8 => "PKCS#8 PEM",
            Self::Sec1 => "SEC1 PEM",
            Self::Spki => "SPKI PEM",
            Self::X509 => "X.509 PEM",
            Self::Secret => "secret",
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, redacted)", self.description())
    }
}
