//! A signer that doesn't sign.

use std::sync::Arc;

use crate::jose;
use crate::jws::{Algorithm, Signer};
use crate::key::{Certificate, PublicKey};

/// Describes its signer, but appends no real signature. So a key in an HSM isn't used.
#[derive(Debug)]
pub(super) struct Unsigned(pub(super) Arc<dyn Signer>);

impl Signer for Unsigned {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        self.0.key_id()
    }

    fn public_key(&self) -> Option<&PublicKey> {
        self.0.public_key()
    }

    fn certificates(&self) -> &[Certificate] {
        self.0.certificates()
    }

    fn sign(&self, _: &[u8], signature: &mut Vec<u8>) -> Result<(), jose::Error> {
        signature.push(0);
        Ok(())
    }
}
