//! A signer whose key is on a token.

use std::sync::Arc;

use countersign_core::jws::{Algorithm, CallbackSigner};
use countersign_core::key::Certificate;
use countersign_core::{Error, ErrorKind, PublicKey, Secret, Signer, jose};

use crate::key::Kind;
use crate::sessions::Sessions;
use crate::{KeyUri, Module, key, mechanism};

/// Signs with a key on a PKCS#11 token. Created by [`Module::signer`].
///
/// Threads can share it: they sign in separate sessions, of which up to eight stay open. After the
/// device was unplugged or reset, it logs in again.
#[derive(Debug)]
pub struct Pkcs11Signer {
    signer: CallbackSigner,
}

impl Module {
    /// Logs in with the PIN, finds the key at `uri`, and creates a signer for it.
    ///
    /// The default of `algorithm` depends on the key's type: RS256, ES256, ES384 or EdDSA. If the
    /// token also shows the public key, each signature is verified with it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] if there is no such token or key, or more than one, if the PIN is wrong, or
    /// if the key doesn't support the algorithm. [`ErrorKind::Signing`] for other errors of the
    /// device.
    pub fn signer(
        &self,
        uri: &KeyUri,
        pin: Option<Secret>,
        algorithm: Option<Algorithm>,
        key_id: Option<String>,
    ) -> Result<Pkcs11Signer, Error> {
        self.signer_for(uri, pin, algorithm.as_slice(), key_id)
    }

    /// Like [`signer`](Self::signer), with the first of `algorithms` that the key supports, or the
    /// key's default if there are none.
    pub(crate) fn signer_for(
        &self,
        uri: &KeyUri,
        pin: Option<Secret>,
        algorithms: &[Algorithm],
        key_id: Option<String>,
    ) -> Result<Pkcs11Signer, Error> {
        Pkcs11Signer::open(self.clone(), uri.clone(), pin, algorithms, key_id)
    }
}

impl Pkcs11Signer {
    fn open(
        module: Module,
        uri: KeyUri,
        pin: Option<Secret>,
        algorithms: &[Algorithm],
        key_id: Option<String>,
    ) -> Result<Self, Error> {
        let sessions = Arc::new(Sessions::new(module, uri.clone(), pin));
        let kind = sessions.with("to describe the key", key::kind)?;
        let kind = kind.ok_or_else(|| {
            let message = format!("{uri} is a key of an unsupported type");
            Error::new(ErrorKind::Key, message)
                .with_hint("use an RSA key, an EC key on P-256 or P-384, or an Ed25519 key")
        })?;
        // A device that doesn't know the attribute doesn't require a login for each signature.
        if sessions.with("", key::wants_pin_each_time).unwrap_or(false) {
            let message = format!("{uri} requires its PIN for every signature");
            return Err(Error::new(ErrorKind::Key, message)
                .with_hint("use a key without CKA_ALWAYS_AUTHENTICATE for unattended signing"));
        }
        let algorithm = choose(kind, algorithms)?;
        let public_key = sessions.with("to show the public key", |open| {
            key::public_key(open, &uri, kind)
        })?;
        let certificate = sessions.with("to show the certificate", key::certificate)?;
        // Ignore a certificate of another key.
        let certificate = certificate.filter(|certificate| match &public_key {
            Some(key) => certificate.public_key() == key,
            None => certificate.public_key().algorithms().contains(&algorithm),
        });
        let sign = move |input: &[u8]| {
            // Built each time: it contains pointers, so it can't be sent to other threads.
            let mechanism = mechanism::mechanism(algorithm)
                .ok_or_else(|| Error::new(ErrorKind::Internal, "the algorithm has no mechanism"))?;
            let signed = sessions.with("to sign", |open| {
                open.session.sign(&mechanism, open.key, input)
            });
            Ok(signed?)
        };
        let signer = match mechanism::takes_hash(algorithm) {
            true => CallbackSigner::with_digest(algorithm, key_id, sign)?,
            false => CallbackSigner::new(algorithm, key_id, sign),
        };
        let signer = match &public_key {
            Some(key) => signer.checked_with(key.clone())?,
            None => signer,
        };
        Ok(Self {
            signer: match certificate {
                Some(certificate) => signer.with_certificates(vec![certificate])?,
                None => signer,
            },
        })
    }

    /// Returns the public key, to upload it to the vendor, if the token shows it or its certificate.
    pub fn public_key(&self) -> Option<&PublicKey> {
        self.signer.public_key()
    }
}

impl Signer for Pkcs11Signer {
    fn algorithm(&self) -> Algorithm {
        self.signer.algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        self.signer.key_id()
    }

    fn public_key(&self) -> Option<&PublicKey> {
        self.signer.public_key()
    }

    fn certificates(&self) -> &[Certificate] {
        self.signer.certificates()
    }

    fn sign(&self, signing_input: &[u8], signature: &mut Vec<u8>) -> Result<(), jose::Error> {
        self.signer.sign(signing_input, signature)
    }
}

fn choose(kind: Kind, accepted: &[Algorithm]) -> Result<Algorithm, Error> {
    let possible = kind.algorithms();
    let fits = accepted.iter().find(|one| possible.contains(one));
    match fits.or(possible.first().filter(|_| accepted.is_empty())) {
        Some(algorithm) => Ok(*algorithm),
        None => {
            let words = |algorithms: &[Algorithm]| {
                let words: Vec<_> = algorithms.iter().map(|one| one.as_str()).collect();
                words.join(", ")
            };
            let message = format!(
                "`algorithm` {} does not fit: the token's key is {kind:?}",
                words(accepted)
            );
            Err(Error::new(ErrorKind::Key, message)
                .with_setting("algorithm")
                .with_hint(format!(
                    "use an algorithm that this key supports ({}), or another key",
                    words(possible)
                )))
        }
    }
}
