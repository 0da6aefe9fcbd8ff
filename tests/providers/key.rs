//! A generated RSA key in the format that DocuSign uses, and verification of its signatures.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use countersign_core::jws::{self, VerificationKey};
use countersign_core::{Algorithm, PrivateKey};
use serde_json::{Map, Value};

/// Returns a 2048-bit RSA key as PKCS#1 PEM, generated once per run.
pub(crate) fn pem() -> &'static str {
    static PEM: OnceLock<String> = OnceLock::new();
    PEM.get_or_init(|| {
        let made = Command::new("openssl")
            .args(["genrsa", "-traditional", "2048"])
            .stderr(Stdio::null())
            .output()
            .unwrap_or_else(|error| {
                panic!("these tests need the `openssl` command (apt-get install openssl): {error}")
            });
        assert!(
            made.status.success(),
            "openssl genrsa failed: {}",
            made.status
        );
        let pem = String::from_utf8(made.stdout).expect("openssl writes text");
        assert!(
            pem.starts_with("-----BEGIN RSA PRIVATE KEY-----"),
            "not a PKCS#1 key; is openssl older than 3.0?"
        );
        pem
    })
}

/// Verifies an assertion signed with [`pem`]'s key, and returns its header and claims.
#[allow(dead_code, reason = "BoldSign does not use assertions")]
pub(crate) fn verified(assertion: &str, algorithm: Algorithm) -> (Value, Map<String, Value>) {
    let key = PrivateKey::from_pem(pem()).expect("the key is valid");
    let public = key.public_key().expect("an RSA key has a public key");
    let key = VerificationKey::new(public, algorithm).expect("RSA supports the algorithm");
    let verified = jws::verify(assertion, &key).expect("the signature is valid");
    let claims = serde_json::from_slice(&verified.payload).expect("claims are a JSON object");
    (Value::Object(verified.header), claims)
}
