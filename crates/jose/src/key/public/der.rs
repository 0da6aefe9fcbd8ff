//! Parses public keys in DER: SubjectPublicKeyInfo (RFC 5280) and PKCS#1 (RFC 8017).

use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};
use spki::SubjectPublicKeyInfoRef;

use crate::key::asn1::oid::{EC, ED25519, RSA, RSA_PSS, curve, name};
use crate::key::asn1::pss::Pss;
use crate::key::public::PublicKey;
use crate::{Error, rejection};

/// Reads a SubjectPublicKeyInfo.
pub(crate) fn spki(der: &[u8]) -> Result<PublicKey, Error> {
    let info =
        SubjectPublicKeyInfoRef::from_der(der).map_err(|_| rejection::bad_der("public key"))?;
    let key = info
        .subject_public_key
        .as_bytes()
        .ok_or_else(|| rejection::bad_der("public key"))?;
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
        other => Err(rejection::unsupported_key_type(name(other).as_str())),
    };
    key.map(|key| key.with_spki(der))
}

/// Reads a PKCS#1 public key.
pub(crate) fn rsa_public(der: &[u8]) -> Result<PublicKey, Error> {
    let (modulus, exponent) = SliceReader::new(der)
        .and_then(|mut reader| {
            let numbers = reader.sequence(|reader| {
                let modulus = UintRef::decode(reader)?.as_bytes();
                der::Result::Ok((modulus, UintRef::decode(reader)?.as_bytes()))
            })?;
            reader.finish()?;
            Ok(numbers)
        })
        .map_err(|_| rejection::bad_der("RSA public key"))?;
    PublicKey::rsa(modulus, exponent)
}
