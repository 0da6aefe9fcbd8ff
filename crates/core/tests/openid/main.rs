//! OpenID Connect and PKCE: ID tokens, JWK Sets of servers, code challenges.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do I/O"
)]

mod any_server;
mod discovered;
mod discovery;
mod id_token;
#[path = "../../../jose/tests/openssl/mod.rs"]
mod openssl;
mod pkce;
mod registered;
mod remote;
mod resource;

use std::sync::LazyLock;

use countersign_core::jws::{Algorithm, KeySigner, Signer, VerificationKey};
use countersign_core::key::PrivateKey;
use countersign_core::{Error, ErrorKind};
use serde_json::Value;

use openssl::openssl_text;

const CLAIMS: &[u8] = br#"{"iss":"me","aud":"account-d.docusign.com","exp":1300819380}"#;

static RSA: LazyLock<String> =
    LazyLock::new(|| openssl_text("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", ""));
static P256: LazyLock<String> =
    LazyLock::new(|| openssl_text("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", ""));
static ED25519: LazyLock<String> = LazyLock::new(|| openssl_text("genpkey -algorithm ED25519", ""));

/// The attacks on claims and codes in the list of RFC 8725 and related documents. The others are
/// tested in crates/jose/tests/jws/attacks.rs.
#[test]
fn every_attack_on_claims_and_codes_is_rejected() {
    let tests: &[(&str, fn())] = &[
        (
            "Substitution: iss, sub, aud not validated",
            id_token::tokens_of_other_issuers_and_for_other_clients_are_rejected,
        ),
        (
            "Cross-JWT confusion (at+jwt, logout+jwt, client assertion as id_token)",
            id_token::other_kinds_of_token_are_rejected,
        ),
        (
            "nonce, exp, iat, azp, at_hash",
            id_token::times_nonce_and_hashes_are_checked,
        ),
        (
            "PKCE downgrade, short verifiers",
            pkce::pkce_matches_the_vector_and_rejects_other_verifiers,
        ),
    ];
    let list = vector("rfc8725_attacks");
    for (name, test) in tests {
        let mut attacks = list.as_array().unwrap().iter();
        assert!(attacks.any(|attack| attack["attack"] == *name), "{name}");
        test();
    }
}

fn assert_rejected<T: std::fmt::Debug>(result: Result<T, Error>, message: &str) {
    let error = result.expect_err(message);
    assert_eq!(error.kind(), ErrorKind::Verification, "{error:?}");
    assert!(
        error.message().contains(message),
        "{message:?} is not in {error:?}"
    );
}

/// Builds a token with this header. It is signed by the RSA test key with RS256, whatever the
/// header.
fn sign_raw(header: impl AsRef<[u8]>, payload: &[u8]) -> String {
    let signer = KeySigner::new(
        PrivateKey::from_pem(&RSA).unwrap(),
        Some(Algorithm::RS256),
        None,
    )
    .unwrap();
    let input = format!("{}.{}", encode(header), encode(payload));
    let mut signature = Vec::new();
    signer.sign(input.as_bytes(), &mut signature).unwrap();
    format!("{input}.{}", encode(signature))
}

fn public(private: &str, algorithm: Algorithm) -> VerificationKey {
    let key = PrivateKey::from_pem(private).unwrap().public_key().unwrap();
    VerificationKey::new(key, algorithm).unwrap()
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn vector(name: &str) -> Value {
    let path = format!(
        "{}/../../tests/vectors/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).expect(&path)
}
