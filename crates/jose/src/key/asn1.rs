//! Key documents in DER: PKCS#1 (RFC 8017 A.1), PKCS#8 (RFC 5958), SEC1 (RFC 5915),
//! SubjectPublicKeyInfo (RFC 5280 4.1.2.7) and the certificates around the last.

mod pss;
mod write;

use der::asn1::{AnyRef, BitStringRef, ContextSpecific, ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Reader, SliceReader, Tag, TagMode, TagNumber};
use pkcs8::PrivateKeyInfoRef;
use spki::SubjectPublicKeyInfoRef;

pub(super) use self::pss::Pss;
pub(super) use self::write::{
    RsaNumbers, ec_spki, ed25519_spki, rsa_pkcs1, rsa_spki, rsa_spki_under,
};
use super::public::{Curve, PublicKey};
use super::refusal;
use crate::Error;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// What a document is, told by its structure: people relabel PEM files, so the label is only a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Pkcs1Private,
    Pkcs1Public,
    Pkcs8,
    Pkcs8Encrypted,
    Sec1,
    Spki,
    Certificate,
    Pkcs12,
    /// CMS (RFC 5652), of which PKCS#7 is the old name.
    Cms,
    Unknown,
}

/// The parts of a private key, borrowed from the document.
pub(super) enum PrivateParts<'a> {
    Rsa {
        /// The PKCS#1 document.
        der: &'a [u8],
        modulus: &'a [u8],
        exponent: &'a [u8],
        /// If the key is under the RSASSA-PSS identifier.
        pss: Option<Pss>,
    },
    Ec {
        curve: Curve,
        scalar: &'a [u8],
        /// Where the document holds it as well, in any form.
        point: Option<&'a [u8]>,
    },
    Ed25519 {
        seed: &'a [u8],
        /// Where the document holds it as well.
        public: Option<&'a [u8]>,
    },
}

/// Tells what a document is from the tags of its outermost members.
pub(super) fn shape(der: &[u8]) -> Shape {
    let Ok(tags) = outer_tags(der) else {
        return Shape::Unknown;
    };
    match tags.as_slice() {
        [Tag::Integer, Tag::Integer] => Shape::Pkcs1Public,
        [Tag::Integer, Tag::Integer, Tag::Integer, ..] if tags.len() >= 9 => Shape::Pkcs1Private,
        [Tag::Integer, Tag::Sequence, Tag::OctetString, ..] => Shape::Pkcs8,
        [Tag::Integer, Tag::OctetString, ..] => Shape::Sec1,
        [Tag::Integer, Tag::Sequence] | [Tag::Integer, Tag::Sequence, Tag::Sequence] => {
            Shape::Pkcs12
        }
        [Tag::ObjectIdentifier, Tag::ContextSpecific { .. }] => Shape::Cms,
        [Tag::Sequence, Tag::OctetString] => Shape::Pkcs8Encrypted,
        [Tag::Sequence, Tag::BitString] => Shape::Spki,
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => Shape::Certificate,
        _ => Shape::Unknown,
    }
}

/// How long a document says it is, its own tag and length included.
pub(super) fn outer_length(der: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(der).ok()?;
    let header = der::Header::decode(&mut reader).ok()?;
    let start = usize::try_from(reader.position()).ok()?;
    let length = start.checked_add(usize::try_from(header.length()).ok()?)?;
    (length <= der.len()).then_some(length)
}

fn outer_tags(der: &[u8]) -> der::Result<Vec<Tag>> {
    SliceReader::new(der)?.sequence(|reader| {
        let mut tags = Vec::new();
        while !reader.is_finished() {
            tags.push(Tag::peek(reader)?);
            reader.tlv_bytes()?;
        }
        Ok(tags)
    })
}

/// Reads a PKCS#8 document, version 1 or 2.
pub(super) fn pkcs8(der: &[u8]) -> Result<PrivateParts<'_>, Error> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| refusal::bad_der("PKCS#8 key"))?;
    let key = info.private_key.as_bytes();
    let public = info.public_key.and_then(|bits| bits.as_bytes());
    match info.algorithm.oid {
        RSA | RSA_PSS => rsa_private(key, Pss::read(&info.algorithm)?),
        EC => sec1(key, Some((curve(info.algorithm.parameters)?, public))),
        ED25519 => {
            let seed = <&OctetStringRef>::from_der(key)
                .map_err(|_| refusal::bad_der("Ed25519 key"))?
                .as_bytes();
            Ok(PrivateParts::Ed25519 { seed, public })
        }
        other => Err(refusal::algorithm(name(other).as_str())),
    }
}

/// Reads a PKCS#1 private key. The private numbers are left to the signing library.
pub(super) fn rsa_private(der: &[u8], pss: Option<Pss>) -> Result<PrivateParts<'_>, Error> {
    let (version, modulus, exponent) = SliceReader::new(der)
        .and_then(|mut reader| {
            reader.sequence(|reader| {
                let version = u8::decode(reader)?;
                let modulus = UintRef::decode(reader)?.as_bytes();
                let exponent = UintRef::decode(reader)?.as_bytes();
                reader.drain(reader.remaining_len())?;
                der::Result::Ok((version, modulus, exponent))
            })
        })
        .map_err(|_| refusal::bad_der("RSA private key"))?;
    if version != 0 {
        return Err(refusal::multi_prime());
    }
    Ok(PrivateParts::Rsa {
        der,
        modulus,
        exponent,
        pss,
    })
}

/// Reads a SEC1 key; inside PKCS#8 the curve is named outside, and so may be the point.
pub(super) fn sec1<'a>(
    der: &'a [u8],
    outer: Option<(Curve, Option<&'a [u8]>)>,
) -> Result<PrivateParts<'a>, Error> {
    let (scalar, parameters, point) = SliceReader::new(der)
        .and_then(|mut reader| {
            reader.sequence(|reader| {
                u8::decode(reader)?;
                let scalar = <&OctetStringRef>::decode(reader)?.as_bytes();
                let parameters =
                    ContextSpecific::<AnyRef<'_>>::decode_explicit(reader, TagNumber(0))?
                        .map(|field| field.value);
                let point =
                    reader.context_specific::<BitStringRef<'_>>(TagNumber(1), TagMode::Explicit)?;
                der::Result::Ok((scalar, parameters, point))
            })
        })
        .map_err(|_| refusal::bad_der("EC private key"))?;
    let curve = match (outer, parameters) {
        (Some((curve, _)), None) => curve,
        (outer, parameters) => {
            let inner = curve(parameters)?;
            if outer.is_some_and(|(outer, _)| outer != inner) {
                return Err(refusal::inconsistent("it names two curves"));
            }
            inner
        }
    };
    let whole = |bits: BitStringRef<'a>| {
        bits.as_bytes()
            .ok_or_else(|| refusal::bad_der("EC public point"))
    };
    let point = match (point, outer.and_then(|(_, point)| point)) {
        (Some(inner), _) => Some(whole(inner)?),
        (None, outer) => outer,
    };
    Ok(PrivateParts::Ec {
        curve,
        scalar,
        point,
    })
}

/// Reads a SubjectPublicKeyInfo.
pub(super) fn spki(der: &[u8]) -> Result<PublicKey, Error> {
    let info =
        SubjectPublicKeyInfoRef::from_der(der).map_err(|_| refusal::bad_der("public key"))?;
    let key = info
        .subject_public_key
        .as_bytes()
        .ok_or_else(|| refusal::bad_der("public key"))?;
    let key = match info.algorithm.oid {
        RSA => rsa_public(key),
        RSA_PSS => {
            let key = rsa_public(key)?;
            Ok(match Pss::read(&info.algorithm)? {
                Some(pss) => key.for_pss(pss.algorithms),
                None => key,
            })
        }
        EC => PublicKey::ec(curve(info.algorithm.parameters)?, key),
        ED25519 => PublicKey::ed25519(key),
        other => Err(refusal::algorithm(name(other).as_str())),
    };
    key.map(|key| key.written_as(der))
}

/// Reads a PKCS#1 public key.
pub(super) fn rsa_public(der: &[u8]) -> Result<PublicKey, Error> {
    let (modulus, exponent) = SliceReader::new(der)
        .and_then(|mut reader| {
            let numbers = reader.sequence(|reader| {
                let modulus = UintRef::decode(reader)?.as_bytes();
                der::Result::Ok((modulus, UintRef::decode(reader)?.as_bytes()))
            })?;
            reader.finish()?;
            Ok(numbers)
        })
        .map_err(|_| refusal::bad_der("RSA public key"))?;
    PublicKey::rsa(modulus, exponent)
}

fn curve(parameters: Option<AnyRef<'_>>) -> Result<Curve, Error> {
    let oid = parameters.ok_or_else(|| refusal::bad_der("EC key: its curve is missing"))?;
    if oid.is_null() {
        return Err(refusal::bad_der("EC key: its curve is missing"));
    }
    match oid.decode_as::<ObjectIdentifier>() {
        Ok(P256) => Ok(Curve::P256),
        Ok(P384) => Ok(Curve::P384),
        Ok(P521) => Ok(Curve::P521),
        Ok(other) => Err(refusal::algorithm(name(other).as_str())),
        Err(_) => Err(refusal::explicit_curve()),
    }
}

/// What people call it, for the message that refuses it.
fn name(oid: ObjectIdentifier) -> String {
    let text = oid.to_string();
    let known = match text.as_str() {
        "1.3.132.0.33" => "EC on P-224",
        "1.2.840.10045.3.1.1" => "EC on P-192",
        "1.3.132.0.10" => "EC on secp256k1",
        "1.3.36.3.3.2.8.1.1.7" => "EC on brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "EC on brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "EC on brainpoolP512r1",
        "1.2.156.10197.1.301" => "EC on SM2",
        "1.3.101.110" => "X25519 (key agreement, cannot sign)",
        "1.3.101.111" => "X448 (key agreement, cannot sign)",
        "1.3.101.113" => "Ed448",
        "1.2.840.10040.4.1" => "DSA",
        "1.2.840.113549.1.3.1" | "1.2.840.10046.2.1" => "Diffie-Hellman (cannot sign)",
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87",
        _ => return format!("with object identifier {text}"),
    };
    known.to_owned()
}
