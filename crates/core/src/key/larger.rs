//! What `ring` has not: P-521, and signing with RSA keys beyond 4096 bits. aws-lc-rs has both, where
//! it is built in.

#[cfg(feature = "aws-lc")]
use std::sync::Arc;

#[cfg(feature = "aws-lc")]
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, ParsedPublicKey, UnparsedPublicKey};

#[cfg(not(feature = "aws-lc"))]
use super::pair::RSA_MOST_BITS;
use super::pair::{Kept, Pair};
use super::public::PublicKey;
use super::refusal;
use crate::Error;

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
