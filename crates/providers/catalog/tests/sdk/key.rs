//! Keys, generated once per run.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Returns the key of a recording's word: `rsa` or `ec`, with a certificate if it ends with
/// `+certificate`.
pub(crate) fn pem(word: &str) -> String {
    static RSA: OnceLock<String> = OnceLock::new();
    static EC: OnceLock<String> = OnceLock::new();
    let (kind, certificate) = word.split_once('+').unwrap_or((word, ""));
    let both = match kind {
        "rsa" => RSA.get_or_init(|| generate(&["rsa:2048"])),
        "ec" => EC.get_or_init(|| generate(&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])),
        other => panic!("no such key: {other}"),
    };
    let end = both
        .find("-----BEGIN CERTIFICATE-----")
        .expect("a certificate");
    match certificate {
        "" => both[..end].to_owned(),
        _ => both.clone(),
    }
}

/// Returns a new key and its certificate.
fn generate(kind: &[&str]) -> String {
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-nodes", "-subj", "/CN=app", "-keyout", "-", "-newkey",
        ])
        .args(kind)
        .stderr(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!("these tests need the `openssl` command (apt-get install openssl): {error}")
        });
    assert!(made.status.success(), "openssl req failed: {}", made.status);
    String::from_utf8(made.stdout).expect("openssl writes text")
}
