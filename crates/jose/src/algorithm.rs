//! The supported signature algorithms of RFC 7518 section 3.1 and RFC 8037.

use std::fmt;
use std::str::FromStr;

use ring::digest;
use serde::{Serialize, Serializer};

use crate::{Error, ErrorKind};

/// A JWS signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1).
///
/// # Example
///
/// ```
/// use countersign_jose::jws::Algorithm;
///
/// assert_eq!("RS256".parse::<Algorithm>()?, Algorithm::RS256);
/// assert!("none".parse::<Algorithm>().is_err());
/// # Ok::<(), countersign_jose::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256. Most vendors require it.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512. Requires a key in a device or the Cargo feature `aws-lc`.
    ES512,
    /// Ed25519 (RFC 8037).
    EdDSA,
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: &'static [Self] = &[
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::HS256,
        Self::HS384,
        Self::HS512,
    ];
    pub(crate) const RSA: &'static [Self] = &[
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
    ];
    pub(crate) const RSA_PSS: &'static [Self] = &[Self::PS256, Self::PS384, Self::PS512];
    pub(crate) const HMAC: &'static [Self] = &[Self::HS256, Self::HS384, Self::HS512];

    /// Returns the value of the header's `alg`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::Algorithm;
    ///
    /// assert_eq!(Algorithm::ES256.as_str(), "ES256");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// Returns the minimum length of an HMAC secret in bytes (RFC 7518 section 3.2).
    pub(crate) fn min_secret_bytes(self) -> Option<usize> {
        match self {
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            Self::HS512 => Some(64),
            _ => None,
        }
    }

    /// Hashes a message with the algorithm's hash function.
    ///
    /// OpenID Connect uses this for `at_hash` and `c_hash` (Core section 3.1.3.6). EdDSA hashes
    /// with SHA-512, because only Ed25519 is supported.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::Algorithm;
    ///
    /// assert_eq!(Algorithm::RS256.digest(b"a token").len(), 32);
    /// assert_eq!(Algorithm::EdDSA.digest(b"a token").len(), 64);
    /// ```
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        digest::digest(self.hash(), message).as_ref().to_vec()
    }

    /// Returns the algorithm's hash function.
    pub(crate) fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::RS256 | Self::PS256 | Self::ES256 | Self::HS256 => &digest::SHA256,
            Self::RS384 | Self::PS384 | Self::ES384 | Self::HS384 => &digest::SHA384,
            Self::RS512 | Self::PS512 | Self::ES512 | Self::HS512 | Self::EdDSA => &digest::SHA512,
        }
    }

    /// Returns the length of a signature in bytes, or `None` for RSA, which depends on the key.
    pub(crate) fn signature_bytes(self) -> Option<usize> {
        match self {
            Self::ES256 | Self::EdDSA => Some(64),
            Self::ES384 => Some(96),
            Self::ES512 => Some(132),
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            Self::HS512 => Some(64),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    /// Parses a name. Names are case-sensitive (RFC 7515 section 4.1.1).
    fn from_str(name: &str) -> Result<Self, Error> {
        if let Some(known) = Self::ALL.iter().find(|known| known.as_str() == name) {
            return Ok(*known);
        }
        let error = if name.eq_ignore_ascii_case("none") {
            Error::new(
                ErrorKind::UnsupportedAlgorithm,
                "`algorithm` none means no signature, which is always rejected",
            )
        } else {
            let shown: String = name.chars().take(32).collect();
            Error::new(
                ErrorKind::UnsupportedAlgorithm,
                format!("`algorithm` {shown:?} is not supported"),
            )
        };
        Err(error.with_hint(format!("use one of {}", names(Self::ALL))))
    }
}

/// Builds the error for a key that does not support an algorithm. `key` describes the key.
pub(crate) fn algorithm_mismatch(algorithm: Algorithm, key: &str, possible: &[Algorithm]) -> Error {
    let message = format!("`algorithm` {algorithm} does not match the key: this is {key}");
    Error::new(ErrorKind::AlgorithmMismatch, message)
        .with_hint(format!("set algorithm to one of {}", names(possible)))
}

/// Joins the names of algorithms for a message.
pub(crate) fn names(algorithms: &[Algorithm]) -> String {
    algorithms
        .iter()
        .map(|a| a.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}
