//! The key as the signing library holds it. All use of `ring` for signing is here, so that
//! another backend with the same interface can take its place.

use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use zeroize::Zeroizing;

use super::asn1::PrivateParts;
use super::public::{Curve, PublicKey};
use super::refusal;
use crate::jws::Algorithm;
use crate::{Error, ErrorKind};

/// What `ring` signs with at most; it verifies up to 8192 bits.
const RSA_MOST_BITS: usize = 4096;

pub(crate) enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Hmac(Zeroizing<Vec<u8>>),
}

impl Pair {
    /// Takes over the parts of a private key, checking that they belong together.
    pub(super) fn from_parts(parts: &PrivateParts<'_>) -> Result<(Self, PublicKey), Error> {
        match *parts {
            PrivateParts::Rsa {
                der,
                modulus,
                exponent,
                ..
            } => rsa(der, modulus, exponent),
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
                Ok((Self::Ed25519(pair), public))
            }
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
            Self::Rsa(pair) => {
                let encoding = rsa_encoding(algorithm).ok_or_else(|| misfit(algorithm))?;
                let start = signature.len();
                signature.resize(start + pair.public().modulus_len(), 0);
                // Padding and CRT are checked by `ring` after signing: a wrong key cannot leak.
                pair.sign(encoding, &random, input, &mut signature[start..])
                    .map_err(|_| {
                        signature.truncate(start);
                        failed("the RSA key is damaged or the system gives no random numbers")
                    })
            }
            Self::Ec(pair) => {
                let made = pair
                    .sign(&random, input)
                    .map_err(|_| failed("the system gives no random numbers"))?;
                signature.extend_from_slice(made.as_ref());
                Ok(())
            }
            Self::Ed25519(pair) => {
                signature.extend_from_slice(pair.sign(input).as_ref());
                Ok(())
            }
            Self::Hmac(secret) => {
                let hash = hmac_algorithm(algorithm).ok_or_else(|| misfit(algorithm))?;
                let tag = hmac::sign(&hmac::Key::new(hash, secret), input);
                signature.extend_from_slice(tag.as_ref());
                Ok(())
            }
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

fn rsa(der: &[u8], modulus: &[u8], exponent: &[u8]) -> Result<(Pair, PublicKey), Error> {
    let public = PublicKey::rsa(modulus, exponent)?;
    if public.bits() > RSA_MOST_BITS {
        return Err(refusal::rsa_too_large(public.bits(), RSA_MOST_BITS));
    }
    if exponent.len() < 3 {
        return Err(refusal::rsa_exponent());
    }
    let pair = RsaKeyPair::from_der(der).map_err(refusal::inconsistent)?;
    Ok((Pair::Rsa(pair), public))
}

fn ec(curve: Curve, scalar: &[u8], point: &[u8]) -> Result<(Pair, PublicKey), Error> {
    curve.check_form(point)?;
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
    };
    let field = curve.field_bytes();
    if scalar.len() > field {
        return Err(refusal::bad_der("EC private key"));
    }
    // RFC 5915 wants the full width; some writers drop leading zeros.
    let mut full = Zeroizing::new(vec![0; field]);
    full[field - scalar.len()..].copy_from_slice(scalar);
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &full, point, &random)
        .map_err(refusal::inconsistent)?;
    Ok((Pair::Ec(pair), PublicKey::ec_checked(curve, point)))
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

fn failed(why: &str) -> Error {
    Error::new(
        ErrorKind::Signing,
        format!("the signature could not be made: {why}"),
    )
    .with_hint("check the key with: openssl pkey -in key.pem -noout -check")
}

/// Not reachable through `KeySigner`, which checks when it is made.
fn misfit(algorithm: Algorithm) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("{algorithm} was asked of a key that cannot do it"),
    )
}
