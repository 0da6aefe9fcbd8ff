//! Generated RSA keys: PEM files for the client, and public keys registered at the vendor.

use aws_lc_rs::{
    digest,
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{self, KeyPair as _, UnparsedPublicKey},
};
use base64::{
    Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD,
};

use crate::{Error, random};

/// An RSA key pair.
pub(crate) struct PrivateKey {
    pair: KeyPair,
    pkcs8: Vec<u8>,
}

impl PrivateKey {
    /// Generates a 2048-bit RSA key.
    pub(crate) fn generate() -> Result<Self, Error> {
        let failed = |_| Error::new("could not generate an RSA key");
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let pkcs8 = pair.as_der().map_err(failed)?.as_ref().to_vec();
        Ok(Self { pair, pkcs8 })
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey(self.pair.public_key().as_ref().to_vec())
    }

    /// Returns the key as `BEGIN PRIVATE KEY` (RFC 5208).
    pub(crate) fn pkcs8_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }

    /// Returns the key as `BEGIN RSA PRIVATE KEY` (RFC 8017 appendix A.1.2), as DocuSign issues it.
    pub(crate) fn pkcs1_pem(&self) -> Result<String, Error> {
        let inner = pkcs8_contents(&self.pkcs8)
            .ok_or_else(|| Error::new("could not parse the generated RSA key"))?;
        Ok(pem("RSA PRIVATE KEY", inner))
    }

    /// Returns a self-signed certificate for the key, as uploaded to a Salesforce connected app.
    pub(crate) fn self_signed(&self, name: &str) -> Result<String, Error> {
        let failed = |e: rcgen::Error| Error::new(format!("could not create a certificate: {e}"));
        let key = rcgen::KeyPair::try_from(self.pkcs8.as_slice()).map_err(failed)?;
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2120, 1, 1);
        Ok(params.self_signed(&key).map_err(failed)?.pem())
    }

    /// Signs `message` with RSASSA-PKCS1-v1_5 and SHA-256.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut out = vec![0; self.pair.public_modulus_len()];
        // Fails only if the buffer's length is not that of the modulus.
        let _ = self.pair.sign(
            &signature::RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut out,
        );
        out
    }

    /// Returns the public key as a JWK (RFC 7517), with a digest of the key as `kid`.
    pub(crate) fn jwk(&self) -> serde_json::Value {
        let (n, e) = self.public().modulus_and_exponent();
        serde_json::json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid(), "n": n, "e": e})
    }

    pub(crate) fn kid(&self) -> String {
        let digest = digest::digest(&digest::SHA256, &self.public().0);
        random::to_hex(&digest.as_ref()[..10]).to_uppercase()
    }
}

/// A registered public key: RSAPublicKey DER (RFC 8017 appendix A.1.1).
#[derive(Debug, Clone)]
pub(crate) struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Verifies a signature of `message` for the JWS algorithm `alg` (RFC 7518 section 3.3).
    pub(crate) fn verifies(&self, alg: &str, message: &[u8], sig: &[u8]) -> bool {
        let scheme: &signature::RsaParameters = match alg {
            "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
            "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
            "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
            _ => return false,
        };
        UnparsedPublicKey::new(scheme, &self.0)
            .verify(message, sig)
            .is_ok()
    }

    fn modulus_and_exponent(&self) -> (String, String) {
        let integer = |der: &[u8]| -> Option<(String, usize)> {
            let (value, rest) = der_value(der, 0x02)?;
            let unsigned = value.strip_prefix(&[0]).unwrap_or(value);
            Some((URL_SAFE_NO_PAD.encode(unsigned), der.len() - rest.len()))
        };
        let read = || {
            let (body, _) = der_value(&self.0, 0x30)?;
            let (n, used) = integer(body)?;
            let (e, _) = integer(&body[used..])?;
            Some((n, e))
        };
        read().unwrap_or_default()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let body = STANDARD.encode(der);
    for start in (0..body.len()).step_by(64) {
        text.push_str(&body[start..body.len().min(start + 64)]);
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// Returns the RSAPrivateKey in a PrivateKeyInfo: SEQUENCE { version, algorithm, OCTET STRING }.
fn pkcs8_contents(der: &[u8]) -> Option<&[u8]> {
    let (body, _) = der_value(der, 0x30)?;
    let (_, rest) = der_value(body, 0x02)?;
    let (_, rest) = der_value(rest, 0x30)?;
    Some(der_value(rest, 0x04)?.0)
}

/// Returns the contents of the first DER value, which must have `tag`, and the rest.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = digits
            .iter()
            .try_fold(0usize, |n, &b| n.checked_mul(256)?.checked_add(b.into()))?;
        (length, rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pkcs1_and_pkcs8_contain_the_same_key() {
        let key = PrivateKey::generate().unwrap();
        let body = |pem: &str| {
            let lines: String = pem.lines().filter(|l| !l.starts_with('-')).collect();
            STANDARD.decode(lines).unwrap()
        };
        let pkcs1 =
            ring::signature::RsaKeyPair::from_der(&body(&key.pkcs1_pem().unwrap())).unwrap();
        let pkcs8 = ring::signature::RsaKeyPair::from_pkcs8(&body(&key.pkcs8_pem())).unwrap();
        assert_eq!(pkcs1.public().as_ref(), pkcs8.public().as_ref());
        assert_eq!(pkcs1.public().as_ref(), key.public().0);
        assert_eq!(key.public().modulus_and_exponent().1, "AQAB");
    }

    #[test]
    fn only_the_signing_key_and_algorithm_verify() {
        let (one, two) = (
            PrivateKey::generate().unwrap(),
            PrivateKey::generate().unwrap(),
        );
        let sig = one.sign(b"m");
        assert!(one.public().verifies("RS256", b"m", &sig));
        assert!(!one.public().verifies("RS384", b"m", &sig));
        assert!(!two.public().verifies("RS256", b"m", &sig));
        assert!(!one.public().verifies("none", b"m", b""));
    }
}
