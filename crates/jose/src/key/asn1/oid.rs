//! Object identifiers of keys and curves.

use der::asn1::{AnyRef, ObjectIdentifier};

use crate::key::curve::Curve;
use crate::{Error, rejection};

pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(crate) const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
pub(crate) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
pub(crate) const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
pub(crate) const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// Returns the curve that the parameters of an EC key name.
pub(crate) fn curve(parameters: Option<AnyRef<'_>>) -> Result<Curve, Error> {
    let oid = parameters.ok_or_else(|| rejection::bad_der("EC key (the curve is missing)"))?;
    if oid.is_null() {
        return Err(rejection::bad_der("EC key (the curve is missing)"));
    }
    match oid.decode_as::<ObjectIdentifier>() {
        Ok(P256) => Ok(Curve::P256),
        Ok(P384) => Ok(Curve::P384),
        Ok(P521) => Ok(Curve::P521),
        Ok(other) => Err(rejection::unsupported_key_type(name(other).as_str())),
        Err(_) => Err(rejection::explicit_curve()),
    }
}

/// Returns the common name of an unsupported key type, for a message.
pub(crate) fn name(oid: ObjectIdentifier) -> String {
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
        _ => return format!("OID {text}"),
    };
    known.to_owned()
}
