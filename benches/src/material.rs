//! The keys and claims of all cases. `openssl` generates the keys, so that no library has an
//! advantage and no key is in the repository.

use std::io::Write;
use std::process::{Command, Stdio};

use countersign_core::Algorithm;
use serde::Serialize;

/// The keys, in PKCS#8 PEM.
pub(crate) struct Material {
    pub(crate) rsa2048: String,
    pub(crate) rsa4096: String,
    pub(crate) p256: String,
    pub(crate) p384: String,
    pub(crate) ed25519: String,
}

/// The claims to sign, those of a vendor's assertion.
#[derive(Clone, Serialize)]
pub(crate) struct Claims {
    pub(crate) iss: &'static str,
    pub(crate) sub: &'static str,
    pub(crate) aud: &'static str,
    pub(crate) scope: &'static str,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
}

pub(crate) const CLAIMS: Claims = Claims {
    iss: "5c2b8d7e-1f3a-4e6b-9c0d-7a8b9c0d1e2f",
    sub: "a1b2c3d4-e5f6-7890-abcd-ef0123456789",
    aud: "account-d.docusign.com",
    scope: "signature impersonation",
    iat: 1_700_000_000,
    exp: 1_700_003_600,
};

/// The secret of the HMAC cases.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A signing group: its name, algorithm and key.
pub(crate) struct Group<'a> {
    pub(crate) name: &'static str,
    pub(crate) algorithm: Algorithm,
    /// `None` for HMAC.
    pub(crate) pem: Option<&'a str>,
}

impl Material {
    pub(crate) fn make() -> Self {
        let rsa = |bits| {
            openssl(&format!(
                "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits}"
            ))
        };
        let ec = |curve| {
            openssl(&format!(
                "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve}"
            ))
        };
        Self {
            rsa2048: rsa(2048),
            rsa4096: rsa(4096),
            p256: ec("P-256"),
            p384: ec("P-384"),
            ed25519: openssl("genpkey -algorithm ED25519"),
        }
    }

    /// Returns every algorithm, and RS256 also with a long key.
    pub(crate) fn groups(&self) -> Vec<Group<'_>> {
        let rsa = Some(self.rsa2048.as_str());
        let group = |name, algorithm, pem| Group {
            name,
            algorithm,
            pem,
        };
        vec![
            group("RS256-2048", Algorithm::RS256, rsa),
            group("RS256-4096", Algorithm::RS256, Some(&self.rsa4096)),
            group("RS384-2048", Algorithm::RS384, rsa),
            group("RS512-2048", Algorithm::RS512, rsa),
            group("PS256-2048", Algorithm::PS256, rsa),
            group("PS384-2048", Algorithm::PS384, rsa),
            group("PS512-2048", Algorithm::PS512, rsa),
            group("ES256", Algorithm::ES256, Some(&self.p256)),
            group("ES384", Algorithm::ES384, Some(&self.p384)),
            group("EdDSA", Algorithm::EdDSA, Some(&self.ed25519)),
            group("HS256", Algorithm::HS256, None),
            group("HS384", Algorithm::HS384, None),
            group("HS512", Algorithm::HS512, None),
        ]
    }
}

/// Returns the claims as JSON.
pub(crate) fn claims_json() -> Vec<u8> {
    serde_json::to_vec(&CLAIMS).expect("claims are JSON")
}

/// Returns the signing input: header and claims in base64url.
pub(crate) fn signing_input(algorithm: Algorithm) -> String {
    let header = format!("{{\"alg\":\"{algorithm}\",\"typ\":\"JWT\"}}");
    let encode = |bytes: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
    format!("{}.{}", encode(header.as_bytes()), encode(&claims_json()))
}

/// Returns the DER in a PEM.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    pem::parse(pem).expect("openssl wrote PEM").into_contents()
}

/// Returns the public key as PEM.
#[cfg(feature = "peers")]
pub(crate) fn public_pem(private: &str) -> String {
    openssl_with("pkey -pubout", private)
}

fn openssl(arguments: &str) -> String {
    openssl_with(arguments, "")
}

fn openssl_with(arguments: &str, input: &str) -> String {
    let mut child = Command::new("openssl")
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the benches need the `openssl` command (apt-get install openssl)");
    // A command that reads no input closes the pipe early. Its exit status shows real failures.
    let _ = child
        .stdin
        .take()
        .expect("stdin is piped")
        .write_all(input.as_bytes());
    let output = child.wait_with_output().expect("openssl ends");
    assert!(output.status.success(), "openssl {arguments}");
    String::from_utf8(output.stdout).expect("openssl wrote text")
}
