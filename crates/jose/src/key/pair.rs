//! Key pairs of the signing libraries. All use of ring's key pairs is here.

#[cfg(feature = "aws-lc")]
mod aws_lc;

#[cfg(feature = "aws-lc")]
use std::sync::Arc;

use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::key::asn1::private::PrivateKeyParts;
use crate::key::asn1::write;
use crate::key::curve::Curve;
use crate::key::point;
use crate::key::public::PublicKey;
use crate::{Error, rejection};

/// The maximum that ring signs with. It verifies up to 8192 bits.
pub(crate) const RSA_MAX_BITS: usize = 4096;

#[cfg(feature = "aws-lc")]
pub(crate) use self::aws_lc::AwsLcPair;
#[cfg(feature = "aws-lc")]
pub(crate) use self::aws_lc::RawKey;

pub(crate) enum Pair {
    Rsa(RsaKeyPair, RawKey),
    Ec(EcdsaKeyPair, RawKey),
    Ed25519(Ed25519KeyPair, RawKey),
    Hmac(Zeroizing<Vec<u8>>),
    /// A key that ring does not support.
    #[cfg(feature = "aws-lc")]
    AwsLc(Arc<AwsLcPair>),
}

/// The key as another library needs it. Empty, because there is no other library in this build.
#[cfg(not(feature = "aws-lc"))]
pub(crate) struct RawKey;

#[cfg(not(feature = "aws-lc"))]
impl RawKey {
    fn of(_: &PrivateKeyParts<'_>) -> Self {
        Self
    }
}

impl Pair {
    /// Builds a key pair from the parts of a private key, and rejects inconsistent parts.
    pub(crate) fn from_parts(parts: &PrivateKeyParts<'_>) -> Result<(Self, PublicKey), Error> {
        match *parts {
            PrivateKeyParts::Rsa {
                der,
                modulus,
                exponent,
                ref pss,
            } => {
                let (pair, public) = rsa(der, modulus, exponent, RawKey::of(parts))?;
                let public = match pss {
                    None => public,
                    Some(pss) => public
                        .for_pss(pss.algorithms)
                        .with_spki(&write::rsa_spki_under(&pss.identifier, modulus, exponent)),
                };
                Ok((pair, public))
            }
            PrivateKeyParts::Ec {
                curve,
                scalar,
                point,
            } => ec(curve, scalar, point),
            PrivateKeyParts::Ed25519 { seed, public } => {
                let pair = match public {
                    Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
                    None => Ed25519KeyPair::from_seed_unchecked(seed),
                };
                let pair = pair.map_err(rejection::inconsistent)?;
                let public = PublicKey::ed25519(pair.public_key().as_ref())?;
                Ok((Self::Ed25519(pair, RawKey::of(parts)), public))
            }
        }
    }

    /// Returns the same key for aws-lc-rs, or `None` for a shared secret.
    #[cfg(feature = "aws-lc")]
    pub(crate) fn aws_lc(&self) -> Result<Option<Arc<AwsLcPair>>, Error> {
        match self {
            Self::Rsa(_, raw) | Self::Ec(_, raw) | Self::Ed25519(_, raw) => {
                raw.pair().map(|pair| Some(Arc::new(pair)))
            }
            Self::AwsLc(pair) => Ok(Some(Arc::clone(pair))),
            Self::Hmac(_) => Ok(None),
        }
    }

    /// Signs, appending the signature in the form of RFC 7518 section 3.
    pub(crate) fn sign(
        &self,
        algorithm: Algorithm,
        input: &[u8],
        signature: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair, _) => {
                let encoding = rsa_encoding(algorithm)
                    .ok_or_else(|| rejection::unsupported_algorithm(algorithm))?;
                let start = signature.len();
                signature.resize(start + pair.public().modulus_len(), 0);
                // ring verifies its own signature, so a wrong CRT exponent cannot leak the key.
                pair.sign(encoding, &random, input, &mut signature[start..])
                    .map_err(|_| {
                        signature.truncate(start);
                        rejection::signing_failed(
                            "the RSA key is damaged, or the system has no random numbers",
                        )
                    })
            }
            Self::Ec(pair, _) => {
                let made = pair
                    .sign(&random, input)
                    .map_err(|_| rejection::signing_failed("the system has no random numbers"))?;
                signature.extend_from_slice(made.as_ref());
                Ok(())
            }
            Self::Ed25519(pair, _) => {
                signature.extend_from_slice(pair.sign(input).as_ref());
                Ok(())
            }
            Self::Hmac(secret) => {
                let hash = hmac_algorithm(algorithm)
                    .ok_or_else(|| rejection::unsupported_algorithm(algorithm))?;
                let tag = hmac::sign(&hmac::Key::new(hash, secret), input);
                signature.extend_from_slice(tag.as_ref());
                Ok(())
            }
            #[cfg(feature = "aws-lc")]
            Self::AwsLc(pair) => pair.sign(algorithm, input, signature),
        }
    }
}

/// Returns the HMAC of an algorithm.
pub(crate) fn hmac_algorithm(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::HS256 => Some(hmac::HMAC_SHA256),
        Algorithm::HS384 => Some(hmac::HMAC_SHA384),
        Algorithm::HS512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

fn rsa(
    der: &[u8],
    modulus: &[u8],
    exponent: &[u8],
    raw: RawKey,
) -> Result<(Pair, PublicKey), Error> {
    let public = PublicKey::rsa(modulus, exponent)?;
    if exponent.len() < 3 {
        return Err(rejection::rsa_exponent());
    }
    if public.bits() > RSA_MAX_BITS {
        return unsupported_by_ring(public, &raw);
    }
    let pair = RsaKeyPair::from_der(der).map_err(rejection::inconsistent)?;
    Ok((Pair::Rsa(pair, raw), public))
}

fn ec(curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<(Pair, PublicKey), Error> {
    let field = curve.field_bytes();
    if scalar.len() > field {
        return Err(rejection::bad_der("EC private key"));
    }
    // RFC 5915 requires the full width, but some tools drop leading zeros.
    let mut full = Zeroizing::new(vec![0; field]);
    full[field - scalar.len()..].copy_from_slice(scalar);
    let point = match point {
        Some(point) => curve.uncompressed(point)?,
        None => point::public_point(curve, &full)?.into(),
    };
    let point = &*point;
    let raw = RawKey::of(&PrivateKeyParts::Ec {
        curve,
        scalar: &full,
        point: Some(point),
    });
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => return unsupported_by_ring(PublicKey::ec(curve, point)?, &raw),
    };
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &full, point, &random)
        .map_err(rejection::inconsistent)?;
    Ok((Pair::Ec(pair, raw), PublicKey::ec_checked(curve, point)))
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::RS256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Some(&RSA_PSS_SHA256),
        Algorithm::PS384 => Some(&RSA_PSS_SHA384),
        Algorithm::PS512 => Some(&RSA_PSS_SHA512),
        _ => None,
    }
}

/// Builds a key pair that ring does not support.
#[cfg(feature = "aws-lc")]
fn unsupported_by_ring(public: PublicKey, raw: &RawKey) -> Result<(Pair, PublicKey), Error> {
    Ok((Pair::AwsLc(Arc::new(raw.pair()?)), public))
}

#[cfg(not(feature = "aws-lc"))]
fn unsupported_by_ring(public: PublicKey, _: &RawKey) -> Result<(Pair, PublicKey), Error> {
    Err(match public.curve() {
        Some(_) => rejection::p521_not_built(),
        None => rejection::rsa_too_large_for_ring(public.bits(), RSA_MAX_BITS),
    })
}
