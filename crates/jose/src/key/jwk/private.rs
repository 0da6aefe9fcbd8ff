//! Private JWKs (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2).

use zeroize::Zeroizing;

use super::members::{Purpose, algorithm, check_purpose};
use crate::key::asn1::private::{PrivateParts, rsa_private};
use crate::key::asn1::write::{RsaNumbers, rsa_pkcs1};
use crate::key::format::Format;
use crate::key::object::Members;
use crate::key::private::{About, PrivateKey};
use crate::key::public::{Material, PublicKey};
use crate::{Error, base64url, refusal};

/// Whether it can sign: a private key or a shared secret.
pub(crate) fn is_private(members: &Members<'_>) -> bool {
    members.has("d") || members.is("kty", "oct")
}

/// Reads a JWK to sign with. Its `kid` and `alg` stay with it.
pub(crate) fn private_key(members: &Members<'_>, format: Format) -> Result<PrivateKey, Error> {
    let public = members.public();
    check_purpose(&public, Purpose::Sign)?;
    let algorithm = algorithm(&public)?;
    let about = About {
        key_id: members.text("kid").map(|kid| kid.as_str().to_owned()),
        algorithm,
        ..About::new(format)
    };
    let key = if members.is("kty", "oct") {
        PrivateKey::shared(&bytes(members, "k")?, about)
    } else {
        asymmetric(members, &PublicKey::of_numbers(&public)?, about)?
    };
    match algorithm {
        Some(algorithm) if !key.algorithms().contains(&algorithm) => Err(refusal::jwk(format!(
            "its `alg` is {algorithm}, but it is {}",
            key.description()
        ))),
        _ => Ok(key),
    }
}

fn asymmetric(
    members: &Members<'_>,
    public: &PublicKey,
    about: About,
) -> Result<PrivateKey, Error> {
    let secret = bytes(members, "d")?;
    match public.material() {
        Material::Rsa { modulus, exponent } => {
            let der = rsa(members, modulus, exponent, &secret)?;
            PrivateKey::from_parts(rsa_private(&der, None)?, about)
        }
        Material::Ec { curve, point } => {
            // RFC 7518 section 6.2.2.1: the full width, leading zeros included.
            if secret.len() != curve.field_bytes() {
                let width = curve.field_bytes();
                return Err(refusal::jwk(format!("`d` is not {width} bytes")));
            }
            let parts = PrivateParts::Ec {
                curve: *curve,
                scalar: &secret,
                point: Some(point),
            };
            PrivateKey::from_parts(parts, about)
        }
        Material::Ed25519(public) => {
            if secret.len() != 32 {
                return Err(refusal::jwk("`d` is not 32 bytes"));
            }
            let parts = PrivateParts::Ed25519 {
                seed: &secret,
                public: Some(public),
            };
            PrivateKey::from_parts(parts, about)
        }
    }
}

fn rsa(
    members: &Members<'_>,
    modulus: &[u8],
    exponent: &[u8],
    secret: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if members.has("oth") {
        return Err(refusal::multi_prime());
    }
    if !members.has("p") {
        return Err(refusal::no_primes());
    }
    let number = |name| bytes(members, name);
    let (p, q) = (number("p")?, number("q")?);
    let (dp, dq, qi) = (number("dp")?, number("dq")?, number("qi")?);
    Ok(rsa_pkcs1(&RsaNumbers {
        modulus,
        public_exponent: exponent,
        private: [secret, &p, &q, &dp, &dq, &qi],
    }))
}

fn bytes(members: &Members<'_>, name: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    if !members.has(name) {
        return Err(refusal::jwk(format!("`{name}` is missing")));
    }
    let text = members
        .text(name)
        .ok_or_else(|| refusal::jwk(format!("`{name}` is not a string")))?;
    base64url::decode_strict(text.as_bytes())
        .map(Zeroizing::new)
        .ok_or_else(|| refusal::jwk(format!("`{name}` is not base64url without padding")))
}
