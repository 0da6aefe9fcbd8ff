//! An RSA key made for this run, in the form DocuSign hands out; and what it signed, checked.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use countersign::jws::{self, VerificationKey};
use countersign::{Algorithm, PrivateKey};
use serde_json::{Map, Value};

/// A 2048-bit key as PKCS#1 PEM.
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
            "openssl before 3.0?"
        );
        pem
    })
}

/// Header and claims of an assertion that [`pem`]'s key signed with this algorithm.
#[allow(dead_code, reason = "BoldSign takes no assertion")]
pub(crate) fn verified(assertion: &str, algorithm: Algorithm) -> (Value, Map<String, Value>) {
    let key = PrivateKey::from_pem(pem()).expect("the key reads");
    let public = key.public_key().expect("an RSA key has a public half");
    let key = VerificationKey::new(public, algorithm).expect("RSA does it");
    let verified = jws::verify(assertion, &key).expect("the signature is right");
    let claims = serde_json::from_slice(&verified.payload).expect("claims are a JSON object");
    (Value::Object(verified.header), claims)
}
