//! Encodes public keys, and the PKCS#1 key of a JWK.

use zeroize::Zeroizing;

use super::oid::{EC, ED25519, P256, P384, P521, RSA};
use crate::key::curve::Curve;

/// The numbers of an RSA private key (RFC 8017 appendix A.1.2), big-endian.
pub(crate) struct RsaNumbers<'a> {
    pub(crate) modulus: &'a [u8],
    pub(crate) public_exponent: &'a [u8],
    /// The private exponent, both primes, both CRT exponents and the coefficient.
    pub(crate) private: [&'a [u8]; 6],
}

/// Encodes a PKCS#1 private key.
pub(crate) fn rsa_pkcs1(numbers: &RsaNumbers<'_>) -> Zeroizing<Vec<u8>> {
    let public = [&[0][..], numbers.modulus, numbers.public_exponent];
    let members: Vec<_> = public
        .iter()
        .chain(&numbers.private)
        .map(|number| Zeroizing::new(integer(number)))
        .collect();
    let members: Vec<&[u8]> = members.iter().map(|member| member.as_slice()).collect();
    Zeroizing::new(tlv(0x30, &members))
}

/// Encodes the SubjectPublicKeyInfo of an RSA key.
pub(crate) fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let identifier = tlv(0x30, &[&tlv(0x06, &[RSA.as_bytes()]), &tlv(0x05, &[])]);
    rsa_spki_under(&identifier, modulus, exponent)
}

/// Encodes the SubjectPublicKeyInfo of an RSA key with an AlgorithmIdentifier in DER.
pub(crate) fn rsa_spki_under(identifier: &[u8], modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = tlv(0x30, &[&integer(modulus), &integer(exponent)]);
    tlv(0x30, &[identifier, &tlv(0x03, &[&[0], &key])])
}

/// Encodes the SubjectPublicKeyInfo of an EC key.
pub(crate) fn ec_spki(curve: Curve, point: &[u8]) -> Vec<u8> {
    let oid = match curve {
        Curve::P256 => P256,
        Curve::P384 => P384,
        Curve::P521 => P521,
    };
    wrap_spki(
        &[&tlv(0x06, &[EC.as_bytes()]), &tlv(0x06, &[oid.as_bytes()])],
        point,
    )
}

/// Encodes the SubjectPublicKeyInfo of an Ed25519 key (RFC 8410).
pub(crate) fn ed25519_spki(key: &[u8]) -> Vec<u8> {
    wrap_spki(&[&tlv(0x06, &[ED25519.as_bytes()])], key)
}

fn wrap_spki(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x30, algorithm), &tlv(0x03, &[&[0], key])])
}

/// Encodes an unsigned INTEGER.
fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros.min(number.len().saturating_sub(1))..];
    match number.first() {
        Some(first) if *first < 0x80 => tlv(0x02, &[number]),
        _ => tlv(0x02, &[&[0], number]),
    }
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    let bytes = length.to_be_bytes();
    let first = bytes
        .iter()
        .position(|b| *b != 0)
        .unwrap_or(bytes.len() - 1);
    if length >= 0x80 {
        out.push(0x80 | (bytes.len() - first) as u8);
    }
    out.extend_from_slice(&bytes[first..]);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}
