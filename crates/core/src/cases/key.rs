//! Keys of cases: only their public parts, because nothing is signed.

use crate::jws::{Algorithm, Signer};
use crate::key::{Certificate, PublicKey};
use crate::{Error, Profile, jose};

/// A key for cases. It can't sign.
#[derive(Debug)]
pub(super) struct CaseKey {
    algorithm: Algorithm,
    key_id: Option<String>,
    public_key: PublicKey,
    certificates: Vec<Certificate>,
}

/// The words of the setting `private_key` in cases.
const KEYS: &[(&str, &str)] = &[
    ("rsa", include_str!("rsa.pem")),
    ("p256", include_str!("p256.pem")),
    ("p384", include_str!("p384.pem")),
    ("ed25519", include_str!("ed25519.pem")),
];

impl CaseKey {
    /// Returns the key that `private_key` names, such as `rsa` or `rsa+cert`.
    pub(super) fn named(
        word: &str,
        algorithm: Option<&str>,
        key_id: Option<&str>,
        profile: &Profile,
    ) -> Result<Self, Error> {
        let (kind, certified) = match word.strip_suffix("+cert") {
            Some(kind) => (kind, true),
            None => (word, false),
        };
        let Some((_, pem)) = KEYS.iter().find(|(known, _)| *known == kind) else {
            let message = format!("`private_key` is `{word}`, which names no key of a case");
            return Err(Error::setting("private_key", message).with_hint(
                "set private_key to rsa, p256, p384 or ed25519; rsa+cert has a certificate",
            ));
        };
        let certificate = Certificate::from_bytes(pem.as_bytes())?;
        let asked = algorithm.map(str::parse).transpose()?;
        let accepted = profile.algorithms(asked)?;
        let possible = certificate.public_key().algorithms();
        let fits = accepted.iter().find(|known| possible.contains(known));
        let Some(algorithm) = fits.or(possible.first().filter(|_| accepted.is_empty())) else {
            let message = format!("the profile accepts no algorithm of the key `{kind}`");
            return Err(Error::setting("private_key", message)
                .with_hint("use another key in this case: rsa, p256, p384 or ed25519"));
        };
        Ok(Self {
            algorithm: *algorithm,
            key_id: key_id.map(str::to_owned),
            public_key: certificate.public_key().clone(),
            certificates: if certified {
                vec![certificate]
            } else {
                Vec::new()
            },
        })
    }

    /// Returns the values that depend on the key, with their names in cases.
    pub(super) fn values(&self) -> Vec<(&'static str, String)> {
        let spki = self.public_key.spki_sha256();
        let mut values = vec![(
            "<spki_sha256>",
            base64_simd::STANDARD.encode_to_string(spki),
        )];
        for certificate in &self.certificates {
            values.push(("<cert_sha256>", certificate.x5t_s256()));
            values.push(("<cert_sha1>", certificate.x5t()));
            values.push(("<certificate>", certificate.x5c()));
        }
        values
    }
}

impl Signer for CaseKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    fn public_key(&self) -> Option<&PublicKey> {
        Some(&self.public_key)
    }

    fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    fn sign(&self, _: &[u8], signature: &mut Vec<u8>) -> Result<(), jose::Error> {
        signature.push(0);
        Ok(())
    }
}
