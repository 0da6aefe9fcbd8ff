//! Keys that are too much for ring: P-521 and RSA beyond 4096 bits, with and without aws-lc.

#[cfg(feature = "aws-lc")]
use countersign::jws::{self, Algorithm, Backend, KeySigner, VerificationKey};
use countersign::key::PrivateKey;
#[cfg(feature = "aws-lc")]
use countersign::key::{self, PublicKey};

#[cfg(feature = "aws-lc")]
use super::openssl::openssl;
use super::openssl::openssl_text;

const P521: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521";
const RSA_4160: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4160";

#[cfg(not(feature = "aws-lc"))]
#[test]
fn without_aws_lc_the_refusal_names_the_feature() {
    let p521 = openssl_text(P521, "");
    for (pem, message) in [
        (p521.clone(), "EC on P-521"),
        (openssl_text("ec", &p521), "EC on P-521"),
        (openssl_text(RSA_4160, ""), "4160 bits; at most 4096"),
    ] {
        let error = PrivateKey::from_pem(&pem).unwrap_err();
        assert!(error.message().contains(message), "{error:?}");
        assert!(
            error.hint().unwrap().contains("cargo feature aws-lc"),
            "{error:?}"
        );
        super::assert_shows_nothing_of(&pem, &error);
    }
    let error = countersign::key::PublicKey::from_pem(&openssl_text("pkey -pubout", &p521));
    assert!(error.unwrap_err().message().contains("EC on P-521"));
}

#[cfg(feature = "aws-lc")]
#[test]
fn with_aws_lc_p521_signs_and_is_named_as_any_other_key() {
    let pem = openssl_text(P521, "");
    let spki = openssl("pkey -pubout -outform DER", pem.as_bytes());
    for text in [pem.clone(), openssl_text("ec", &pem)] {
        let key = PrivateKey::from_pem(&text).unwrap();
        let public = key.public_key().unwrap();
        assert_eq!(public.spki_der(), spki);
        assert_eq!((key.bits(), key.curve()), (521, Some("P-521")));
        assert_eq!(key.algorithms(), [Algorithm::ES512]);
        assert_eq!(PublicKey::from_jwk(&public.to_jwk()).unwrap(), public);
        assert_eq!(key::inspect(&text).unwrap().bits, 521);
        check(&key, Algorithm::ES512);
    }
    let other = PrivateKey::from_pem(&openssl_text(P521, "")).unwrap();
    let mut off_curve = other.public_key().unwrap().to_jwk();
    off_curve["y"] = PrivateKey::from_pem(&pem)
        .unwrap()
        .public_key()
        .unwrap()
        .to_jwk()["y"]
        .clone();
    let error = PublicKey::from_jwk(&off_curve).unwrap_err();
    assert!(error.message().contains("not on its curve"), "{error:?}");
}

#[cfg(feature = "aws-lc")]
#[test]
fn with_aws_lc_large_rsa_keys_sign() {
    let key = PrivateKey::from_pem(&openssl_text(RSA_4160, "")).unwrap();
    assert_eq!(key.bits(), 4160);
    check(&key, Algorithm::RS256);
    check(&key, Algorithm::PS512);
}

/// It signs, the signature is right, and nobody is told that ring made it.
#[cfg(feature = "aws-lc")]
fn check(key: &PrivateKey, algorithm: Algorithm) {
    let signer = KeySigner::new(key.clone(), Some(algorithm), None).unwrap();
    assert_eq!(signer.backend(), Backend::AwsLc);
    let token = jws::sign(&signer, b"{}", None).unwrap();
    let verification = VerificationKey::new(key.public_key().unwrap(), algorithm).unwrap();
    assert_eq!(jws::verify(&token, &verification).unwrap().payload, b"{}");
    let (head, signature) = token.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    assert!(jws::verify(&format!("{head}.{turned}"), &verification).is_err());
    let error = signer.with_backend(Backend::Ring).unwrap_err();
    assert!(error.message().contains("ring does not sign"), "{error:?}");
}
