//! Private keys and shared secrets, with the metadata from their file.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::Error;
use crate::algorithm::Algorithm;
use crate::key::asn1::private::PrivateKeyParts;
use crate::key::certificate::Certificate;
use crate::key::format::{Container, Format, Structure};
use crate::key::pair::Pair;
use crate::key::public::PublicKey;

/// A private key or shared secret to sign with. Cheap to clone; `Debug` shows no part of it.
///
/// The buffers used while reading the key are wiped. The signing library's own copy of an RSA, EC
/// or Ed25519 key lives as long as the key does.
///
/// # Example
///
/// ```
/// use countersign_jose::key::PrivateKey;
///
/// // RFC 8037 appendix A.1, as a shell variable would contain it.
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
    metadata: Arc<Metadata>,
}

/// What a key file says about its key.
#[derive(Clone)]
pub(crate) struct Metadata {
    pub(crate) format: Format,
    /// A description of the encryption.
    pub(crate) encryption: Option<String>,
    pub(crate) key_id: Option<String>,
    /// The JWK's `alg`: the only algorithm that the key can be used with.
    pub(crate) algorithm: Option<Algorithm>,
    /// The key's own certificate, then its chain.
    pub(crate) certificates: Vec<Certificate>,
}

impl PrivateKey {
    /// Creates a key from a shared secret for HS256, HS384 or HS512. A string is used as UTF-8.
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
        Self::shared(secret.as_ref(), Metadata::new(format))
    }

    /// Returns the algorithms that this key can sign with, the default first (RS256 for RSA).
    ///
    /// A key with the RSASSA-PSS identifier signs with PS256, PS384 and PS512, or only with the one
    /// that its parameters allow (RFC 4055). A JWK with `alg` signs only with that one (RFC 7517
    /// section 4.4).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::Algorithm;
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = PrivateKey::from_secret("a secret of at least thirty-two bytes");
    /// assert_eq!(key.algorithms(), [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512]);
    /// ```
    pub fn algorithms(&self) -> &'static [Algorithm] {
        let possible = self.possible_algorithms();
        let only = possible
            .iter()
            .position(|a| Some(*a) == self.metadata.algorithm);
        only.map_or(possible, |at| &possible[at..=at])
    }

    /// Returns the `kid` from the JWK, Google or Box file that the key was read from.
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
    pub fn key_id(&self) -> Option<&str> {
        self.metadata.key_id.as_deref()
    }

    /// Returns the certificates from the key's file: its own first, then the others in their order.
    ///
    /// Empty if none of them belongs to the key.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
    /// let file = made.signing_key.serialize_pem() + &made.cert.pem();
    /// let key = PrivateKey::from_pem(&file)?;
    /// assert_eq!(key.certificates().len(), 1);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn certificates(&self) -> &[Certificate] {
        &self.metadata.certificates
    }

    fn possible_algorithms(&self) -> &'static [Algorithm] {
        match &self.public {
            Some(public) => public.algorithms(),
            None => Algorithm::HMAC,
        }
    }

    /// Returns the length of the modulus, of the curve's field or of the secret, in bits.
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
    /// assert_eq!(key.bits(), 256);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn bits(&self) -> usize {
        match (&self.public, &*self.pair) {
            (Some(public), _) => public.bits(),
            (None, Pair::Hmac(secret)) => 8 * secret.len(),
            (None, _) => 0,
        }
    }

    /// Returns the JWK name of the curve, such as `P-256`, or `None` for RSA and secrets.
    pub fn curve(&self) -> Option<&'static str> {
        self.public.as_ref().and_then(PublicKey::curve)
    }

    /// Returns the public key, or `None` for a shared secret.
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
    /// let public = key.public_key().unwrap();
    /// assert_eq!(public.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn public_key(&self) -> Option<PublicKey> {
        self.public.clone()
    }

    /// Describes the key for a message, as in `an RSA key of 2048 bits`.
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

    /// Returns whether both have the same public key. Shared secrets are never equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.public.is_some() && self.public == other.public
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(crate) fn public(&self) -> Option<&PublicKey> {
        self.public.as_ref()
    }

    pub(crate) fn pair(&self) -> &Pair {
        &self.pair
    }

    pub(crate) fn from_parts(
        parts: PrivateKeyParts<'_>,
        metadata: Metadata,
    ) -> Result<Self, Error> {
        let (pair, public) = Pair::from_parts(&parts)?;
        Ok(Self {
            pair: Arc::new(pair),
            public: Some(public),
            metadata: Arc::new(metadata),
        })
    }

    pub(crate) fn shared(secret: &[u8], metadata: Metadata) -> Self {
        Self {
            pair: Arc::new(Pair::Hmac(Zeroizing::new(secret.to_vec()))),
            public: None,
            metadata: Arc::new(metadata),
        }
    }

    pub(crate) fn with_key_id(mut self, key_id: &str) -> Self {
        Arc::make_mut(&mut self.metadata).key_id = Some(key_id.to_owned());
        self
    }

    /// Adds the certificates, if the key's own is among them. Unreadable ones are ignored.
    pub(crate) fn with_certificates<'a>(mut self, ders: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut chain: Vec<_> = ders
            .filter_map(|der| Certificate::from_der(der).ok())
            .collect();
        let own =
            |certificate: &Certificate| Some(certificate.public_key()) == self.public.as_ref();
        if let Some(at) = chain.iter().position(own) {
            chain[..=at].rotate_right(1);
            Arc::make_mut(&mut self.metadata).certificates = chain;
        }
        self
    }
}

impl Metadata {
    pub(crate) fn new(format: Format) -> Self {
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
