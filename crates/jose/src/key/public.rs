//! Public keys.

pub(crate) mod der;

use std::sync::Arc;

use ring::digest;

use crate::algorithm::Algorithm;
use crate::key::asn1::write;
use crate::key::curve::Curve;
use crate::{Error, rejection};

const RSA_MIN_BITS: usize = 2048;
const RSA_MAX_BITS: usize = 8192;

/// A public key: RSA (2048 to 8192 bits), EC on P-256 or P-384, or Ed25519.
///
/// With the Cargo feature `aws-lc` also EC on P-521.
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
/// assert_eq!(key.curve(), Some("Ed25519"));
/// assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # Ok::<(), countersign_jose::Error>(())
/// ```
///
/// Two keys are equal if their numbers are equal, whatever their format.
#[derive(Clone, Debug)]
pub struct PublicKey {
    material: Material,
    /// Whether the key has the RSASSA-PSS identifier (RFC 4055 section 1.2).
    is_pss: bool,
    /// The algorithms that the key's file restricts it to, if any.
    ///
    /// RSASSA-PSS parameters restrict a key, and so do `use`, `key_ops` and `alg` of a JWK (RFC
    /// 7517 section 4).
    allowed: Option<&'static [Algorithm]>,
    /// The SubjectPublicKeyInfo that the key was read from, if ours would differ.
    spki: Option<Arc<[u8]>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Material {
    /// Big-endian integers without leading zeros.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// An uncompressed point, `04 || x || y`.
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
    Ed25519([u8; 32]),
}

impl PublicKey {
    /// Returns the SubjectPublicKeyInfo in DER (RFC 5280 section 4.1.2.7).
    ///
    /// If the key was read from one, or from a certificate, it is returned byte for byte.
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
    /// assert_eq!(PublicKey::from_bytes(&key.spki_der())?, key);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn spki_der(&self) -> Vec<u8> {
        match &self.spki {
            Some(spki) => spki.to_vec(),
            None => self.canonical_spki(),
        }
    }

    fn canonical_spki(&self) -> Vec<u8> {
        match &self.material {
            Material::Rsa { modulus, exponent } => write::rsa_spki(modulus, exponent),
            Material::Ec { curve, point } => write::ec_spki(*curve, point),
            Material::Ed25519(key) => write::ed25519_spki(key),
        }
    }

    /// Returns the key as `PUBLIC KEY` PEM (RFC 7468 section 13).
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
    /// assert!(key.to_pem().starts_with("-----BEGIN PUBLIC KEY-----\nMCow"));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn to_pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new("PUBLIC KEY", self.spki_der()), config)
    }

    /// Returns the SHA-256 hash of [`spki_der`](Self::spki_der).
    ///
    /// Snowflake and certificate pinning identify keys by this hash.
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
    /// assert_eq!(key.spki_sha256()[..4], [0x06, 0xe3, 0xfd, 0x8f]);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn spki_sha256(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, &self.spki_der()).as_ref());
        out
    }

    /// Returns the length of the modulus, or of the curve's field, in bits.
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
    /// assert_eq!(key.bits(), 256);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn bits(&self) -> usize {
        match &self.material {
            Material::Rsa { modulus, .. } => bit_length(modulus),
            Material::Ec { curve, .. } => curve.bits(),
            Material::Ed25519(_) => 256,
        }
    }

    /// Returns the JWK name of the curve, such as `P-256`, or `None` for RSA.
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
    /// assert_eq!(key.curve(), Some("Ed25519"));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn curve(&self) -> Option<&'static str> {
        match &self.material {
            Material::Rsa { .. } => None,
            Material::Ec { curve, .. } => Some(curve.name()),
            Material::Ed25519(_) => Some("Ed25519"),
        }
    }

    /// Returns the algorithms that this key can verify, RS256 first for RSA.
    ///
    /// A key with the RSASSA-PSS identifier verifies only with PSS (RFC 4055), a JWK with `alg`
    /// only with that algorithm, and a JWK whose `use` or `key_ops` exclude verifying with none.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::Algorithm;
    /// use countersign_jose::key::PublicKey;
    ///
    /// let key = PublicKey::from_pem(
    ///     "-----BEGIN PUBLIC KEY-----
    ///     MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    ///     -----END PUBLIC KEY-----",
    /// )?;
    /// assert_eq!(key.algorithms(), [Algorithm::EdDSA]);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn algorithms(&self) -> &'static [Algorithm] {
        self.allowed.unwrap_or(self.possible_algorithms())
    }

    fn possible_algorithms(&self) -> &'static [Algorithm] {
        match &self.material {
            Material::Rsa { .. } => Algorithm::RSA,
            Material::Ec {
                curve: Curve::P256, ..
            } => &[Algorithm::ES256],
            Material::Ec {
                curve: Curve::P384, ..
            } => &[Algorithm::ES384],
            Material::Ec {
                curve: Curve::P521, ..
            } => &[Algorithm::ES512],
            Material::Ed25519(_) => &[Algorithm::EdDSA],
        }
    }

    /// Returns the JWK key type: `RSA`, `EC` or `OKP`.
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
    pub fn key_type(&self) -> &'static str {
        match &self.material {
            Material::Rsa { .. } => "RSA",
            Material::Ec { .. } => "EC",
            Material::Ed25519(_) => "OKP",
        }
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    /// Returns whether this is an RSA key for RSASSA-PSS only.
    pub(crate) fn is_pss(&self) -> bool {
        self.is_pss
    }

    fn new(material: Material) -> Self {
        Self {
            material,
            is_pss: false,
            allowed: None,
            spki: None,
        }
    }

    /// Restricts an RSA key to these RSASSA-PSS algorithms.
    pub(crate) fn for_pss(self, algorithms: &'static [Algorithm]) -> Self {
        Self {
            is_pss: true,
            allowed: Some(algorithms),
            ..self
        }
    }

    /// Restricts the key to one algorithm, or to none if its type does not support that one.
    pub(crate) fn restricted_to(self, algorithm: Option<Algorithm>) -> Self {
        let possible = self.possible_algorithms();
        let at = possible.iter().position(|a| Some(*a) == algorithm);
        Self {
            allowed: Some(at.map_or(&[], |at| &possible[at..=at])),
            ..self
        }
    }

    /// Keeps the SubjectPublicKeyInfo that the key was read from, because vendors hash that one.
    pub(crate) fn with_spki(self, spki: &[u8]) -> Self {
        let differs = self.canonical_spki() != spki;
        Self {
            spki: differs.then(|| spki.into()),
            ..self
        }
    }

    /// Builds an RSA key from big-endian integers. Leading zeros are dropped.
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, Error> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        let bits = bit_length(modulus);
        if bits < RSA_MIN_BITS {
            return Err(rejection::rsa_too_small(bits));
        }
        if bits > RSA_MAX_BITS {
            return Err(rejection::rsa_too_large(bits, RSA_MAX_BITS));
        }
        // Even and very large exponents are invalid. 3 and 17 are old-fashioned but valid.
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if !odd(exponent) || exponent == [1] || exponent.len() > 4 || !odd(modulus) {
            return Err(rejection::rsa_exponent());
        }
        Ok(Self::new(Material::Rsa {
            modulus: modulus.to_vec(),
            exponent: exponent.to_vec(),
        }))
    }

    /// Builds an EC key from its point, which must be on the curve (RFC 8725 section 3.4).
    pub(crate) fn ec(curve: Curve, point: &[u8]) -> Result<Self, Error> {
        let point = &*curve.uncompressed(point)?;
        curve.check(point)?;
        Ok(Self::ec_checked(curve, point))
    }

    /// Builds an EC key from a point that is known to be on the curve.
    pub(crate) fn ec_checked(curve: Curve, point: &[u8]) -> Self {
        Self::new(Material::Ec {
            curve,
            point: point.to_vec(),
        })
    }

    pub(crate) fn ed25519(key: &[u8]) -> Result<Self, Error> {
        let key = key
            .try_into()
            .map_err(|_| rejection::bad_der("Ed25519 public key"))?;
        Ok(Self::new(Material::Ed25519(key)))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.material == other.material
    }
}

impl Eq for PublicKey {}

fn without_zeros(number: &[u8]) -> &[u8] {
    let first = number.iter().position(|b| *b != 0).unwrap_or(number.len());
    &number[first..]
}

fn bit_length(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |first| 8 * number.len() - first.leading_zeros() as usize)
}
