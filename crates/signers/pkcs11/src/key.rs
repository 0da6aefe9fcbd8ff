//! Finds a key on a token, its type, its public key and its certificate.

use countersign_core::jws::Algorithm;
use countersign_core::key::Certificate;
use countersign_core::{Error, ErrorKind, PublicKey};
use cryptoki::error::Error as Pkcs11Error;
use cryptoki::object::{
    Attribute, AttributeType, CertificateType, KeyType, ObjectClass, ObjectHandle,
};
use cryptoki::session::Session;

use crate::KeyUri;
use crate::failure;

/// A key, and the session in which it was found.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) session: Session,
    pub(crate) key: ObjectHandle,
}

/// The type of a private key on a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// The curves' object identifiers in DER, as in `CKA_EC_PARAMS`.
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 0x22];
const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];
/// The PrintableString "edwards25519", which some devices have instead (PKCS#11 3.0 section 2.3.5).
const ED25519_NAME: &[u8] = b"\x13\x0cedwards25519";

impl Kind {
    /// Returns the algorithms it supports, with the default first.
    pub(crate) fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Self::Rsa => &[
                Algorithm::RS256,
                Algorithm::RS384,
                Algorithm::RS512,
                Algorithm::PS256,
                Algorithm::PS384,
                Algorithm::PS512,
            ],
            Self::P256 => &[Algorithm::ES256],
            Self::P384 => &[Algorithm::ES384],
            Self::Ed25519 => &[Algorithm::EdDSA],
        }
    }
}

/// Returns the only private key that matches the URI.
pub(crate) fn find(session: &Session, uri: &KeyUri) -> Result<ObjectHandle, Error> {
    let found = session.find_objects(&template(ObjectClass::PRIVATE_KEY, uri));
    let found = found.map_err(|error| failure::of("to look for the key", error))?;
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::new(
            ErrorKind::Key,
            format!("the token shows no private key for {uri}"),
        )
        .with_hint(
            "check object= and id=, and the PIN: without it, a token shows no private keys",
        )),
        many => Err(Error::new(
            ErrorKind::Key,
            format!("{} private keys match {uri}", many.len()),
        )
        .with_hint("specify both object= and id=")),
    }
}

/// Returns the type of the key, or `None` if it isn't supported.
pub(crate) fn kind(open: &Open) -> Result<Option<Kind>, Pkcs11Error> {
    let wanted = [AttributeType::KeyType, AttributeType::EcParams];
    let mut key_type = None;
    let mut curve = Vec::new();
    for attribute in open.session.get_attributes(open.key, &wanted)? {
        match attribute {
            Attribute::KeyType(found) => key_type = Some(found),
            Attribute::EcParams(found) => curve = found,
            _ => {}
        }
    }
    Ok(match (key_type, curve.as_slice()) {
        (Some(KeyType::RSA), _) => Some(Kind::Rsa),
        (Some(KeyType::EC), P256) => Some(Kind::P256),
        (Some(KeyType::EC), P384) => Some(Kind::P384),
        (Some(KeyType::EC_EDWARDS), ED25519 | ED25519_NAME) => Some(Kind::Ed25519),
        _ => None,
    })
}

/// Returns whether each signature requires a login (`CKA_ALWAYS_AUTHENTICATE`).
pub(crate) fn wants_pin_each_time(open: &Open) -> Result<bool, Pkcs11Error> {
    let wanted = [AttributeType::AlwaysAuthenticate];
    let found = open.session.get_attributes(open.key, &wanted)?;
    Ok(found.contains(&Attribute::AlwaysAuthenticate(true)))
}

/// Returns the public key, if the token shows it as an object of its own or, for RSA, as attributes
/// of the private key.
pub(crate) fn public_key(
    open: &Open,
    uri: &KeyUri,
    kind: Kind,
) -> Result<Option<PublicKey>, Pkcs11Error> {
    let found = open
        .session
        .find_objects(&template(ObjectClass::PUBLIC_KEY, uri))?;
    let holder = match found.as_slice() {
        [one] => *one,
        _ if kind == Kind::Rsa => open.key,
        _ => return Ok(None),
    };
    let wanted: &[AttributeType] = match kind {
        Kind::Rsa => &[AttributeType::Modulus, AttributeType::PublicExponent],
        _ => &[AttributeType::EcPoint],
    };
    let (mut modulus, mut exponent, mut point) = (Vec::new(), Vec::new(), Vec::new());
    for attribute in open.session.get_attributes(holder, wanted)? {
        match attribute {
            Attribute::Modulus(found) => modulus = found,
            Attribute::PublicExponent(found) => exponent = found,
            Attribute::EcPoint(found) => point = found,
            _ => {}
        }
    }
    let spki = match kind {
        Kind::Rsa => spki::rsa(&modulus, &exponent),
        Kind::P256 => spki::ec(P256, octets(&point)),
        Kind::P384 => spki::ec(P384, octets(&point)),
        Kind::Ed25519 => spki::ed25519(octets(&point)),
    };
    // A malformed public key counts as missing. Then signatures are not checked.
    Ok(PublicKey::from_pem(&spki::pem(&spki)).ok())
}

/// Returns the key's certificate (PKCS#11 3.0 section 4.6.3), if the token has one with the key's ID.
pub(crate) fn certificate(open: &Open) -> Result<Option<Certificate>, Pkcs11Error> {
    let id = open
        .session
        .get_attributes(open.key, &[AttributeType::Id])?;
    let Some(Attribute::Id(id)) = id
        .into_iter()
        .find(|found| *found != Attribute::Id(Vec::new()))
    else {
        return Ok(None);
    };
    let template = [
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
        Attribute::Id(id),
    ];
    let found = open.session.find_objects(&template)?;
    let [certificate] = found.as_slice() else {
        return Ok(None);
    };
    let value = open
        .session
        .get_attributes(*certificate, &[AttributeType::Value])?;
    Ok(value.into_iter().find_map(|found| match found {
        Attribute::Value(der) => Certificate::from_bytes(&der).ok(),
        _ => None,
    }))
}

fn template(class: ObjectClass, uri: &KeyUri) -> Vec<Attribute> {
    let mut template = vec![Attribute::Class(class)];
    if let Some(label) = &uri.object {
        template.push(Attribute::Label(label.clone().into_bytes()));
    }
    if let Some(id) = &uri.id {
        template.push(Attribute::Id(id.clone()));
    }
    template
}

/// Returns the point in `CKA_EC_POINT`, which is an OCTET STRING on most devices and bare on some.
fn octets(point: &[u8]) -> &[u8] {
    match point {
        [4, length, rest @ ..] if usize::from(*length) == rest.len() && *length < 0x80 => rest,
        bare => bare,
    }
}

/// Encodes public keys as SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
mod spki {
    const RSA: &[u8] = &[
        0x30, 13, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0,
    ];
    const EC: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    const ED25519: &[u8] = &[0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70];

    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        let key = tlv(0x30, &[integer(modulus), integer(exponent)].concat());
        tlv(0x30, &[RSA, &bits(&key)].concat())
    }

    pub(super) fn ec(curve: &[u8], point: &[u8]) -> Vec<u8> {
        let algorithm = tlv(0x30, &[EC, curve].concat());
        tlv(0x30, &[algorithm, bits(point)].concat())
    }

    pub(super) fn ed25519(key: &[u8]) -> Vec<u8> {
        tlv(0x30, &[ED25519, &bits(key)].concat())
    }

    pub(super) fn pem(der: &[u8]) -> String {
        let mut text = String::from("-----BEGIN PUBLIC KEY-----\n");
        text.push_str(&base64_simd::STANDARD.encode_to_string(der));
        text.push_str("\n-----END PUBLIC KEY-----\n");
        text
    }

    fn bits(contents: &[u8]) -> Vec<u8> {
        tlv(0x03, &[&[0], contents].concat())
    }

    fn integer(number: &[u8]) -> Vec<u8> {
        let first = number.iter().position(|byte| *byte != 0);
        let number = &number[first.unwrap_or(number.len())..];
        match number.first() {
            Some(high) if *high < 0x80 => tlv(0x02, number),
            _ => tlv(0x02, &[&[0], number].concat()),
        }
    }

    fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
        let length = contents.len();
        let header = match length {
            0..0x80 => vec![tag, length as u8],
            0x80..0x100 => vec![tag, 0x81, length as u8],
            _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        };
        [&header, contents].concat()
    }
}
