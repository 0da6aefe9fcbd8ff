//! Private JWKs (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2).

use zeroize::Zeroizing;

use super::members::{Purpose, algorithm, check_purpose};
use crate::key::asn1::private::{PrivateKeyParts, rsa_private};
use crate::key::asn1::write::{RsaNumbers, rsa_pkcs1};
use crate::key::format::Format;
use crate::key::object::Members;
use crate::key::private::{Metadata, PrivateKey};
use crate::key::public::{Material, PublicKey};
use crate::{Error, base64url, rejection};

/// Returns whether the JWK can sign: it is a private key or a shared secret.
pub(crate) fn is_private(members: &Members<'_>) -> bool {
    members.has("d") || members.is("kty", "oct")
}

/// Reads a JWK to sign with. The key keeps its `kid` and `alg`.
pub(crate) fn private_key(members: &Members<'_>, format: Format) -> Result<PrivateKey, Error> {
    let public = members.public();
    check_purpose(&public, Purpose::Sign)?;
    let algorithm = algorithm(&public)?;
    let metadata = Metadata {
        key_id: members.text("kid").map(|kid| kid.as_str().to_owned()),
        algorithm,
        ..Metadata::new(format)
    };
    let key = if members.is("kty", "oct") {
        PrivateKey::shared(&bytes(members, "k")?, metadata)
    } else {
        asymmetric(members, &PublicKey::from_members(&public)?, metadata)?
    };
    match algorithm {
        Some(algorithm) if !key.algorithms().contains(&algorithm) => Err(rejection::jwk(format!(
            "its `alg` is {algorithm}, but it is {}",
            key.description()
        ))),
        _ => Ok(key),
    }
}

fn asymmetric(
    members: &Members<'_>,
    public: &PublicKey,
    metadata: Metadata,
) -> Result<PrivateKey, Error> {
    let secret = bytes(members, "d")?;
    match public.material() {
        Material::Rsa { modulus, exponent } => {
            let der = rsa(members, modulus, exponent, &secret)?;
            PrivateKey::from_parts(rsa_private(&der, None)?, metadata)
        }
        Material::Ec { curve, point } => {
            // RFC 7518 section 6.2.2.1: the full width, including leading zeros.
            if secret.len() != curve.field_bytes() {
                let width = curve.field_bytes();
                return Err(rejection::jwk(format!("`d` is not {width} bytes")));
            }
            let parts = PrivateKeyParts::Ec {
                curve: *curve,
                scalar: &secret,
                point: Some(point),
            };
            PrivateKey::from_parts(parts, metadata)
        }
        Material::Ed25519(public) => {
            if secret.len() != 32 {
                return Err(rejection::jwk("`d` is not 32 bytes"));
            }
            let parts = PrivateKeyParts::Ed25519 {
                seed: &secret,
                public: Some(public),
            };
            PrivateKey::from_parts(parts, metadata)
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
        return Err(rejection::multi_prime());
    }
    if !members.has("p") {
        return Err(rejection::no_primes());
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
        return Err(rejection::jwk(format!("`{name}` is missing")));
    }
    let text = members
        .text(name)
        .ok_or_else(|| rejection::jwk(format!("`{name}` is not a string")))?;
    base64url::decode_strict(text.as_bytes())
        .map(Zeroizing::new)
        .ok_or_else(|| rejection::jwk(format!("`{name}` is not base64url without padding")))
}
