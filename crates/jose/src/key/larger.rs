//! What `ring` cannot do and aws-lc-rs can, if it is built in: P-521, signing with RSA keys of more
//! than 4096 bits, and the arithmetic that finds a point which is not written down.

#[cfg(feature = "aws-lc")]
use std::sync::Arc;

#[cfg(feature = "aws-lc")]
use aws_lc_rs::agreement::{self, PrivateKey};
#[cfg(feature = "aws-lc")]
use aws_lc_rs::encoding::AsDer;
#[cfg(feature = "aws-lc")]
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey,
    UnparsedPublicKey,
};

#[cfg(not(feature = "aws-lc"))]
use super::pair::RSA_MOST_BITS;
use super::pair::{Kept, Pair};
use super::public::{Curve, PublicKey};
use super::refusal;
use crate::Error;

/// The uncompressed form of a compressed point (SEC 1 section 2.3.4).
#[cfg(feature = "aws-lc")]
pub(super) fn uncompress(curve: Curve, point: &[u8]) -> Result<Vec<u8>, Error> {
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED,
    };
    let spki = ParsedPublicKey::new(algorithm, point)
        .map_err(|_| refusal::point_off_curve())
        .and_then(|key| AsDer::as_der(&key).map_err(refusal::inconsistent))?;
    // A SubjectPublicKeyInfo ends with the point.
    let spki: &[u8] = spki.as_ref();
    let start = spki.len().checked_sub(1 + 2 * curve.field_bytes());
    let point = start.and_then(|start| spki.get(start..));
    point
        .map(<[u8]>::to_vec)
        .ok_or_else(refusal::point_off_curve)
}

#[cfg(not(feature = "aws-lc"))]
pub(super) fn uncompress(_: Curve, _: &[u8]) -> Result<Vec<u8>, Error> {
    Err(refusal::compressed_point())
}

/// The point that belongs to a private scalar of the curve's full width.
#[cfg(feature = "aws-lc")]
pub(super) fn public_point(curve: Curve, scalar: &[u8]) -> Result<Vec<u8>, Error> {
    let algorithm = match curve {
        Curve::P256 => &agreement::ECDH_P256,
        Curve::P384 => &agreement::ECDH_P384,
        Curve::P521 => &agreement::ECDH_P521,
    };
    let key = PrivateKey::from_private_key(algorithm, scalar).map_err(refusal::inconsistent)?;
    let point = key.compute_public_key().map_err(refusal::inconsistent)?;
    Ok(point.as_ref().to_vec())
}

#[cfg(not(feature = "aws-lc"))]
pub(super) fn public_point(_: Curve, _: &[u8]) -> Result<Vec<u8>, Error> {
    Err(refusal::no_point())
}

/// Refuses a point that is not on P-521.
#[cfg(feature = "aws-lc")]
pub(super) fn check_p521(point: &[u8]) -> Result<(), Error> {
    ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point)
        .map(drop)
        .map_err(|_| refusal::point_off_curve())
}

#[cfg(not(feature = "aws-lc"))]
pub(super) fn check_p521(_: &[u8]) -> Result<(), Error> {
    Err(refusal::p521_not_built())
}

/// Whether a signature of ES512 is right.
#[cfg(feature = "aws-lc")]
pub(crate) fn verify_p521(point: &[u8], input: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point)
        .verify(input, signature)
        .is_ok()
}

/// Without the curve there is no such key to ask with.
#[cfg(not(feature = "aws-lc"))]
pub(crate) fn verify_p521(_: &[u8], _: &[u8], _: &[u8]) -> bool {
    false
}

/// A pair that `ring` does not take.
#[cfg(feature = "aws-lc")]
pub(super) fn pair(public: PublicKey, kept: &Kept) -> Result<(Pair, PublicKey), Error> {
    Ok((Pair::AwsLc(Arc::new(kept.pair()?)), public))
}

#[cfg(not(feature = "aws-lc"))]
pub(super) fn pair(public: PublicKey, _: &Kept) -> Result<(Pair, PublicKey), Error> {
    Err(match public.curve() {
        Some(_) => refusal::p521_not_built(),
        None => refusal::rsa_too_large_for_ring(public.bits(), RSA_MOST_BITS),
    })
}
