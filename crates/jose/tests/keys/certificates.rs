//! Certificates: thumbprints, validity and chains, compared with OpenSSL.

use countersign_jose::key::{self, Certificate, PrivateKey};

use super::openssl::{openssl, openssl_text};
use super::{P256, RSA, certificate};

#[test]
fn thumbprints_and_validity_match_openssl() {
    let text = certificate(&RSA);
    let der = openssl("x509 -outform DER", text.as_bytes());
    let read = Certificate::from_bytes(text.as_bytes()).unwrap();
    assert_eq!(read, Certificate::from_bytes(&der).unwrap());
    assert_eq!(read.der(), der);
    assert_eq!(read.to_pem(), text);
    assert_eq!(read.x5t(), base64url(&openssl("dgst -sha1 -binary", &der)));
    assert_eq!(
        read.x5t_s256(),
        base64url(&openssl("dgst -sha256 -binary", &der))
    );
    assert_eq!(read.x5c(), super::base64(&der));
    let days = (read.not_after_unix_s() - read.not_before_unix_s()) / 86_400;
    assert_eq!(days, 3650);
    // From 2050 on, dates are GeneralizedTime (RFC 5280 section 4.1.2.5).
    let late = openssl_text(
        "req -x509 -new -key /dev/stdin -subj /CN=x -days 20000",
        &RSA,
    );
    let late = Certificate::from_bytes(late.as_bytes()).unwrap();
    assert_eq!(
        (late.not_after_unix_s() - late.not_before_unix_s()) / 86_400,
        20_000
    );
}

/// The key's own certificate comes first, wherever it was in the file.
#[test]
fn a_chain_starts_with_the_keys_own_certificate() {
    let (own, other) = (certificate(&RSA), certificate(&P256));
    let read = |pem: &str| Certificate::from_bytes(pem.as_bytes()).unwrap();
    for text in [
        [RSA.as_str(), &own, &other].concat(),
        [&own, RSA.as_str(), &other].concat(),
        [&other, &own, RSA.as_str()].concat(),
        [other.as_str(), RSA.as_str(), own.as_str()].concat(),
    ] {
        let key = PrivateKey::from_pem(&text).unwrap();
        assert_eq!(key.certificates(), [read(&own), read(&other)]);
        let info = key.info();
        assert_eq!(info.certificates[0].x5t, read(&own).x5t());
        let json = serde_json::to_value(&info).unwrap();
        assert_eq!(json["certificates"][0]["x5t#S256"], read(&own).x5t_s256());
    }
    assert!(
        PrivateKey::from_pem(&RSA)
            .unwrap()
            .certificates()
            .is_empty()
    );
    let info = key::inspect(&[own.as_str(), &other].concat()).unwrap();
    assert_eq!((info.kind, info.certificates.len()), ("certificate", 2));
    assert_eq!(info.certificates[0].x5t, read(&own).x5t());
}

#[test]
fn other_files_are_not_read_as_certificates() {
    for (text, message) in [
        (RSA.clone(), "a certificate is expected"),
        (
            openssl_text("pkey -pubout", &RSA),
            "a certificate is expected",
        ),
        (certificate(&RSA).replace("CERTIFICATE", "PUBLIC KEY"), ""),
    ] {
        match Certificate::from_bytes(text.as_bytes()) {
            Ok(_) => assert!(message.is_empty()),
            Err(error) => assert!(
                error.message().contains(message) && !message.is_empty(),
                "{error:?}"
            ),
        }
    }
    let mut der = openssl("x509 -outform DER", certificate(&RSA).as_bytes());
    der.push(0);
    der.push(1);
    assert!(
        Certificate::from_bytes(&der)
            .unwrap_err()
            .message()
            .contains("damaged")
    );
}

fn base64url(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}
