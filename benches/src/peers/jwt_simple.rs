//! jwt-simple with its pure Rust backend. The other backend requires cmake and takes minutes to build.

use std::hint::black_box;

use countersign_core::Algorithm;
use jwt_simple::prelude::*;

use crate::Case;
use crate::material::{CLAIMS, Material, SECRET};

const NAME: &str = "jwt-simple (pure Rust)";

#[derive(Serialize, Deserialize)]
struct Scope {
    scope: &'static str,
}

pub(crate) fn cases(material: &Material) -> Vec<Case> {
    let mut cases = Vec::new();
    for group in material.groups() {
        let pem = group.pem.unwrap_or_default();
        // Each algorithm has its own type.
        macro_rules! signing {
            ($key:expr) => {{
                let key = $key;
                Box::new(move || {
                    black_box(key.sign(claims()).expect("a token"));
                }) as Box<dyn FnMut()>
            }};
        }
        let secret = SECRET.as_bytes();
        let run = match group.algorithm {
            Algorithm::RS256 => signing!(RS256KeyPair::from_pem(pem).expect("RSA")),
            Algorithm::RS384 => signing!(RS384KeyPair::from_pem(pem).expect("RSA")),
            Algorithm::RS512 => signing!(RS512KeyPair::from_pem(pem).expect("RSA")),
            Algorithm::PS256 => signing!(PS256KeyPair::from_pem(pem).expect("RSA")),
            Algorithm::PS384 => signing!(PS384KeyPair::from_pem(pem).expect("RSA")),
            Algorithm::PS512 => signing!(PS512KeyPair::from_pem(pem).expect("RSA")),
            Algorithm::ES256 => signing!(ES256KeyPair::from_pem(pem).expect("EC")),
            Algorithm::ES384 => signing!(ES384KeyPair::from_pem(pem).expect("EC")),
            Algorithm::EdDSA => signing!(Ed25519KeyPair::from_pem(pem).expect("Ed25519")),
            Algorithm::HS256 => signing_secret(HS256Key::from_bytes(secret)),
            Algorithm::HS384 => signing_secret(HS384Key::from_bytes(secret)),
            Algorithm::HS512 => signing_secret(HS512Key::from_bytes(secret)),
            _ => continue,
        };
        cases.push(Case::peer(group.name, NAME, run));
    }
    let pem = material.rsa2048.clone();
    cases.push(Case::peer("reading an RSA-2048 key", NAME, move || {
        black_box(RS256KeyPair::from_pem(black_box(&pem)).expect("RSA"));
    }));
    cases
}

fn signing_secret(key: impl MACLike + 'static) -> Box<dyn FnMut()> {
    Box::new(move || {
        black_box(key.authenticate(claims()).expect("a token"));
    })
}

fn claims() -> JWTClaims<Scope> {
    let scope = Scope {
        scope: CLAIMS.scope,
    };
    Claims::with_custom_claims(scope, Duration::from_secs(3600))
        .with_issuer(CLAIMS.iss)
        .with_subject(CLAIMS.sub)
        .with_audience(CLAIMS.aud)
}
