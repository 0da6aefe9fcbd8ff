//! Signed tokens: test vectors of the RFCs, cross-checks with OpenSSL, and attacks.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do I/O"
)]

mod attacks;
mod backend;
mod callback;
#[path = "../openssl/mod.rs"]
mod openssl;
mod wycheproof;

use std::sync::LazyLock;

use countersign_jose::jws::{self, Algorithm, KeySigner, Signer, VerificationKey};
use countersign_jose::key::PrivateKey;
use countersign_jose::{Error, ErrorKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use openssl::{openssl, openssl_agrees, openssl_text};

const CLAIMS: &[u8] = br#"{"iss":"me","aud":"account-d.docusign.com","exp":1300819380}"#;

static RSA: LazyLock<String> =
    LazyLock::new(|| openssl_text("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", ""));
static P256: LazyLock<String> =
    LazyLock::new(|| openssl_text("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", ""));
static P384: LazyLock<String> =
    LazyLock::new(|| openssl_text("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", ""));
static P521: LazyLock<String> =
    LazyLock::new(|| openssl_text("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", ""));
static ED25519: LazyLock<String> = LazyLock::new(|| openssl_text("genpkey -algorithm ED25519", ""));

/// The RFC vectors that are not used, with the reason.
const NOT_SUPPORTED: &[(&str, &str)] = if cfg!(feature = "aws-lc") {
    &[]
} else {
    &[
        ("A.4", "ES512: ring does not support P-521"),
        ("4.3", "ES512: ring does not support P-521"),
    ]
};

#[test]
fn rfc_vectors_verify_and_deterministic_ones_are_reproduced() {
    let mut used = Vec::new();
    for file in ["rfc7515_appendix_a", "rfc7520_jws"] {
        for case in vector(&format!("rfc/{file}"))["cases"].as_array().unwrap() {
            let section = case["section"].as_str().unwrap();
            let compact = case["compact"].as_str().unwrap();
            used.push(section.to_owned());
            if case["alg"] == "none" {
                let some_key = public(&RSA, Algorithm::RS256);
                assert_rejected(jws::verify(compact, &some_key), "not signed");
                continue;
            }
            if NOT_SUPPORTED.iter().any(|(name, _)| *name == section) {
                let error = VerificationKey::from_jwk(&case["jwk"]).expect_err(section);
                assert!(error.message().contains("P-521"), "{section}: {error:?}");
                continue;
            }
            let mut jwk = case["jwk"].clone();
            jwk["alg"] = case["alg"].clone();
            let key = VerificationKey::from_jwk(&jwk).expect(section);
            let verified = jws::verify(compact, &key).expect(section);
            if let Some(payload) = case["payload"].as_str() {
                assert_eq!(verified.payload, payload.as_bytes(), "{section}");
                assert_eq!(
                    Value::Object(verified.header.clone()),
                    case["header"],
                    "{section}"
                );
            }
            if case["reproducible"] == true {
                let algorithm = case["alg"].as_str().unwrap().parse().unwrap();
                let kid = case["jwk"]["kid"].as_str().map(str::to_owned);
                let signer = KeySigner::new(private(&case["jwk"]), Some(algorithm), kid).unwrap();
                assert_signature_is(&signer, compact, section);
                // The header of A.1 has line feeds. All others are identical to ours.
                if section != "A.1" {
                    assert_eq!(
                        jws::sign(&signer, &verified.payload, None).unwrap(),
                        compact,
                        "{section}"
                    );
                }
            }
        }
    }
    assert_eq!(
        used,
        [
            "A.1", "A.2", "A.3", "A.4", "A.5", "4.1", "4.2", "4.3", "4.4"
        ]
    );
}

#[test]
fn the_ed25519_vector_is_reproduced() {
    let vector = vector("rfc/rfc8037_ed25519");
    let signer = KeySigner::new(private(&vector["jwk"]), None, None).unwrap();
    let payload = vector["payload"].as_str().unwrap();
    let compact = vector["jws"].as_str().unwrap();
    assert_eq!(
        jws::sign(&signer, payload.as_bytes(), None).unwrap(),
        compact
    );
    let key = VerificationKey::from_jwk(&vector["jwk"]).unwrap();
    assert_eq!(
        jws::verify(compact, &key).unwrap().payload,
        payload.as_bytes()
    );
}

#[test]
fn openssl_verifies_what_we_sign_with_every_algorithm() {
    let pss = |hash: &str, salt: usize| {
        format!(
            "dgst -{hash} -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:{salt} -verify @PUB -signature @SIG @IN"
        )
    };
    let plain = |hash: &str| format!("dgst -{hash} -verify @PUB -signature @SIG @IN");
    for (pem, algorithm, command) in [
        (&*RSA, Algorithm::RS256, plain("sha256")),
        (&RSA, Algorithm::RS384, plain("sha384")),
        (&RSA, Algorithm::RS512, plain("sha512")),
        (&RSA, Algorithm::PS256, pss("sha256", 32)),
        (&RSA, Algorithm::PS384, pss("sha384", 48)),
        (&RSA, Algorithm::PS512, pss("sha512", 64)),
        (&P256, Algorithm::ES256, plain("sha256")),
        (&P384, Algorithm::ES384, plain("sha384")),
        (&P521, Algorithm::ES512, plain("sha512")),
        (
            &ED25519,
            Algorithm::EdDSA,
            "pkeyutl -verify -pubin -inkey @PUB -rawin -in @IN -sigfile @SIG".into(),
        ),
    ] {
        if algorithm == Algorithm::ES512 && !cfg!(feature = "aws-lc") {
            continue;
        }
        let signer =
            KeySigner::new(PrivateKey::from_pem(pem).unwrap(), Some(algorithm), None).unwrap();
        let token = jws::sign(&signer, CLAIMS, Some("JWT")).unwrap();
        let (input, signature) = token.rsplit_once('.').unwrap();
        let mut signature = decode(signature);
        if matches!(
            algorithm,
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512
        ) {
            signature = ecdsa_der(&signature);
        }
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("pub"), openssl("pkey -pubout", pem.as_bytes())).unwrap();
        let agrees = |input: &str| {
            std::fs::write(at("in"), input).unwrap();
            std::fs::write(at("sig"), &signature).unwrap();
            openssl_agrees(
                &command
                    .replace("@PUB", &at("pub"))
                    .replace("@SIG", &at("sig"))
                    .replace("@IN", &at("in")),
            )
        };
        assert!(agrees(input), "{algorithm}");
        assert!(
            !agrees(&format!("{input}x")),
            "{algorithm}: openssl accepts anything"
        );
    }
}

#[test]
fn signed_tokens_verify_and_altered_ones_do_not() {
    let secret = "s".repeat(64);
    let mut pairs: Vec<(KeySigner, VerificationKey)> = Vec::new();
    for pem in [&*RSA, &P256, &P384, &P521, &ED25519] {
        let key = match PrivateKey::from_pem(pem) {
            Err(_) if *pem == *P521 && !cfg!(feature = "aws-lc") => continue,
            read => read.unwrap(),
        };
        for algorithm in key.algorithms() {
            let signer =
                KeySigner::new(key.clone(), Some(*algorithm), Some("k\"1".into())).unwrap();
            pairs.push((signer, public(pem, *algorithm)));
        }
    }
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let signer = KeySigner::new(
            PrivateKey::from_secret(&secret),
            Some(algorithm),
            Some("k\"1".into()),
        )
        .unwrap();
        pairs.push((signer, VerificationKey::hmac(&secret, algorithm).unwrap()));
    }
    let without = usize::from(!cfg!(feature = "aws-lc"));
    assert_eq!(pairs.len(), Algorithm::ALL.len() - without);
    for (signer, key) in &pairs {
        let token = jws::sign(signer, CLAIMS, Some("JWT")).unwrap();
        let verified = jws::verify(&token, key).unwrap();
        assert_eq!(verified.payload, CLAIMS);
        assert_eq!(verified.claims().unwrap()["iss"], "me");
        let expected = json!({"alg": signer.algorithm().as_str(), "typ": "JWT", "kid": "k\"1"});
        assert_eq!(Value::Object(verified.header), expected);
        assert_eq!(
            jws::inspect(&format!(" {token}\n")).unwrap().payload,
            CLAIMS
        );
        for (_, other) in pairs
            .iter()
            .filter(|(_, other)| other.algorithm() != key.algorithm())
        {
            assert_rejected(jws::verify(&token, other), "");
        }
        // Change one character of each part.
        let (dot, last) = (token.find('.').unwrap(), token.rfind('.').unwrap());
        for at in [1, dot + 5, last + 5] {
            let other = if token.as_bytes()[at] == b'A' {
                "B"
            } else {
                "A"
            };
            let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert_rejected(jws::verify(&changed, key), "");
        }
        assert_rejected(
            jws::verify(&token[..last + 1], key),
            "signature is not valid",
        );
    }
}

#[test]
fn the_header_has_alg_typ_and_kid() {
    let key = PrivateKey::from_pem(&RSA).unwrap();
    let header = |kid: Option<&str>, typ| {
        let signer = KeySigner::new(key.clone(), None, kid.map(str::to_owned)).unwrap();
        let token = jws::sign(&signer, CLAIMS, typ).unwrap();
        String::from_utf8(decode(token.split('.').next().unwrap())).unwrap()
    };
    assert_eq!(header(None, Some("JWT")), r#"{"alg":"RS256","typ":"JWT"}"#);
    assert_eq!(
        header(Some("7"), Some("JWT")),
        r#"{"alg":"RS256","typ":"JWT","kid":"7"}"#
    );
    assert_eq!(header(None, None), r#"{"alg":"RS256"}"#);
    assert_eq!(
        header(Some("a\"\\\n"), None),
        r#"{"alg":"RS256","kid":"a\"\\\n"}"#
    );
}

#[test]
fn a_signer_rejects_algorithms_that_its_key_does_not_support() {
    let pem = |pem: &str| PrivateKey::from_pem(pem).unwrap();
    let secret = |n: usize| PrivateKey::from_secret(vec![0xfe; n]);
    let pasted = PrivateKey::from_secret(openssl_text("pkey -pubout", &RSA));
    for (key, algorithm, message, hint, kind) in [
        (
            pem(&RSA),
            Algorithm::ES256,
            "ES256 does not match the key: this is an RSA key of 2048 bits",
            "RS256, RS384",
            ErrorKind::AlgorithmMismatch,
        ),
        (
            pem(&P256),
            Algorithm::RS256,
            "RS256 does not match the key: this is an EC key on P-256",
            "ES256",
            ErrorKind::AlgorithmMismatch,
        ),
        (
            pem(&P384),
            Algorithm::ES256,
            "an EC key on P-384",
            "ES384",
            ErrorKind::AlgorithmMismatch,
        ),
        (
            pem(&ED25519),
            Algorithm::HS256,
            "an Ed25519 key",
            "EdDSA",
            ErrorKind::AlgorithmMismatch,
        ),
        (
            secret(64),
            Algorithm::RS256,
            "a shared secret of 64 bytes",
            "HS256, HS384, HS512",
            ErrorKind::AlgorithmMismatch,
        ),
        (
            secret(31),
            Algorithm::HS256,
            "HS256 needs a secret of at least 32 bytes; this one has 31",
            "longer",
            ErrorKind::SharedSecret,
        ),
        (
            secret(47),
            Algorithm::HS384,
            "at least 48",
            "longer",
            ErrorKind::SharedSecret,
        ),
        (
            secret(63),
            Algorithm::HS512,
            "at least 64",
            "longer",
            ErrorKind::SharedSecret,
        ),
        (
            pasted,
            Algorithm::HS256,
            "is PEM",
            "algorithm to RS256",
            ErrorKind::SharedSecret,
        ),
    ] {
        let error = KeySigner::new(key, Some(algorithm), None).expect_err(message);
        assert!(error.message().contains(message), "{error:?}");
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
        assert_eq!(error.kind(), kind, "{error:?}");
    }
    for (bytes, algorithm) in [
        (32, Algorithm::HS256),
        (48, Algorithm::HS384),
        (64, Algorithm::HS512),
    ] {
        KeySigner::new(secret(bytes), Some(algorithm), None).unwrap();
    }
    let error = "RS255".parse::<Algorithm>().unwrap_err();
    assert!(error.hint().unwrap().contains("RS256, RS384"), "{error:?}");
    for none in ["none", "None", "NONE", "nOnE"] {
        assert!(
            none.parse::<Algorithm>()
                .unwrap_err()
                .message()
                .contains("no signature")
        );
    }
}

/// ring reads a key with wrong exponents, and only detects the error while signing.
#[test]
fn a_key_with_wrong_exponents_does_not_sign() {
    let mut numbers = rsa_numbers(&vector("rfc/rfc7515_appendix_a")["cases"][1]["jwk"]);
    numbers[6][20] ^= 4;
    let key = PrivateKey::from_pem(&pkcs1(&numbers)).unwrap();
    let error = jws::sign(&KeySigner::new(key, None, None).unwrap(), CLAIMS, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Signing);
    assert!(error.hint().unwrap().contains("openssl pkey"), "{error:?}");
}

#[test]
fn the_hmac_of_a_response_is_verified() {
    let secret = "client secret";
    let made =
        jws::hmac_sha256_base64(secret, b"https://login.salesforce.com/id/00D/0051300819380");
    let matches = |made: &str| {
        jws::hmac_sha256_base64_matches(
            secret,
            b"https://login.salesforce.com/id/00D/0051300819380",
            made,
        )
    };
    assert!(matches(&made));
    assert!(!matches(""));
    assert!(!matches(&made[..40]));
    assert!(!matches(&made.replace(&made[..1], "-")));
    assert!(!jws::hmac_sha256_base64_matches(secret, b"another", &made));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn arbitrary_tokens_do_not_panic(token in "\\PC*", dotted in "[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,5}") {
        let key = public(&RSA, Algorithm::RS256);
        for token in [token, dotted] {
            prop_assert!(jws::verify(&token, &key).is_err());
            let _ = jws::inspect(&token);
        }
    }

    #[test]
    fn arbitrary_headers_and_signatures_do_not_panic(header in "\\{\"alg\":\"(ES256|EdDSA|none|\\PC)\"(,\"\\PC{0,9}\":(1|\\[\\]|\"\\PC\"))?\\}", signature in prop::collection::vec(any::<u8>(), 0..100)) {
        let token = format!("{}.{}.{}", encode(header), encode(CLAIMS), encode(signature));
        prop_assert!(jws::verify(&token, &public(&P256, Algorithm::ES256)).is_err());
        prop_assert!(jws::verify(&token, &public(&ED25519, Algorithm::EdDSA)).is_err());
    }

    #[test]
    fn a_changed_token_is_rejected(at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_.-]") {
        static TOKEN: LazyLock<String> = LazyLock::new(|| signed_with(r#"{"alg":"RS256"}"#));
        let at = at.index(TOKEN.len());
        let changed = format!("{}{with}{}", &TOKEN[..at], &TOKEN[at + 1..]);
        prop_assume!(changed != *TOKEN);
        prop_assert!(jws::verify(&changed, &public(&RSA, Algorithm::RS256)).is_err());
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

fn assert_signature_is(signer: &KeySigner, compact: &str, section: &str) {
    let (input, expected) = compact.rsplit_once('.').unwrap();
    let mut signature = Vec::new();
    signer.sign(input.as_bytes(), &mut signature).unwrap();
    assert_eq!(encode(signature), expected, "{section}");
}

/// Returns a token with this header and a valid RS256 signature, whatever the header says.
fn signed_with(header: impl AsRef<[u8]>) -> String {
    sign_raw(header, CLAIMS)
}

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

/// Converts a JWK of the RFCs to a file that a user would have, and reads it.
fn private(jwk: &Value) -> PrivateKey {
    let member = |name: &str| decode(jwk[name].as_str().unwrap());
    match jwk["kty"].as_str().unwrap() {
        "oct" => PrivateKey::from_secret(member("k")),
        "RSA" => PrivateKey::from_pem(&pkcs1(&rsa_numbers(jwk))).unwrap(),
        "OKP" => {
            let seed = tlv(0x04, &tlv(0x04, &member("d")));
            let algorithm = tlv(0x30, &[0x06, 0x03, 0x2b, 0x65, 0x70]);
            let der = tlv(0x30, &[vec![2, 1, 0], algorithm, seed].concat());
            PrivateKey::from_pem(&pem("PRIVATE KEY", &der)).unwrap()
        }
        other => panic!("no deterministic vector uses {other}"),
    }
}

fn rsa_numbers(jwk: &Value) -> Vec<Vec<u8>> {
    let number = |name: &&str| decode(jwk[*name].as_str().unwrap());
    let mut numbers = vec![vec![0]];
    numbers.extend(
        ["n", "e", "d", "p", "q", "dp", "dq", "qi"]
            .iter()
            .map(number),
    );
    numbers
}

fn pkcs1(numbers: &[Vec<u8>]) -> String {
    let integers: Vec<u8> = numbers.iter().flat_map(|number| integer(number)).collect();
    pem("RSA PRIVATE KEY", &tlv(0x30, &integers))
}

fn integer(number: &[u8]) -> Vec<u8> {
    let first = number
        .iter()
        .position(|b| *b != 0)
        .unwrap_or(number.len() - 1);
    let mut positive = number[first..].to_vec();
    if positive[0] >= 0x80 {
        positive.insert(0, 0);
    }
    tlv(0x02, &positive)
}

/// Converts an ECDSA signature to OpenSSL's form, SEQUENCE { r, s } (RFC 3279).
fn ecdsa_der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    tlv(0x30, &[integer(r), integer(s)].concat())
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

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        base64_simd::STANDARD.encode_to_string(der)
    )
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(text)
        .expect(text)
}

fn vector(name: &str) -> Value {
    let path = format!(
        "{}/../../tests/vectors/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).expect(&path)
}
