//! Choosing the library that signs.

use countersign_jose::jws::{self, Backend, KeySigner};
use countersign_jose::key::PrivateKey;

use super::{CLAIMS, P256, RSA, public};

#[test]
fn ring_is_the_default() {
    for pem in [&*RSA, &P256] {
        let key = PrivateKey::from_pem(pem).unwrap();
        let signer = KeySigner::new(key, None, None).unwrap();
        assert_eq!(
            signer.backend(),
            Backend::Ring,
            "with the feature on or off"
        );
        assert_eq!(Backend::default(), Backend::Ring);
        let signer = signer.with_backend(Backend::Ring).unwrap();
        let algorithm = jws::Signer::algorithm(&signer);
        let token = jws::sign(&signer, CLAIMS, None).unwrap();
        jws::verify(&token, &public(pem, algorithm)).unwrap();
    }
}

/// ring verifies what aws-lc signs, and deterministic signatures are identical.
#[cfg(feature = "aws-lc")]
#[test]
fn aws_lc_signs_if_chosen_and_ring_verifies() {
    use countersign_jose::jws::Algorithm;

    use super::{ED25519, P384};

    for pem in [&*RSA, &P256, &P384, &ED25519] {
        let key = PrivateKey::from_pem(pem).unwrap();
        for algorithm in key.algorithms() {
            let ring = KeySigner::new(key.clone(), Some(*algorithm), Some("7".into())).unwrap();
            let aws = ring.clone().with_backend(Backend::AwsLc).unwrap();
            assert_eq!(aws.backend(), Backend::AwsLc);
            let token = jws::sign(&aws, CLAIMS, Some("JWT")).unwrap();
            jws::verify(&token, &public(pem, *algorithm)).unwrap();
            let deterministic =
                algorithm.as_str().starts_with("RS") || *algorithm == Algorithm::EdDSA;
            let same = jws::sign(&ring, CLAIMS, Some("JWT")).unwrap() == token;
            assert_eq!(same, deterministic, "{algorithm}");
            let back = aws.with_backend(Backend::Ring).unwrap();
            assert_eq!(back.backend(), Backend::Ring);
        }
    }
    let secret = "s".repeat(64);
    let hmac = KeySigner::new(PrivateKey::from_secret(&secret), None, None).unwrap();
    let hmac = hmac.with_backend(Backend::AwsLc).unwrap();
    assert_eq!(hmac.backend(), Backend::Ring, "HMAC always uses ring");
}
