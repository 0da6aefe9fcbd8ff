//! The bodies of property tests and fuzz targets. Each accepts any bytes and must not panic.

use countersign_jose::jws::JwkSet;
use countersign_jose::key::{self, Certificate, PrivateKey, PublicKey};
use countersign_jose::{Error, ErrorKind};

/// Reads a key file: PEM, DER, JSON, PKCS#12 or none of these.
pub(crate) fn key_file(data: &[u8]) {
    for passphrase in [None, Some("x1y2")] {
        match PrivateKey::from_bytes(data, passphrase) {
            Ok(key) => check_key(&key),
            Err(error) => check_error(&error),
        }
        if let Err(error) = key::inspect_bytes(data, passphrase) {
            check_error(&error);
        }
    }
    let _ = PublicKey::from_bytes(data);
    let _ = Certificate::from_bytes(data);
}

/// Reads a JWK Set from a server.
pub(crate) fn jwk_set(data: &[u8]) {
    if let Ok(set) = JwkSet::from_json(&String::from_utf8_lossy(data)) {
        for key in set.keys() {
            let _ = key.verification_key();
            key.public_key().thumbprint();
        }
    }
}

/// Checks that the key can be described, and that its public key can be written and read again.
fn check_key(key: &PrivateKey) {
    assert!(!key.algorithms().is_empty());
    let info = key.info();
    assert_eq!(info.kind, "private");
    if let Some(public) = key.public_key() {
        assert_eq!(PublicKey::from_bytes(&public.spki_der()).unwrap(), public);
        assert_eq!(PublicKey::from_jwk(&public.to_jwk()).unwrap(), public);
    }
}

fn check_error(error: &Error) {
    assert!(error.hint().is_some(), "{error:?}");
    let kinds = [
        ErrorKind::PrivateKey,
        ErrorKind::Passphrase,
        ErrorKind::KeyId,
    ];
    assert!(kinds.contains(&error.kind()), "{error:?}");
}
