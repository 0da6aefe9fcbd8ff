//! Signing: ring's raw signature, and countersign's tokens with ring.

use std::hint::black_box;

use countersign_core::jws::TokenWriter;
use countersign_core::{KeySigner, PrivateKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use ring::{hmac, signature};

use crate::Case;
use crate::material::{CLAIMS, Group, Material, SECRET, claims_json, der, signing_input};
use countersign_core::Algorithm;

const RAW: &str = "ring: raw sign";

pub(crate) fn cases(material: &Material) -> Vec<Case> {
    let mut cases = Vec::new();
    for group in material.groups() {
        cases.push(Case::floor(group.name, RAW, raw(&group)));
        cases.extend(ours(group.name, "ring", RAW, || signer(&group)));
    }
    cases
}

/// Adds countersign's cases: claims serialized once, and claims serialized by serde each time.
pub(crate) fn ours(
    group: &str,
    backend: &str,
    floor: &str,
    signer: impl Fn() -> KeySigner,
) -> [Case; 2] {
    let mut writer = TokenWriter::new(signer(), Some("JWT")).expect("a writer");
    let json = claims_json();
    let ready = move || {
        black_box(writer.write(black_box(&json)).expect("a token").len());
    };
    let mut writer = TokenWriter::new(signer(), Some("JWT")).expect("a writer");
    let mut buffer = Vec::new();
    let by_serde = move || {
        buffer.clear();
        serde_json::to_writer(&mut buffer, black_box(&CLAIMS)).expect("JSON");
        black_box(writer.write(&buffer).expect("a token").len());
    };
    [
        Case::ours(group, &format!("countersign on {backend}"), ready).over(floor),
        Case::ours(
            group,
            &format!("countersign on {backend}, claims by serde"),
            by_serde,
        )
        .over(floor),
    ]
}

pub(crate) fn signer(group: &Group<'_>) -> KeySigner {
    let key = match group.pem {
        Some(pem) => PrivateKey::from_pem(pem).expect("openssl's key"),
        None => PrivateKey::from_secret(SECRET),
    };
    KeySigner::new(key, Some(group.algorithm), None).expect("the key matches the algorithm")
}

fn raw(group: &Group<'_>) -> Box<dyn FnMut()> {
    let input = signing_input(group.algorithm).into_bytes();
    let random = SystemRandom::new();
    let Some(pem) = group.pem else {
        let hash = match group.algorithm {
            Algorithm::HS256 => hmac::HMAC_SHA256,
            Algorithm::HS384 => hmac::HMAC_SHA384,
            _ => hmac::HMAC_SHA512,
        };
        let key = hmac::Key::new(hash, SECRET.as_bytes());
        return Box::new(move || {
            black_box(hmac::sign(&key, black_box(&input)));
        });
    };
    let der = der(pem);
    if let Some(encoding) = rsa_encoding(group.algorithm) {
        let pair = RsaKeyPair::from_pkcs8(&der).expect("an RSA key");
        let mut made = vec![0; pair.public().modulus_len()];
        return Box::new(move || {
            pair.sign(encoding, &random, black_box(&input), &mut made)
                .expect("a signature");
            black_box(&made);
        });
    }
    let curve = match group.algorithm {
        Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Algorithm::ES384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).expect("an Ed25519 key");
            return Box::new(move || {
                black_box(pair.sign(black_box(&input)));
            });
        }
    };
    let pair = EcdsaKeyPair::from_pkcs8(curve, &der, &random).expect("an EC key");
    Box::new(move || {
        let made: signature::Signature = pair.sign(&random, black_box(&input)).expect("signed");
        black_box(made);
    })
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::RS256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Some(&RSA_PSS_SHA256),
        Algorithm::PS384 => Some(&RSA_PSS_SHA384),
        Algorithm::PS512 => Some(&RSA_PSS_SHA512),
        _ => None,
    }
}
