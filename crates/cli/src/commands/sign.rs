//! `countersign sign`: signs claims as a compact JWS (RFC 7515).

use countersign_core::{Algorithm, Error, ErrorKind, KeySigner, PrivateKey, Secret, jws};
use serde_json::{Map, Value, json};

use crate::args::SignArgs;
use crate::input;
use crate::output::{Output, Stop};

pub(crate) fn run(args: &SignArgs, output: &Output) -> Result<(), Stop> {
    let key = read_key(args)?;
    let claims =
        input::text(&args.claims, "--claims").map_err(|error| explain_inline(error, args))?;
    let claims = claims.expose().trim();
    check_claims(claims)?;
    let own_id = || key.key_id().map(str::to_owned);
    let key_id = args.kid.clone().or_else(own_id);
    let signer = KeySigner::new(key, args.alg, key_id)?;
    // Signs the file's text as it is, instead of reformatting the JSON.
    let token = jws::sign(&signer, claims.as_bytes(), Some("JWT"))?;
    match output.is_json() {
        true => output.print_json(&json!({ "token": token })),
        false => output.print(&token),
    }
}

/// Returns whether an algorithm uses a shared secret.
pub(super) fn is_shared(algorithm: Option<Algorithm>) -> bool {
    use Algorithm::{HS256, HS384, HS512};
    matches!(algorithm, Some(HS256 | HS384 | HS512))
}

fn read_key(args: &SignArgs) -> Result<PrivateKey, Error> {
    let file = input::bytes(&args.key, "--key")?;
    // A JWK contains the shared secret in base64url: its text isn't the secret.
    if is_shared(args.alg) && input::jwk(&file).is_none() {
        let secret = input::secret_of(&file, &args.key, "--key")?;
        return Ok(PrivateKey::from_secret(secret.expose()));
    }
    let passphrase = input::passphrase(&args.passphrase)?;
    let exposed = passphrase.as_ref().map(Secret::expose);
    PrivateKey::from_bytes_by_id(&file, exposed, args.kid.as_deref())
        .map_err(|error| input::explain_locked(error.into(), passphrase.as_ref()))
}

/// Adds a hint if `--claims` is the JSON itself instead of a file's path.
fn explain_inline(error: Error, args: &SignArgs) -> Error {
    match args.claims.to_string_lossy().starts_with('{') {
        true => {
            error.with_hint("write the claims to a file, or pipe them: echo '{…}' | … --claims -")
        }
        false => error,
    }
}

fn check_claims(claims: &str) -> Result<(), Error> {
    let read = serde_json::from_str::<Map<String, Value>>(claims);
    read.map(drop).map_err(|error| {
        let message = format!(
            "--claims: not a JSON object (line {}, column {})",
            error.line(),
            error.column()
        );
        Error::new(ErrorKind::Setting, message)
            .with_hint("write the claims as {\"iss\":\"…\",\"exp\":…} (RFC 7519 section 4)")
    })
}
