//! jsonwebtoken: version 11, which uses aws-lc, and version 9, the last one that uses ring.

use std::hint::black_box;

use countersign_core::jws;

use crate::Case;
use crate::material::{CLAIMS, Material, SECRET, claims_json, public_pem};
use crate::signing::signer;

/// Defines the cases of one version: the interface is the same, but the types differ.
macro_rules! version {
    ($module:ident, $library:ident, $name:literal) => {
        mod $module {
            use super::*;
            use $library::{
                Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode,
            };

            pub(super) fn cases(material: &Material) -> Vec<Case> {
                let mut cases = Vec::new();
                for group in material.groups() {
                    let algorithm: Algorithm = group.algorithm.as_str().parse().expect("known");
                    let header = Header::new(algorithm);
                    let key = encoding_key(group.pem);
                    cases.push(Case::peer(group.name, $name, move || {
                        black_box(encode(&header, black_box(&CLAIMS), &key).expect("a token"));
                    }));
                    if let Some(verifying) = verifying(&group) {
                        cases.push(verifying);
                    }
                }
                for (group, pem) in [
                    ("reading an RSA-2048 key", &material.rsa2048),
                    ("reading a P-256 key", &material.p256),
                    ("reading an Ed25519 key", &material.ed25519),
                ] {
                    let pem = pem.clone();
                    cases.push(Case::peer(group, $name, move || {
                        black_box(encoding_key(Some(black_box(&pem))));
                    }));
                }
                cases
            }

            fn encoding_key(pem: Option<&str>) -> EncodingKey {
                let Some(pem) = pem else {
                    return EncodingKey::from_secret(SECRET.as_bytes());
                };
                EncodingKey::from_rsa_pem(pem.as_bytes())
                    .or_else(|_| EncodingKey::from_ec_pem(pem.as_bytes()))
                    .or_else(|_| EncodingKey::from_ed_pem(pem.as_bytes()))
                    .expect("openssl's key")
            }

            fn verifying(group: &crate::material::Group<'_>) -> Option<Case> {
                let name = match group.name {
                    "RS256-2048" | "ES256" | "EdDSA" | "HS256" => {
                        format!("verifying {}", group.name)
                    }
                    _ => return None,
                };
                let algorithm: Algorithm = group.algorithm.as_str().parse().expect("known");
                let key = match group.pem.map(public_pem) {
                    None => DecodingKey::from_secret(SECRET.as_bytes()),
                    Some(pem) => DecodingKey::from_rsa_pem(pem.as_bytes())
                        .or_else(|_| DecodingKey::from_ec_pem(pem.as_bytes()))
                        .or_else(|_| DecodingKey::from_ed_pem(pem.as_bytes()))
                        .expect("openssl's key"),
                };
                // Validate only the signature, like countersign's case.
                let mut rules = Validation::new(algorithm);
                rules.validate_exp = false;
                rules.validate_aud = false;
                rules.required_spec_claims.clear();
                let token = jws::sign(&signer(group), &claims_json(), Some("JWT")).expect("signed");
                Some(Case::peer(&name, $name, move || {
                    let decoded = decode::<serde_json::Value>(black_box(&token), &key, &rules);
                    black_box(decoded.expect("verified"));
                }))
            }
        }
    };
}

version!(eleven, jsonwebtoken, "jsonwebtoken 11 (aws-lc)");
version!(nine, jsonwebtoken_ring, "jsonwebtoken 9 (ring)");

pub(crate) fn cases(material: &Material) -> Vec<Case> {
    let mut cases = eleven::cases(material);
    cases.extend(nine::cases(material));
    cases
}
