//! What is done with bytes from outside: the bodies of the property tests here and of fuzz targets.
//! Each takes any bytes and must come back; what it panics over is a finding.

use countersign_jose::jws::JwkSet;
use countersign_jose::key::{self, Certificate, PrivateKey, PublicKey};
use countersign_jose::{Error, ErrorKind};

/// A file as a user hands it over, PEM, DER, JSON, PKCS#12 or none of these.
pub(crate) fn key_file(data: &[u8]) {
    for passphrase in [None, Some("x1y2")] {
        match PrivateKey::from_bytes(data, passphrase) {
            Ok(key) => key_is_whole(&key),
            Err(error) => error_is_whole(&error),
        }
        if let Err(error) = key::inspect_bytes(data, passphrase) {
            error_is_whole(&error);
        }
    }
    let _ = PublicKey::from_bytes(data);
    let _ = Certificate::from_bytes(data);
}

/// A text from a server: a JWK Set.
pub(crate) fn jwk_set(data: &[u8]) {
    if let Ok(set) = JwkSet::from_json(&String::from_utf8_lossy(data)) {
        for key in set.keys() {
            let _ = key.verification_key();
            key.public_key().thumbprint();
        }
    }
}

/// What was read can be described, and its public half be written and read again.
fn key_is_whole(key: &PrivateKey) {
    assert!(!key.algorithms().is_empty());
    let info = key.info();
    assert_eq!(info.kind, "private");
    if let Some(public) = key.public_key() {
        assert_eq!(PublicKey::from_bytes(&public.spki_der()).unwrap(), public);
        assert_eq!(PublicKey::from_jwk(&public.to_jwk()).unwrap(), public);
    }
}

fn error_is_whole(error: &Error) {
    assert!(error.hint().is_some(), "{error:?}");
    let kinds = [
        ErrorKind::PrivateKey,
        ErrorKind::Passphrase,
        ErrorKind::KeyId,
    ];
    assert!(kinds.contains(&error.kind()), "{error:?}");
}
