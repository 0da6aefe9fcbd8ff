//! The members of a JWK and its permitted use (RFC 7517 section 4).

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::{Error, base64url, rejection};

/// The intended use of a key.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Sign,
    Verify,
}

/// Rejects a key whose `use` or `key_ops` exclude the purpose (RFC 7517 sections 4.2 and 4.3).
pub(crate) fn check_purpose(jwk: &Value, purpose: Purpose) -> Result<(), Error> {
    if let Some(other) = jwk.get("use").filter(|other| *other != "sig") {
        let other = other.as_str().unwrap_or_default();
        return Err(rejection::jwk(format!("its `use` is {}", quoted(other))));
    }
    let operation = match purpose {
        Purpose::Sign => "sign",
        Purpose::Verify => "verify",
    };
    let has = |ops: &Value| {
        ops.as_array()
            .is_some_and(|ops| ops.iter().any(|op| op == operation))
    };
    match jwk.get("key_ops") {
        Some(ops) if !has(ops) => {
            let what = format!("its `key_ops` does not include {operation}");
            Err(rejection::jwk(what))
        }
        _ => Ok(()),
    }
}

pub(crate) fn algorithm(jwk: &Value) -> Result<Option<Algorithm>, Error> {
    match jwk.get("alg") {
        None => Ok(None),
        Some(Value::String(name)) => name.parse().map(Some).map_err(|_| {
            let name = quoted(name);
            rejection::jwk(format!(
                "its `alg` is {name}, which is not a supported signature algorithm"
            ))
        }),
        Some(_) => Err(rejection::jwk("its `alg` is not a string")),
    }
}

pub(crate) fn text<'a>(jwk: &'a Value, name: &str) -> Result<&'a str, Error> {
    let members: &Map<String, Value> = jwk
        .as_object()
        .ok_or_else(|| rejection::jwk("it is not a JSON object"))?;
    members
        .get(name)
        .ok_or_else(|| rejection::jwk(format!("`{name}` is missing")))?
        .as_str()
        .ok_or_else(|| rejection::jwk(format!("`{name}` is not a string")))
}

pub(crate) fn bytes(jwk: &Value, name: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    base64url::decode_strict(text(jwk, name)?.as_bytes())
        .map(Zeroizing::new)
        .ok_or_else(|| rejection::jwk(format!("`{name}` is not base64url without padding")))
}

/// Truncates and escapes an external name for a message.
pub(crate) fn quoted(name: &str) -> String {
    format!("{:?}", name.chars().take(64).collect::<String>())
}
