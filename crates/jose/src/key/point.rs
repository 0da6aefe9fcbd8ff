//! Points on curves.
//!
//! aws-lc-rs, if built in, does what ring cannot: P-521, and computing compressed or missing
//! points.

use std::borrow::Cow;

#[cfg(feature = "aws-lc")]
use aws_lc_rs::agreement::{self, PrivateKey};
#[cfg(feature = "aws-lc")]
use aws_lc_rs::encoding::AsDer;
#[cfg(feature = "aws-lc")]
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey,
    UnparsedPublicKey,
};
use ring::agreement::{self as ecdh, EphemeralPrivateKey, UnparsedPublicKey as TheirKey};
use ring::rand::SystemRandom;

use crate::key::curve::Curve;
use crate::{Error, rejection};

impl Curve {
    /// Returns a point in uncompressed form (SEC 1 section 2.3.3). It may not be on the curve.
    pub(crate) fn uncompressed(self, point: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
        let field = self.field_bytes();
        match point.first() {
            Some(4) if point.len() == 1 + 2 * field => Ok(point.into()),
            Some(2 | 3) if point.len() == 1 + field => uncompress(self, point).map(Into::into),
            _ => Err(rejection::bad_der("EC public point")),
        }
    }

    /// Rejects a point in uncompressed form that is not on the curve (RFC 8725 section 3.4).
    pub(crate) fn check(self, point: &[u8]) -> Result<(), Error> {
        // Only key agreement makes ring check that a point is on the curve.
        let algorithm = match self {
            Self::P256 => &ecdh::ECDH_P256,
            Self::P384 => &ecdh::ECDH_P384,
            Self::P521 => return check_p521(point),
        };
        EphemeralPrivateKey::generate(algorithm, &SystemRandom::new())
            .and_then(|own| {
                let theirs = TheirKey::new(algorithm, point);
                ecdh::agree_ephemeral(own, &theirs, |_| ())
            })
            .map_err(|_| rejection::point_off_curve())
    }
}

/// Decompresses a point (SEC 1 section 2.3.4).
#[cfg(feature = "aws-lc")]
fn uncompress(curve: Curve, point: &[u8]) -> Result<Vec<u8>, Error> {
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED,
    };
    let spki = ParsedPublicKey::new(algorithm, point)
        .map_err(|_| rejection::point_off_curve())
        .and_then(|key| AsDer::as_der(&key).map_err(rejection::inconsistent))?;
    // A SubjectPublicKeyInfo ends with the point.
    let spki: &[u8] = spki.as_ref();
    let start = spki.len().checked_sub(1 + 2 * curve.field_bytes());
    let point = start.and_then(|start| spki.get(start..));
    point
        .map(<[u8]>::to_vec)
        .ok_or_else(rejection::point_off_curve)
}

#[cfg(not(feature = "aws-lc"))]
fn uncompress(_: Curve, _: &[u8]) -> Result<Vec<u8>, Error> {
    Err(rejection::compressed_point())
}

/// Computes the public point of a private scalar, which has the curve's full width.
#[cfg(feature = "aws-lc")]
pub(crate) fn public_point(curve: Curve, scalar: &[u8]) -> Result<Vec<u8>, Error> {
    let algorithm = match curve {
        Curve::P256 => &agreement::ECDH_P256,
        Curve::P384 => &agreement::ECDH_P384,
        Curve::P521 => &agreement::ECDH_P521,
    };
    let key = PrivateKey::from_private_key(algorithm, scalar).map_err(rejection::inconsistent)?;
    let point = key.compute_public_key().map_err(rejection::inconsistent)?;
    Ok(point.as_ref().to_vec())
}

#[cfg(not(feature = "aws-lc"))]
pub(crate) fn public_point(_: Curve, _: &[u8]) -> Result<Vec<u8>, Error> {
    Err(rejection::no_point())
}

/// Rejects a point that is not on P-521.
#[cfg(feature = "aws-lc")]
fn check_p521(point: &[u8]) -> Result<(), Error> {
    ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point)
        .map(drop)
        .map_err(|_| rejection::point_off_curve())
}

#[cfg(not(feature = "aws-lc"))]
fn check_p521(_: &[u8]) -> Result<(), Error> {
    Err(rejection::p521_not_built())
}

/// Returns whether an ES512 signature is valid.
#[cfg(feature = "aws-lc")]
pub(crate) fn verify_p521(point: &[u8], input: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point)
        .verify(input, signature)
        .is_ok()
}

/// Unreachable: no P-521 key can be read without aws-lc.
#[cfg(not(feature = "aws-lc"))]
pub(crate) fn verify_p521(_: &[u8], _: &[u8], _: &[u8]) -> bool {
    false
}
