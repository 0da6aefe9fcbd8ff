//! Keys that ring does not support, with and without aws-lc.
//!
//! These are P-521, RSA keys of more than 4096 bits, and EC keys whose public point is compressed
//! or missing.

#[cfg(feature = "aws-lc")]
use countersign_jose::jws::{self, Algorithm, Backend, KeySigner, VerificationKey};
use countersign_jose::key::PrivateKey;
#[cfg(feature = "aws-lc")]
use countersign_jose::key::{self, PublicKey};

#[cfg(feature = "aws-lc")]
use super::openssl::openssl;
use super::openssl::openssl_text;

const P521: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521";
const RSA_4160: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4160";

#[cfg(not(feature = "aws-lc"))]
#[test]
fn without_aws_lc_the_error_names_the_feature() {
    let p521 = openssl_text(P521, "");
    for (pem, message) in [
        (p521.clone(), "EC on P-521"),
        (openssl_text("ec", &p521), "EC on P-521"),
        (
            openssl_text(RSA_4160, ""),
            "4160 bits; the maximum in this build is 4096",
        ),
    ] {
        let error = PrivateKey::from_pem(&pem).unwrap_err();
        assert!(error.message().contains(message), "{error:?}");
        assert!(
            error.hint().unwrap().contains("cargo feature aws-lc"),
            "{error:?}"
        );
        super::assert_shows_nothing_of(&pem, &error);
    }
    let error = countersign_jose::key::PublicKey::from_pem(&openssl_text("pkey -pubout", &p521));
    assert!(error.unwrap_err().message().contains("EC on P-521"));
}

#[cfg(feature = "aws-lc")]
#[test]
fn with_aws_lc_p521_keys_sign() {
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

/// Some tools compress the point (`-conv_form compressed`), others omit it, as RFC 5915 permits.
#[cfg(feature = "aws-lc")]
#[test]
fn with_aws_lc_compressed_and_missing_points_are_computed() {
    for (curve, algorithm) in [
        ("P-256", Algorithm::ES256),
        ("P-384", Algorithm::ES384),
        ("P-521", Algorithm::ES512),
    ] {
        let options = format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve}");
        let pem = openssl_text(&options, "");
        let whole = PrivateKey::from_pem(&pem).unwrap();
        for written in [
            openssl_text("ec -no_public", &pem),
            openssl_text("ec -conv_form compressed", &pem),
            openssl_text(
                "pkcs8 -topk8 -nocrypt",
                &openssl_text("ec -no_public", &pem),
            ),
        ] {
            let key = PrivateKey::from_pem(&written).unwrap();
            assert_eq!(key.public_key(), whole.public_key(), "{curve}");
            let signer = KeySigner::new(key, Some(algorithm), None).unwrap();
            let token = jws::sign(&signer, b"{}", None).unwrap();
            let public = whole.public_key().unwrap();
            let verification = VerificationKey::new(public, algorithm).unwrap();
            assert!(jws::verify(&token, &verification).is_ok(), "{curve}");
        }
        let compressed = openssl_text("ec -pubout -conv_form compressed", &pem);
        let public = PublicKey::from_pem(&compressed).unwrap();
        assert_eq!(Some(&public), whole.public_key().as_ref(), "{curve}");
        let as_written = openssl(
            "ec -pubin -conv_form compressed -outform DER",
            compressed.as_bytes(),
        );
        assert_eq!(public.spki_der(), as_written, "{curve}");
    }
}

/// An `x` without a point on the curve and a scalar of zero are invalid.
#[cfg(feature = "aws-lc")]
#[test]
fn with_aws_lc_points_off_the_curve_are_rejected() {
    let spki = openssl(
        "ec -pubout -conv_form compressed -outform DER",
        super::P256.as_bytes(),
    );
    let (head, point) = spki.split_at(spki.len() - 33);
    // x = 1 has no y on P-256.
    let mut x = [0; 33];
    (x[0], x[32]) = (point[0], 1);
    let error = PublicKey::from_bytes(&[head, &x].concat()).unwrap_err();
    assert!(error.message().contains("not on its curve"), "{error:?}");
    let zero = super::tlv(
        0x30,
        &[
            vec![2, 1, 1],
            super::tlv(0x04, &[0; 32]),
            super::tlv(0xa0, &super::P256_OID),
        ]
        .concat(),
    );
    let error = PrivateKey::from_bytes(&zero, None).unwrap_err();
    assert!(
        error.message().contains("parts are inconsistent"),
        "{error:?}"
    );
}

/// Checks that the key signs with aws-lc, that its signatures verify, and that ring is rejected.
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
    assert!(
        error.message().contains("ring does not support"),
        "{error:?}"
    );
}
