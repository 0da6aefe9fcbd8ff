//! The key as the signing library holds it. All use of `ring` for signing is here, so that
//! another backend with the same interface can take its place.

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
use crate::key::asn1::private::PrivateParts;
use crate::key::asn1::write;
use crate::key::curve::Curve;
use crate::key::point;
use crate::key::public::PublicKey;
use crate::{Error, refusal};

/// What `ring` signs with at most; it verifies up to 8192 bits.
pub(crate) const RSA_MOST_BITS: usize = 4096;

#[cfg(feature = "aws-lc")]
pub(crate) use self::aws_lc::AwsLcPair;
#[cfg(feature = "aws-lc")]
pub(crate) use self::aws_lc::Kept;

pub(crate) enum Pair {
    Rsa(RsaKeyPair, Kept),
    Ec(EcdsaKeyPair, Kept),
    Ed25519(Ed25519KeyPair, Kept),
    Hmac(Zeroizing<Vec<u8>>),
    /// Too much for `ring`.
    #[cfg(feature = "aws-lc")]
    AwsLc(Arc<AwsLcPair>),
}

/// What another library would need to sign with the key: nothing, as there is none.
#[cfg(not(feature = "aws-lc"))]
pub(crate) struct Kept;

#[cfg(not(feature = "aws-lc"))]
impl Kept {
    fn of(_: &PrivateParts<'_>) -> Self {
        Self
    }
}

impl Pair {
    /// Takes over the parts of a private key, checking that they belong together.
    pub(crate) fn from_parts(parts: &PrivateParts<'_>) -> Result<(Self, PublicKey), Error> {
        match *parts {
            PrivateParts::Rsa {
                der,
                modulus,
                exponent,
                ref pss,
            } => {
                let (pair, public) = rsa(der, modulus, exponent, Kept::of(parts))?;
                let public = match pss {
                    None => public,
                    Some(pss) => public
                        .for_pss(pss.algorithms)
                        .written_as(&write::rsa_spki_under(&pss.identifier, modulus, exponent)),
                };
                Ok((pair, public))
            }
            PrivateParts::Ec {
                curve,
                scalar,
                point,
            } => ec(curve, scalar, point),
            PrivateParts::Ed25519 { seed, public } => {
                let pair = match public {
                    Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
                    None => Ed25519KeyPair::from_seed_unchecked(seed),
                };
                let pair = pair.map_err(refusal::inconsistent)?;
                let public = PublicKey::ed25519(pair.public_key().as_ref())?;
                Ok((Self::Ed25519(pair, Kept::of(parts)), public))
            }
        }
    }

    /// The same key as aws-lc-rs holds it; none for a shared secret.
    #[cfg(feature = "aws-lc")]
    pub(crate) fn aws_lc(&self) -> Result<Option<Arc<AwsLcPair>>, Error> {
        match self {
            Self::Rsa(_, kept) | Self::Ec(_, kept) | Self::Ed25519(_, kept) => {
                kept.pair().map(|pair| Some(Arc::new(pair)))
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
                let encoding =
                    rsa_encoding(algorithm).ok_or_else(|| refusal::impossible(algorithm))?;
                let start = signature.len();
                signature.resize(start + pair.public().modulus_len(), 0);
                // Padding and CRT are checked by `ring` after signing: a wrong key cannot leak.
                pair.sign(encoding, &random, input, &mut signature[start..])
                    .map_err(|_| {
                        signature.truncate(start);
                        refusal::signing_failed(
                            "the RSA key is damaged, or the system has no random numbers",
                        )
                    })
            }
            Self::Ec(pair, _) => {
                let made = pair
                    .sign(&random, input)
                    .map_err(|_| refusal::signing_failed("the system has no random numbers"))?;
                signature.extend_from_slice(made.as_ref());
                Ok(())
            }
            Self::Ed25519(pair, _) => {
                signature.extend_from_slice(pair.sign(input).as_ref());
                Ok(())
            }
            Self::Hmac(secret) => {
                let hash =
                    hmac_algorithm(algorithm).ok_or_else(|| refusal::impossible(algorithm))?;
                let tag = hmac::sign(&hmac::Key::new(hash, secret), input);
                signature.extend_from_slice(tag.as_ref());
                Ok(())
            }
            #[cfg(feature = "aws-lc")]
            Self::AwsLc(pair) => pair.sign(algorithm, input, signature),
        }
    }
}

/// The hash behind an HMAC algorithm.
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
    kept: Kept,
) -> Result<(Pair, PublicKey), Error> {
    let public = PublicKey::rsa(modulus, exponent)?;
    if exponent.len() < 3 {
        return Err(refusal::rsa_exponent());
    }
    if public.bits() > RSA_MOST_BITS {
        return beyond_ring(public, &kept);
    }
    let pair = RsaKeyPair::from_der(der).map_err(refusal::inconsistent)?;
    Ok((Pair::Rsa(pair, kept), public))
}

fn ec(curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<(Pair, PublicKey), Error> {
    let field = curve.field_bytes();
    if scalar.len() > field {
        return Err(refusal::bad_der("EC private key"));
    }
    // RFC 5915 wants the full width; some writers drop leading zeros.
    let mut full = Zeroizing::new(vec![0; field]);
    full[field - scalar.len()..].copy_from_slice(scalar);
    let point = match point {
        Some(point) => curve.uncompressed(point)?,
        None => point::public_point(curve, &full)?.into(),
    };
    let point = &*point;
    let kept = Kept::of(&PrivateParts::Ec {
        curve,
        scalar: &full,
        point: Some(point),
    });
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => return beyond_ring(PublicKey::ec(curve, point)?, &kept),
    };
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &full, point, &random)
        .map_err(refusal::inconsistent)?;
    Ok((Pair::Ec(pair, kept), PublicKey::ec_checked(curve, point)))
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

/// A key that `ring` does not take.
#[cfg(feature = "aws-lc")]
fn beyond_ring(public: PublicKey, kept: &Kept) -> Result<(Pair, PublicKey), Error> {
    Ok((Pair::AwsLc(Arc::new(kept.pair()?)), public))
}

#[cfg(not(feature = "aws-lc"))]
fn beyond_ring(public: PublicKey, _: &Kept) -> Result<(Pair, PublicKey), Error> {
    Err(match public.curve() {
        Some(_) => refusal::p521_not_built(),
        None => refusal::rsa_too_large_for_ring(public.bits(), RSA_MOST_BITS),
    })
}
