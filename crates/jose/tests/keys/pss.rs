//! Keys with the RSASSA-PSS identifier (RFC 4055), as from `openssl genpkey -algorithm RSA-PSS`.

use countersign_jose::ErrorKind;
use countersign_jose::jws::{self, Algorithm, KeySigner, VerificationKey};
use countersign_jose::key::{self, Certificate, PrivateKey, PublicKey};

use super::openssl::{openssl, openssl_text};

const BITS: &str = "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048";

fn restricted(hash: &str, salt: u32) -> String {
    let options = format!(
        "{BITS} -pkeyopt rsa_pss_keygen_md:{hash} -pkeyopt rsa_pss_keygen_mgf1_md:{hash} \
         -pkeyopt rsa_pss_keygen_saltlen:{salt}"
    );
    openssl_text(&options, "")
}

#[test]
fn an_rsassa_pss_key_signs_with_pss_only() {
    let pem = openssl_text(BITS, "");
    let key = PrivateKey::from_pem(&pem).unwrap();
    let pss = [Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
    assert_eq!(key.algorithms(), pss);
    let error = KeySigner::new(key.clone(), Some(Algorithm::RS256), None).unwrap_err();
    assert!(
        error.message().contains("an RSASSA-PSS key of 2048 bits"),
        "{error:?}"
    );
    assert_eq!(error.kind(), ErrorKind::AlgorithmMismatch);

    let public = PublicKey::from_pem(&openssl_text("pkey -pubout", &pem)).unwrap();
    assert_eq!(public.algorithms(), pss);
    assert!(VerificationKey::new(public, Algorithm::RS256).is_err());
}

#[test]
fn a_key_restricted_to_one_hash_signs_only_with_it() {
    for (hash, salt, algorithm) in [
        ("sha256", 32, Algorithm::PS256),
        ("sha384", 20, Algorithm::PS384),
        ("sha512", 64, Algorithm::PS512),
    ] {
        let pem = restricted(hash, salt);
        let key = PrivateKey::from_pem(&pem).unwrap();
        assert_eq!(key.algorithms(), [algorithm], "{hash}");
        assert_eq!(
            key::inspect(&pem).unwrap().algorithms,
            [algorithm],
            "{hash}"
        );
        let public = PublicKey::from_pem(&openssl_text("pkey -pubout", &pem)).unwrap();
        assert_eq!(public.algorithms(), [algorithm], "{hash}");

        let signer = KeySigner::new(key, None, None).unwrap();
        let token = jws::sign(&signer, b"{}", None).unwrap();
        let verification = VerificationKey::new(public, algorithm).unwrap();
        assert!(jws::verify(&token, &verification).is_ok(), "{hash}");
    }
}

/// Vendors identify a key by the hash of the uploaded file, which includes the identifier.
#[test]
fn the_spki_is_identical_to_that_of_the_file() {
    for pem in [openssl_text(BITS, ""), restricted("sha384", 48)] {
        let spki = openssl("pkey -pubout -outform DER", pem.as_bytes());
        let key = PrivateKey::from_pem(&pem).unwrap();
        assert_eq!(key.public_key().unwrap().spki_der(), spki);
        let public = PublicKey::from_bytes(&spki).unwrap();
        assert_eq!(public.spki_der(), spki);
        assert_eq!(
            public.spki_sha256(),
            key.public_key().unwrap().spki_sha256()
        );
    }
}

#[test]
fn a_certificate_belongs_to_its_rsassa_pss_key() {
    let pem = openssl_text(BITS, "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, &pem).unwrap();
    let request = format!("req -x509 -key {} -subj /CN=pss -days 1", path.display());
    let certificate = openssl_text(&request, "");
    let own = Certificate::from_bytes(certificate.as_bytes()).unwrap();
    assert_eq!(own.public_key().algorithms()[0], Algorithm::PS256);
    let key = PrivateKey::from_pem(&format!("{pem}{certificate}")).unwrap();
    assert_eq!(key.certificates(), [own]);
}

#[test]
fn restrictions_without_a_jws_algorithm_are_rejected() {
    for (pem, message) in [
        (restricted("sha1", 20), "restricted to a hash other than"),
        (restricted("sha256", 60), "a mask hash or salt length"),
    ] {
        let error = PrivateKey::from_pem(&pem).unwrap_err();
        assert!(error.message().contains(message), "{error:?}");
        assert!(
            error.hint().unwrap().contains("openssl genpkey"),
            "{error:?}"
        );
        super::assert_shows_nothing_of(&pem, &error);
        let public = openssl_text("pkey -pubout", &pem);
        assert!(PublicKey::from_pem(&public).is_err());
    }
}
