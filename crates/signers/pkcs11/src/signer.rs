//! The signer: a key on a token, wherever countersign takes one.

use std::sync::Arc;

use countersign::jws::{Algorithm, CallbackSigner};
use countersign::{Error, ErrorKind, PublicKey, Secret, Signer};

use crate::key::Kind;
use crate::sessions::Sessions;
use crate::{KeyUri, Module, key, mechanism};

/// Signs with a key on a PKCS#11 token. Made by [`Module::signer`].
///
/// May be shared among threads: each signature has a session of its own, and up to eight are kept.
/// After a device was unplugged or reset it logs in anew.
#[derive(Debug)]
pub struct Pkcs11Signer {
    signer: CallbackSigner,
    public_key: Option<PublicKey>,
}

impl Pkcs11Signer {
    pub(crate) fn open(
        module: Module,
        uri: KeyUri,
        pin: Option<Secret>,
        algorithm: Option<Algorithm>,
        key_id: Option<String>,
    ) -> Result<Self, Error> {
        let sessions = Arc::new(Sessions::new(module, uri.clone(), pin));
        let kind = sessions.with("to describe the key", key::kind)?;
        let kind = kind.ok_or_else(|| {
            let message = format!("{uri} is a key of a kind that no algorithm here is for");
            Error::new(ErrorKind::Key, message)
                .with_hint("use an RSA key, an EC key on P-256 or P-384, or an Ed25519 key")
        })?;
        // A device that has never heard of the attribute does not ask for the PIN each time.
        if sessions.with("", key::wants_pin_each_time).unwrap_or(false) {
            let message = format!("{uri} wants its PIN for every signature");
            return Err(Error::new(ErrorKind::Key, message)
                .with_hint("use a key without CKA_ALWAYS_AUTHENTICATE for unattended signing"));
        }
        let algorithm = choose(kind, algorithm)?;
        let public_key = sessions.with("to show the public key", |open| {
            key::public_key(open, &uri, kind)
        })?;
        let sign = move |input: &[u8]| {
            // Made each time: it holds pointers, which do not go from thread to thread.
            let mechanism = mechanism::mechanism(algorithm)
                .ok_or_else(|| Error::new(ErrorKind::Internal, "an algorithm without mechanism"))?;
            sessions.with("to sign", |open| {
                open.session.sign(&mechanism, open.key, input)
            })
        };
        let signer = match mechanism::takes_hash(algorithm) {
            true => CallbackSigner::with_digest(algorithm, key_id, sign)?,
            false => CallbackSigner::new(algorithm, key_id, sign),
        };
        let signer = match &public_key {
            Some(key) => signer.checked_with(key.clone())?,
            None => signer,
        };
        Ok(Self { signer, public_key })
    }

    /// The public key, where the token shows it: for the vendor's console.
    pub fn public_key(&self) -> Option<&PublicKey> {
        self.public_key.as_ref()
    }
}

impl Signer for Pkcs11Signer {
    fn algorithm(&self) -> Algorithm {
        self.signer.algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        self.signer.key_id()
    }

    fn sign(&self, signing_input: &[u8], signature: &mut Vec<u8>) -> Result<(), Error> {
        self.signer.sign(signing_input, signature)
    }
}

fn choose(kind: Kind, asked: Option<Algorithm>) -> Result<Algorithm, Error> {
    let possible = kind.algorithms();
    match asked {
        None => Ok(possible[0]),
        Some(asked) if possible.contains(&asked) => Ok(asked),
        Some(asked) => {
            let names: Vec<_> = possible.iter().map(|one| one.as_str()).collect();
            let message = format!("`algorithm` {asked} does not fit: the token's key is {kind:?}");
            Err(Error::new(ErrorKind::Key, message)
                .with_setting("algorithm")
                .with_hint(format!("set algorithm to one of {}", names.join(", "))))
        }
    }
}
