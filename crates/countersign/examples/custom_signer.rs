//! Signs assertions with a key that this program never sees, such as one in a KMS.
//!
//! Try it with the sandbox:
//!
//! ```text
//! cargo xtask sandbox --dir /tmp/sandbox
//! COUNTERSIGN_CONFIG=/tmp/sandbox/connections.toml \
//!     cargo run -p countersign --example custom_signer -- docusign-jwt
//! ```

#![allow(clippy::print_stdout, reason = "a program")]

use std::sync::Arc;

use countersign::core::jose::ErrorKind;
use countersign::core::{Algorithm, KeySigner, PrivateKey, Signer, jose};
use countersign::{Configuration, Error};

/// A key in a KMS.
///
/// Here a key in memory stands for the service, so that the example needs none.
#[derive(Debug)]
struct KmsKey {
    name: String,
    service: KeySigner,
}

impl Signer for KmsKey {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }

    fn sign(&self, signing_input: &[u8], signature: &mut Vec<u8>) -> Result<(), jose::Error> {
        // Call the service here: with the SHA-256 of `signing_input`, or with all of it.
        self.service.sign(signing_input, signature).map_err(|why| {
            let message = format!("the KMS did not sign with {}", self.name);
            jose::Error::new(ErrorKind::Signing, message).with_source(why)
        })
    }
}

fn main() -> Result<(), Error> {
    let name = std::env::args().nth(1).unwrap_or("docusign-jwt".to_owned());
    let mut settings = countersign::resolve(&name, Configuration::find()?.settings(&name)?)?;

    // A connection with a signer has no `private_key`. The sandbox's key goes to our KMS.
    let pem = settings.secret("private_key").expect("the sandbox's key");
    settings.unset("private_key")?;
    let key = PrivateKey::from_pem(pem.expose())?;
    let signer = KmsKey {
        name: "projects/acme/keys/docusign".to_owned(),
        service: KeySigner::new(key, Some(Algorithm::RS256), None)?,
    };

    let registry = countersign::registry()?;
    let connection = countersign::connection(&name, &settings, &registry, Some(Arc::new(signer)))?;
    let client = countersign::client_builder(connection, |_| ())?.build()?;
    println!("token from {}", client.token()?.source());
    Ok(())
}
