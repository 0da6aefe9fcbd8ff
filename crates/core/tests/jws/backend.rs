//! Which library signs: ring, unless another was chosen.

use countersign::jws::{self, Backend, KeySigner};
use countersign::key::PrivateKey;

use super::{CLAIMS, P256, RSA, public};

#[test]
fn ring_signs_unless_another_library_is_chosen() {
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

/// The library is a program's choice, with the connection or with a signer: no setting names it.
#[test]
fn a_connection_signs_with_the_library_that_was_chosen() {
    use std::sync::Arc;

    use countersign::{Connection, Profile, Settings};

    let provider = || {
        let profile = Profile::from_toml(
            r#"
            id = "acme"
            name = "Acme"
            documentation = "https://acme.example/docs"
            environments.production.base_url = "https://login.acme.example"
            endpoints.token = "{base_url}/token"
            grants.jwt-bearer.client_auth = ["none"]
            assertion.algorithms = ["PS256"]
            "#,
        );
        countersign::from_profile(profile.unwrap())
    };
    let app = [("client_id", "app"), ("subject", "joe"), ("key_id", "7")];
    let without_key = Settings::from_pairs(app).unwrap();
    let mut settings = without_key.clone();
    settings.set("private_key", &RSA).unwrap();
    let key = PrivateKey::from_pem(&RSA).unwrap();
    for backend in backends() {
        let chosen = Connection::with_backend("mine", &settings, provider(), backend).unwrap();
        let signer = KeySigner::new(key.clone(), Some(jws::Algorithm::PS256), Some("7".into()));
        let signer = Arc::new(signer.unwrap().with_backend(backend).unwrap());
        let given = Connection::with_signer("mine", &without_key, provider(), signer).unwrap();
        for connection in [chosen, given] {
            let signer = connection.signer().unwrap();
            let says = format!("backend: {backend:?}");
            assert!(format!("{signer:?}").contains(&says), "{signer:?}");
            assert_eq!(signer.key_id(), Some("7"));
            let token = jws::sign(signer, CLAIMS, None).unwrap();
            jws::verify(&token, &public(&RSA, jws::Algorithm::PS256)).unwrap();
        }
    }
}

fn backends() -> Vec<Backend> {
    vec![
        Backend::Ring,
        #[cfg(feature = "aws-lc")]
        Backend::AwsLc,
    ]
}

/// What ring verifies, aws-lc made; where a signature is deterministic they agree byte for byte.
#[cfg(feature = "aws-lc")]
#[test]
fn aws_lc_signs_when_chosen_and_ring_agrees() {
    use countersign::jws::Algorithm;

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
    let secret = countersign::Secret::new("s".repeat(64));
    let hmac = KeySigner::new(PrivateKey::from_secret(&secret), None, None).unwrap();
    let hmac = hmac.with_backend(Backend::AwsLc).unwrap();
    assert_eq!(hmac.backend(), Backend::Ring, "HMAC stays with ring");
}
