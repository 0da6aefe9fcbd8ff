//! `countersign verify`: is a token's signature right, and what does it say.

use countersign::jws::{self, VerificationKey, Verified};
use countersign::key::JwkSet;
use countersign::{Algorithm, Clock, Error, ErrorKind, PublicKey, SystemClock};
use serde_json::Value;

use super::sign::is_shared;
use crate::args::VerifyArgs;
use crate::input;
use crate::output::{Output, Stop};

pub(crate) fn run(args: &VerifyArgs, output: &mut Output) -> Result<(), Stop> {
    let token = input::token(&args.token)?;
    let header = jws::inspect(token.expose())?.header;
    let said = |name: &str| header.get(name).and_then(Value::as_str);
    let key = match (&args.key, &args.jwks) {
        (Some(path), _) => match args.alg {
            Some(algorithm) if is_shared(args.alg) => {
                VerificationKey::hmac(&input::secret(path, "--key")?, algorithm)?
            }
            alg => {
                let file = input::bytes(path, "--key")?;
                bind(PublicKey::from_bytes(&file)?, alg, said("alg"))?
            }
        },
        (None, Some(path)) => {
            let set = JwkSet::from_json(input::text(path, "--jwks")?.expose())?;
            of_set(&set, args.alg, said("kid"), said("alg"))?
        }
        (None, None) => {
            return Err(Error::new(ErrorKind::Setting, "--key or --jwks is missing").into());
        }
    };
    let verified = jws::verify(token.expose(), &key)?;
    let payload = payload(&verified)?;
    warn_of_time(&verified, output);
    output.print_json_text(payload)
}

/// Binds a key that names no algorithm to the one asked for, or to the token's if it is one that
/// this very key can do. A public key can do no HMAC, so that the token chooses between the
/// signatures of its kind and nothing else (RFC 8725 section 3.1).
fn bind(
    key: PublicKey,
    asked: Option<Algorithm>,
    said: Option<&str>,
) -> Result<VerificationKey, Error> {
    let possible = key.algorithms();
    let fitting = || possible.iter().find(|a| Some(a.as_str()) == said).copied();
    let algorithm = asked.or_else(fitting).or_else(|| possible.first().copied());
    let none = || Error::new(ErrorKind::Key, "the key can verify no algorithm");
    VerificationKey::new(key, algorithm.ok_or_else(none)?)
}

/// The key of a set that the token's `kid` names. A JWK with an `alg` is bound to it.
fn of_set(
    set: &JwkSet,
    asked: Option<Algorithm>,
    key_id: Option<&str>,
    said: Option<&str>,
) -> Result<VerificationKey, Error> {
    let bound = set.verification_key(key_id)?;
    let jwk = match key_id {
        Some(id) => set.find(id),
        None => set.keys().first(),
    };
    if let Some(jwk) = jwk.filter(|jwk| jwk.algorithm().is_none()) {
        return bind(jwk.public_key().clone(), asked, said);
    }
    match asked {
        Some(asked) if asked != bound.algorithm() => {
            let message = format!("the JWK is bound to {}, not to {asked}", bound.algorithm());
            Err(Error::new(ErrorKind::Key, message))
        }
        _ => Ok(bound),
    }
}

fn payload(verified: &Verified) -> Result<&str, Error> {
    verified.claims()?;
    std::str::from_utf8(&verified.payload)
        .map_err(|_| Error::new(ErrorKind::Verification, "the payload is not UTF-8"))
}

/// The signature is what was asked about; that a token is over is worth a word all the same.
fn warn_of_time(verified: &Verified, output: &mut Output) {
    let now = SystemClock::new().now().unix_s();
    let Ok(claims) = verified.claims() else {
        return;
    };
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    if time("exp").is_some_and(|exp| exp <= now as f64) {
        output.warn("the signature is right, but the token is over: `exp` is past");
    }
    if time("nbf").is_some_and(|nbf| nbf > now as f64) {
        output.warn("the signature is right, but the token does not count yet: `nbf` is ahead");
    }
}
