//! josekit, which uses OpenSSL.

use std::hint::black_box;

use countersign_core::Algorithm;
use josekit::jws::alg::ecdsa::EcdsaJwsAlgorithm;
use josekit::jws::alg::eddsa::EddsaJwsAlgorithm;
use josekit::jws::alg::hmac::HmacJwsAlgorithm;
use josekit::jws::alg::rsassa::RsassaJwsAlgorithm;
use josekit::jws::{JwsHeader, JwsSigner};
use josekit::jwt::{self, JwtPayload};
use serde_json::{Map, Value};

use crate::Case;
use crate::material::{CLAIMS, Material, SECRET};

const NAME: &str = "josekit (OpenSSL)";

pub(crate) fn cases(material: &Material) -> Vec<Case> {
    let mut cases = Vec::new();
    for group in material.groups() {
        let Some(signer) = signer(group.algorithm, group.pem.unwrap_or_default()) else {
            continue;
        };
        let mut header = JwsHeader::new();
        header.set_token_type("JWT");
        cases.push(Case::peer(group.name, NAME, move || {
            let claims = serde_json::to_value(black_box(&CLAIMS)).expect("JSON");
            let claims: Map<String, Value> = match claims {
                Value::Object(members) => members,
                _ => Map::new(),
            };
            let payload = JwtPayload::from_map(claims).expect("claims");
            let token = jwt::encode_with_signer(&payload, &header, signer.as_ref());
            black_box(token.expect("a token"));
        }));
    }
    let pem = material.rsa2048.clone();
    cases.push(Case::peer("reading an RSA-2048 key", NAME, move || {
        let signer = RsassaJwsAlgorithm::Rs256.signer_from_pem(black_box(&pem));
        black_box(signer.expect("RSA"));
    }));
    cases
}

/// Returns `None` for RSASSA-PSS, for which josekit accepts only keys that are marked for PSS.
fn signer(algorithm: Algorithm, pem: &str) -> Option<Box<dyn JwsSigner>> {
    let rsa = |algorithm: RsassaJwsAlgorithm| -> Option<Box<dyn JwsSigner>> {
        Some(Box::new(algorithm.signer_from_pem(pem).ok()?))
    };
    let ec = |algorithm: EcdsaJwsAlgorithm| -> Option<Box<dyn JwsSigner>> {
        Some(Box::new(algorithm.signer_from_pem(pem).ok()?))
    };
    let hmac = |algorithm: HmacJwsAlgorithm| -> Option<Box<dyn JwsSigner>> {
        Some(Box::new(algorithm.signer_from_bytes(SECRET).ok()?))
    };
    match algorithm {
        Algorithm::RS256 => rsa(RsassaJwsAlgorithm::Rs256),
        Algorithm::RS384 => rsa(RsassaJwsAlgorithm::Rs384),
        Algorithm::RS512 => rsa(RsassaJwsAlgorithm::Rs512),
        Algorithm::ES256 => ec(EcdsaJwsAlgorithm::Es256),
        Algorithm::ES384 => ec(EcdsaJwsAlgorithm::Es384),
        Algorithm::EdDSA => Some(Box::new(
            EddsaJwsAlgorithm::Eddsa.signer_from_pem(pem).ok()?,
        )),
        Algorithm::HS256 => hmac(HmacJwsAlgorithm::Hs256),
        Algorithm::HS384 => hmac(HmacJwsAlgorithm::Hs384),
        Algorithm::HS512 => hmac(HmacJwsAlgorithm::Hs512),
        _ => None,
    }
}
