//! `countersign sign`: claims as a compact JWS (RFC 7515).

use countersign::{Algorithm, Error, ErrorKind, KeySigner, PrivateKey, Secret, jws};
use serde_json::{Map, Value, json};

use crate::args::SignArgs;
use crate::input;
use crate::output::{Output, Stop};

pub(crate) fn run(args: &SignArgs, output: &Output) -> Result<(), Stop> {
    input::check_passphrase(&args.passphrase)?;
    let key = input::text(&args.key, "--key")?;
    let key = read_key(&key, args.alg)
        .map_err(|error| input::explain_encrypted(error, &args.passphrase))?;
    let claims = input::text(&args.claims, "--claims")?;
    let claims = claims.expose().trim();
    check_claims(claims)?;
    let signer = KeySigner::new(key, args.alg, args.kid.clone())?;
    // The claims are signed as they were written: what is in the file is what is sent.
    let token = jws::sign(&signer, claims.as_bytes(), Some("JWT"))?;
    match output.is_json() {
        true => output.print_json(&json!({ "token": token })),
        false => output.print(&token),
    }
}

/// Whether an algorithm works with a secret that both sides share.
pub(super) fn is_shared(algorithm: Option<Algorithm>) -> bool {
    use Algorithm::{HS256, HS384, HS512};
    matches!(algorithm, Some(HS256 | HS384 | HS512))
}

/// A shared secret as files hold it: an editor's last line feed is not part of it.
pub(super) fn shared_secret(text: &Secret) -> Secret {
    Secret::from(text.expose().trim_end_matches(['\r', '\n']))
}

fn read_key(text: &Secret, algorithm: Option<Algorithm>) -> Result<PrivateKey, Error> {
    match is_shared(algorithm) {
        true => Ok(PrivateKey::from_secret(&shared_secret(text))),
        false => PrivateKey::from_pem(text.expose()),
    }
}

fn check_claims(claims: &str) -> Result<(), Error> {
    let read = serde_json::from_str::<Map<String, Value>>(claims);
    read.map(drop).map_err(|error| {
        let message = format!(
            "--claims: this is not a JSON object (line {}, column {})",
            error.line(),
            error.column()
        );
        Error::new(ErrorKind::Setting, message)
            .with_hint("write it as {\"iss\":\"…\",\"exp\":…}, RFC 7519 section 4")
    })
}
