//! JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037) and their thumbprints (RFC 7638).

mod private;

use std::collections::BTreeMap;

use ring::digest;
use serde_json::{Map, Value, json};

pub(super) use self::private::{is_private, private_key};
use super::public::{Curve, Material, PublicKey};
use super::refusal;
use crate::jws::base64url;
use crate::jws::{Algorithm, VerificationKey};
use crate::{Error, ErrorKind};

/// The public keys a server publishes (RFC 7517 section 5).
///
/// # Example
///
/// ```
/// use countersign_jose::key::JwkSet;
///
/// let set = JwkSet::from_json(
///     r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01",
///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
/// )?;
/// assert!(set.find("2026-01").is_some());
/// # Ok::<(), countersign_jose::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    skipped: Vec<Skipped>,
}

/// A key of a set that cannot verify, and why.
#[derive(Clone, Debug)]
struct Skipped {
    key_id: Option<String>,
    why: String,
}

/// One key of a [`JwkSet`].
#[derive(Clone, Debug)]
pub struct Jwk {
    key_id: Option<String>,
    algorithm: Option<Algorithm>,
    public_key: PublicKey,
}

impl PublicKey {
    /// Reads the public members of a JWK; those of a private key are ignored.
    ///
    /// `alg`, `use` and `key_ops` restrict what the key verifies: see
    /// [`algorithms`](Self::algorithms).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] if a member is missing or malformed, the key type or curve is not
    /// supported, or the point is not on the curve.
    pub fn from_jwk(jwk: &Value) -> Result<Self, Error> {
        let key = Self::of_numbers(jwk)?;
        match (check_purpose(jwk, Purpose::Verify), jwk.get("alg")) {
            (Ok(()), None) => Ok(key),
            (Ok(()), Some(_)) => Ok(key.only_for(algorithm(jwk).unwrap_or_default())),
            (Err(_), _) => Ok(key.only_for(None)),
        }
    }

    /// The key itself, whatever it is meant for.
    pub(super) fn of_numbers(jwk: &Value) -> Result<Self, Error> {
        match text(jwk, "kty")? {
            "RSA" => Self::rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?),
            "EC" => ec(jwk),
            "OKP" => match text(jwk, "crv")? {
                "Ed25519" => {
                    let x = bytes(jwk, "x")?;
                    Self::ed25519(&x).map_err(|_| refusal::jwk("`x` is not 32 bytes"))
                }
                other => Err(refusal::algorithm(&format!("OKP on {}", shown(other)))),
            },
            "oct" => Err(refusal::jwk(
                "`kty` is oct, which is a shared secret, not a public key",
            )),
            other => Err(refusal::algorithm(&format!("`kty` {}", shown(other)))),
        }
    }

    /// The key as a JWK with the members its type requires and no others.
    pub fn to_jwk(&self) -> Value {
        match self.material() {
            Material::Rsa { modulus, exponent } => {
                json!({"kty": "RSA", "n": base64url::encode(modulus), "e": base64url::encode(exponent)})
            }
            Material::Ec { curve, point } => {
                let (x, y) = point[1..].split_at(curve.field_bytes());
                json!({"kty": "EC", "crv": curve.name(), "x": base64url::encode(x), "y": base64url::encode(y)})
            }
            Material::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(key)})
            }
        }
    }

    /// The SHA-256 JWK thumbprint (RFC 7638, RFC 8037 section 2) in base64url.
    pub fn thumbprint(&self) -> String {
        // The map keeps its members sorted and writes no blanks, which is RFC 7638 section 3.3.
        let mut sorted = BTreeMap::new();
        if let Value::Object(members) = self.to_jwk() {
            sorted.extend(members);
        }
        let text = serde_json::to_string(&sorted).unwrap_or_default();
        base64url::encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
    }
}

impl JwkSet {
    /// Reads a JWK Set. Keys that are not for verifying, or of a kind not supported, are left
    /// out, as RFC 7517 section 5 asks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] if the text is not a JWK Set.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let set: Value = serde_json::from_str(text)
            .map_err(|error| not_a_set(format!("it is not JSON (line {})", error.line())))?;
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or_else(|| not_a_set("it has no array `keys`"))?;
        let mut set = Self::default();
        for jwk in keys {
            match Jwk::from_value(jwk) {
                Ok(key) => set.keys.push(key),
                Err(error) => set.skipped.push(Skipped {
                    key_id: key_id(jwk),
                    why: refusal::reason_of_jwk(&error).to_owned(),
                }),
            }
        }
        Ok(set)
    }

    /// The key with this `kid`.
    pub fn find(&self, key_id: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.key_id() == Some(key_id))
    }

    /// Every key that can verify.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// Returns the key to verify a token with, by the token's `kid`; a set of one key needs none.
    ///
    /// The `kid` of an unverified token only chooses among keys that are trusted already.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Verification`] if no key of the set that can verify has this `kid`, or `key_id`
    /// is absent and the set does not hold exactly one such key.
    pub fn key_for(&self, key_id: Option<&str>) -> Result<&Jwk, Error> {
        match (key_id, self.keys.as_slice()) {
            (Some(id), _) => self.find(id).ok_or_else(|| self.no_key(id)),
            (None, [only]) => Ok(only),
            (None, []) => Err(self.no_usable_key()),
            (None, keys) => {
                let count = keys.len();
                let message = format!(
                    "the token has no kid and the JWK Set holds {count} keys that can verify"
                );
                Err(Error::new(ErrorKind::Verification, message)
                    .with_hint("name the key to verify with"))
            }
        }
    }

    /// As [`key_for`](Self::key_for), bound to the key's `alg`, or else to the first algorithm its
    /// type can do.
    ///
    /// # Errors
    ///
    /// As [`key_for`](Self::key_for).
    pub fn verification_key(&self, key_id: Option<&str>) -> Result<VerificationKey, Error> {
        self.key_for(key_id)?.verification_key()
    }

    fn no_key(&self, id: &str) -> Error {
        let skipped = self
            .skipped
            .iter()
            .find(|key| key.key_id.as_deref() == Some(id));
        let id = shown(id);
        match skipped {
            Some(key) => {
                let message = format!("the JWK Set's key {id} cannot verify: {}", key.why);
                Error::new(ErrorKind::Verification, message).with_hint(
                    "use a key that the server publishes for signatures: its `use` is \"sig\"",
                )
            }
            None => {
                let message = format!("no key of the JWK Set has the token's kid {id}");
                Error::new(ErrorKind::Verification, message)
                    .with_hint("the server may have changed its keys; fetch the JWK Set again")
            }
        }
    }

    fn no_usable_key(&self) -> Error {
        let message = match self.skipped.first() {
            Some(key) => format!("no key of the JWK Set can verify: {}", key.why),
            None => "the JWK Set is empty".to_owned(),
        };
        Error::new(ErrorKind::Verification, message)
            .with_hint("fetch the JWK Set again, from the server's jwks_uri")
    }
}

impl Jwk {
    /// The `kid`.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The `alg` that the key is bound to, where it says so.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// The key itself.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The key bound to its algorithm, or else to the first its type can do (RS256 for RSA).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] if `alg` does not fit the key.
    pub fn verification_key(&self) -> Result<VerificationKey, Error> {
        let algorithm = self
            .algorithm
            .or_else(|| self.public_key.algorithms().first().copied());
        match algorithm {
            Some(algorithm) => VerificationKey::new(self.public_key.clone(), algorithm),
            None => Err(refusal::jwk("no algorithm fits it")),
        }
    }

    fn from_value(jwk: &Value) -> Result<Self, Error> {
        check_purpose(jwk, Purpose::Verify)?;
        let algorithm = algorithm(jwk)?;
        let public_key = PublicKey::from_jwk(jwk)?;
        if let (Some(algorithm), []) = (algorithm, public_key.algorithms()) {
            let kind = public_key.curve().unwrap_or(public_key.key_type());
            let what = format!("its `alg` is {algorithm}, which a key of type {kind} cannot do");
            return Err(refusal::jwk(what));
        }
        Ok(Self {
            key_id: key_id(jwk),
            algorithm,
            public_key,
        })
    }
}

impl VerificationKey {
    /// Takes a key from a JWK, bound to its `alg`; without one RSA is taken as RS256 and `oct` as
    /// HS256.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] if the key cannot be read, is meant for something else (`use`,
    /// `key_ops`), or does not fit its `alg`.
    pub fn from_jwk(jwk: &Value) -> Result<Self, Error> {
        check_purpose(jwk, Purpose::Verify)?;
        if text(jwk, "kty")? == "oct" {
            let algorithm = algorithm(jwk)?.unwrap_or(Algorithm::HS256);
            return Self::hmac(bytes(jwk, "k")?.as_slice(), algorithm);
        }
        Jwk::from_value(jwk)?.verification_key()
    }
}

fn ec(jwk: &Value) -> Result<PublicKey, Error> {
    let curve = match text(jwk, "crv")? {
        "P-256" => Curve::P256,
        "P-384" => Curve::P384,
        "P-521" => Curve::P521,
        other => return Err(refusal::algorithm(&format!("EC on {}", shown(other)))),
    };
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = bytes(jwk, name)?;
        // RFC 7518 section 6.2.1.2: the full width, leading zeros included.
        if coordinate.len() != curve.field_bytes() {
            return Err(refusal::jwk(format!(
                "`{name}` is not {} bytes",
                curve.field_bytes()
            )));
        }
        point.extend_from_slice(&coordinate);
    }
    PublicKey::ec(curve, &point)
}

/// What a key is about to be used for.
#[derive(Clone, Copy)]
enum Purpose {
    Sign,
    Verify,
}

/// Rejects a key that says it is for something else (RFC 7517 sections 4.2 and 4.3).
fn check_purpose(jwk: &Value, purpose: Purpose) -> Result<(), Error> {
    if let Some(other) = jwk.get("use").filter(|other| *other != "sig") {
        let other = other.as_str().unwrap_or_default();
        return Err(refusal::jwk(format!("its `use` is {}", shown(other))));
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
            Err(refusal::jwk(what))
        }
        _ => Ok(()),
    }
}

fn key_id(jwk: &Value) -> Option<String> {
    jwk.get("kid").and_then(Value::as_str).map(str::to_owned)
}

fn algorithm(jwk: &Value) -> Result<Option<Algorithm>, Error> {
    match jwk.get("alg") {
        None => Ok(None),
        Some(Value::String(name)) => name.parse().map(Some).map_err(|_| {
            let name = shown(name);
            refusal::jwk(format!(
                "its `alg` is {name}, which is not a signature algorithm known here"
            ))
        }),
        Some(_) => Err(refusal::jwk("its `alg` is not a string")),
    }
}

fn text<'a>(jwk: &'a Value, name: &str) -> Result<&'a str, Error> {
    let members: &Map<String, Value> = jwk
        .as_object()
        .ok_or_else(|| refusal::jwk("it is not a JSON object"))?;
    members
        .get(name)
        .ok_or_else(|| refusal::jwk(format!("`{name}` is missing")))?
        .as_str()
        .ok_or_else(|| refusal::jwk(format!("`{name}` is not a string")))
}

fn bytes(jwk: &Value, name: &str) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
    base64url::decode_strict(text(jwk, name)?.as_bytes())
        .map(zeroize::Zeroizing::new)
        .ok_or_else(|| refusal::jwk(format!("`{name}` is not base64url without padding")))
}

fn not_a_set(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Key, format!("this is not a JWK Set: {what}"))
        .with_hint("give the document from the server's jwks_uri, {\"keys\":[…]}")
}

/// A name from outside, short and printable enough for a message.
fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(64).collect::<String>())
}
