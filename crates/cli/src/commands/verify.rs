//! `countersign verify`: verifies a token's signature and prints its payload.

use std::path::Path;

use countersign_core::jws::JwkSet;
use countersign_core::jws::{self, VerificationKey, Verified};
use countersign_core::{Algorithm, Clock, Error, ErrorKind, PrivateKey, PublicKey, SystemClock};
use serde_json::{Map, Value};

use super::sign::is_shared;
use crate::args::VerifyArgs;
use crate::input;
use crate::output::{Output, Stop};

pub(crate) fn run(args: &VerifyArgs, output: &mut Output) -> Result<(), Stop> {
    let token = input::token(&args.token)?;
    let header = jws::inspect(token.expose())?.header;
    let key = match (&args.key, &args.jwks) {
        (Some(path), _) => key_of_file(path, args.alg, &header)?,
        (None, Some(path)) => {
            let set = JwkSet::from_json(input::text(path, "--jwks")?.expose())?;
            key_of_set(&set, args.alg, &header)?
        }
        (None, None) => {
            return Err(Error::new(ErrorKind::Setting, "--key or --jwks is missing").into());
        }
    };
    let verified = jws::verify(token.expose(), &key)?;
    // A JWS payload can be any bytes (RFC 7515 section 3). Only claims are JSON.
    let Ok(json) = std::str::from_utf8(&verified.payload) else {
        return output.print_bytes(&verified.payload);
    };
    match serde_json::from_str::<Value>(json) {
        Ok(Value::Object(_)) => {
            verified.claims()?;
            warn_of_time(&verified, output);
            output.print_json_text(json)
        }
        Ok(_) => output.print_json_text(json),
        Err(_) => output.print_bytes(&verified.payload),
    }
}

/// Reads the key from a file: a public key, a certificate, a JWK or a JWK Set.
///
/// With an HS algorithm the file is a shared secret, unless it is a JWK.
fn key_of_file(
    path: &Path,
    asked: Option<Algorithm>,
    header: &Map<String, Value>,
) -> Result<VerificationKey, Error> {
    let file = input::bytes(path, "--key")?;
    match input::jwk(&file) {
        Some(jwk) if jwk.get("keys").is_some() => {
            let set = JwkSet::from_json(&jwk.to_string())?;
            key_of_set(&set, asked, header)
        }
        Some(jwk) if jwk["kty"] == "oct" => {
            let key = VerificationKey::from_jwk(&jwk)?;
            match asked {
                Some(asked) if asked != key.algorithm() && jwk.get("alg").is_none() => {
                    let key = PrivateKey::from_bytes(&file, None)?;
                    Ok(VerificationKey::of(&key, Some(asked))?)
                }
                Some(asked) if asked != key.algorithm() => {
                    let message = format!("the JWK is for {}, not for {asked}", key.algorithm());
                    Err(Error::new(ErrorKind::Verification, message)
                        .with_hint("remove --alg, or use the key that the token is signed with"))
                }
                _ => Ok(key),
            }
        }
        None if is_shared(asked) => {
            let algorithm = asked.unwrap_or(Algorithm::HS256);
            let secret = input::secret_of(&file, path, "--key")?;
            Ok(VerificationKey::hmac(secret.expose(), algorithm)?)
        }
        _ => bind(PublicKey::from_bytes(&file)?, asked, header),
    }
}

/// Returns the key of a set that the token's `kid` names.
fn key_of_set(
    set: &JwkSet,
    asked: Option<Algorithm>,
    header: &Map<String, Value>,
) -> Result<VerificationKey, Error> {
    let key = set.key_for(header.get("kid").and_then(Value::as_str))?;
    bind(key.public_key().clone(), asked, header)
}

/// Binds a key to the requested algorithm, or to the token's if the key supports it.
///
/// A public key supports no HMAC, and a JWK only what it states. So the token can only choose among
/// the signature algorithms of its key (RFC 8725 section 3.1).
fn bind(
    key: PublicKey,
    asked: Option<Algorithm>,
    header: &Map<String, Value>,
) -> Result<VerificationKey, Error> {
    let tokens = header.get("alg").and_then(Value::as_str);
    let mut supported = key.algorithms().iter();
    let tokens = supported.find(|algorithm| Some(algorithm.as_str()) == tokens);
    let algorithm = asked.or(tokens.copied());
    Ok(VerificationKey::of_public(key.clone(), algorithm)?)
}

/// Warns if the token has expired or is not valid yet. Neither makes `verify` fail.
fn warn_of_time(verified: &Verified, output: &mut Output) {
    let now = SystemClock::new().now().unix_s();
    let Ok(claims) = verified.claims() else {
        return;
    };
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    if time("exp").is_some_and(|exp| exp <= now as f64) {
        output.warn("the signature is valid, but the token has expired: `exp` is in the past");
    }
    if time("nbf").is_some_and(|nbf| nbf > now as f64) {
        output
            .warn("the signature is valid, but the token is not valid yet: `nbf` is in the future");
    }
}
