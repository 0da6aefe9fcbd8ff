//! Maps algorithms to PKCS#11 mechanisms.

use countersign_core::jws::Algorithm;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};

/// Returns the mechanism of an algorithm, or `None` if it has none.
pub(crate) fn mechanism(algorithm: Algorithm) -> Option<Mechanism<'static>> {
    Some(match algorithm {
        Algorithm::RS256 => Mechanism::Sha256RsaPkcs,
        Algorithm::RS384 => Mechanism::Sha384RsaPkcs,
        Algorithm::RS512 => Mechanism::Sha512RsaPkcs,
        Algorithm::PS256 => Mechanism::Sha256RsaPkcsPss(PkcsPssParams {
            hash_alg: MechanismType::SHA256,
            mgf: PkcsMgfType::MGF1_SHA256,
            s_len: 32.into(),
        }),
        Algorithm::PS384 => Mechanism::Sha384RsaPkcsPss(PkcsPssParams {
            hash_alg: MechanismType::SHA384,
            mgf: PkcsMgfType::MGF1_SHA384,
            s_len: 48.into(),
        }),
        Algorithm::PS512 => Mechanism::Sha512RsaPkcsPss(PkcsPssParams {
            hash_alg: MechanismType::SHA512,
            mgf: PkcsMgfType::MGF1_SHA512,
            s_len: 64.into(),
        }),
        Algorithm::ES256 | Algorithm::ES384 => Mechanism::Ecdsa,
        Algorithm::EdDSA => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
        _ => return None,
    })
}

/// Returns whether the device signs a hash instead of the message. Not every device can hash for
/// ECDSA.
pub(crate) fn takes_hash(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::ES256 | Algorithm::ES384)
}
