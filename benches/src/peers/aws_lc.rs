//! aws-lc-rs: its raw signature, and countersign's tokens with aws-lc.

use std::hint::black_box;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use countersign_core::Algorithm;
use countersign_core::jws::Backend;

use crate::Case;
use crate::material::{Group, Material, SECRET, der, signing_input};
use crate::signing;

const RAW: &str = "aws-lc: raw sign";

pub(crate) fn cases(material: &Material) -> Vec<Case> {
    let mut cases = Vec::new();
    for group in material.groups() {
        cases.push(Case::floor(group.name, RAW, raw(&group)));
        if group.pem.is_some() {
            let signer = || {
                signing::signer(&group)
                    .with_backend(Backend::AwsLc)
                    .expect("the key matches the algorithm")
            };
            cases.extend(signing::ours(group.name, "aws-lc", RAW, signer));
        }
    }
    let rsa = der(&material.rsa2048);
    cases.push(Case::floor(
        "reading an RSA-2048 key",
        "aws-lc: raw",
        move || {
            black_box(RsaKeyPair::from_pkcs8(black_box(&rsa)).expect("RSA"));
        },
    ));
    cases
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
        let mut made = vec![0; pair.public_modulus_len()];
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
    let pair = EcdsaKeyPair::from_pkcs8(curve, &der).expect("an EC key");
    Box::new(move || {
        black_box(pair.sign(&random, black_box(&input)).expect("signed"));
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
