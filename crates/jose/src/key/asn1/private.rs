//! Private keys in DER: PKCS#1 (RFC 8017 appendix A.1), PKCS#8 (RFC 5958), SEC1 (RFC 5915).

use der::asn1::{AnyRef, BitStringRef, ContextSpecific, OctetStringRef, UintRef};
use der::{Decode, Reader, SliceReader, TagMode, TagNumber};
use pkcs8::PrivateKeyInfoRef;

use super::oid::{EC, ED25519, RSA, RSA_PSS, curve, name};
use super::pss::Pss;
use crate::key::curve::Curve;
use crate::{Error, rejection};

/// The parts of a private key, borrowed from its document.
pub(crate) enum PrivateKeyParts<'a> {
    Rsa {
        /// The PKCS#1 document.
        der: &'a [u8],
        modulus: &'a [u8],
        exponent: &'a [u8],
        /// Present if the key has the RSASSA-PSS identifier.
        pss: Option<Pss>,
    },
    Ec {
        curve: Curve,
        scalar: &'a [u8],
        /// The public point in any form, if the document contains it.
        point: Option<&'a [u8]>,
    },
    Ed25519 {
        seed: &'a [u8],
        /// The public key, if the document contains it.
        public: Option<&'a [u8]>,
    },
}

/// Reads a PKCS#8 document, version 1 or 2.
pub(crate) fn pkcs8(der: &[u8]) -> Result<PrivateKeyParts<'_>, Error> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| rejection::bad_der("PKCS#8 key"))?;
    let key = info.private_key.as_bytes();
    let public = info.public_key.and_then(|bits| bits.as_bytes());
    match info.algorithm.oid {
        RSA | RSA_PSS => rsa_private(key, Pss::read(&info.algorithm)?),
        EC => sec1(key, Some((curve(info.algorithm.parameters)?, public))),
        ED25519 => {
            let seed = <&OctetStringRef>::from_der(key)
                .map_err(|_| rejection::bad_der("Ed25519 key"))?
                .as_bytes();
            Ok(PrivateKeyParts::Ed25519 { seed, public })
        }
        other => Err(rejection::unsupported_key_type(name(other).as_str())),
    }
}

/// Reads a PKCS#1 private key. The signing library validates the private numbers.
pub(crate) fn rsa_private(der: &[u8], pss: Option<Pss>) -> Result<PrivateKeyParts<'_>, Error> {
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
        .map_err(|_| rejection::bad_der("RSA private key"))?;
    if version != 0 {
        return Err(rejection::multi_prime());
    }
    Ok(PrivateKeyParts::Rsa {
        der,
        modulus,
        exponent,
        pss,
    })
}

/// Reads a SEC1 key. Inside PKCS#8, `outer` has the curve and perhaps the point.
pub(crate) fn sec1<'a>(
    der: &'a [u8],
    outer: Option<(Curve, Option<&'a [u8]>)>,
) -> Result<PrivateKeyParts<'a>, Error> {
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
        .map_err(|_| rejection::bad_der("EC private key"))?;
    let curve = match (outer, parameters) {
        (Some((curve, _)), None) => curve,
        (outer, parameters) => {
            let inner = curve(parameters)?;
            if outer.is_some_and(|(outer, _)| outer != inner) {
                return Err(rejection::inconsistent("it names two different curves"));
            }
            inner
        }
    };
    let whole = |bits: BitStringRef<'a>| {
        bits.as_bytes()
            .ok_or_else(|| rejection::bad_der("EC public point"))
    };
    let point = match (point, outer.and_then(|(_, point)| point)) {
        (Some(inner), _) => Some(whole(inner)?),
        (None, outer) => outer,
    };
    Ok(PrivateKeyParts::Ec {
        curve,
        scalar,
        point,
    })
}
