//! JWK Sets (RFC 7517 section 5), and selecting the key for a token.

use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::jws::verify::VerificationKey;
use crate::key::jwk::members::{Purpose, algorithm, bytes, check_purpose, quoted, text};
use crate::key::public::PublicKey;
use crate::{Error, ErrorKind, rejection};

/// The public keys that a server publishes (RFC 7517 section 5).
///
/// # Example
///
/// ```
/// use countersign_jose::jws::JwkSet;
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

/// A key that cannot verify, with the reason.
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

impl JwkSet {
    /// Reads a JWK Set.
    ///
    /// Keys that are unsupported or not for verifying are skipped, as RFC 7517 section 5
    /// recommends.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] if the text is not a JWK Set.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::JwkSet;
    ///
    /// let set = JwkSet::from_json(
    ///     r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01","alg":"EdDSA",
    ///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    /// )?;
    /// assert_eq!(set.keys()[0].key_id(), Some("2026-01"));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let set: Value = serde_json::from_str(text)
            .map_err(|error| not_a_set(format!("it is not JSON (line {})", error.line())))?;
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or_else(|| not_a_set("it has no `keys` array"))?;
        let mut set = Self::default();
        for jwk in keys {
            match Jwk::from_value(jwk) {
                Ok(key) => set.keys.push(key),
                Err(error) => set.skipped.push(Skipped {
                    key_id: key_id(jwk),
                    why: rejection::jwk_reason(&error).to_owned(),
                }),
            }
        }
        Ok(set)
    }

    /// Returns the key with this `kid`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::JwkSet;
    ///
    /// let set = JwkSet::from_json(
    ///     r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01","alg":"EdDSA",
    ///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    /// )?;
    /// assert!(set.find("2026-01").is_some());
    /// assert!(set.find("2025-01").is_none());
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn find(&self, key_id: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.key_id() == Some(key_id))
    }

    /// Returns all keys that can verify.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::JwkSet;
    ///
    /// let set = JwkSet::from_json(
    ///     r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01","alg":"EdDSA",
    ///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    /// )?;
    /// assert_eq!(set.keys().len(), 1);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// Returns the key to verify a token with, by the token's `kid`.
    ///
    /// If the set has only one key, `key_id` may be `None`. It is safe to pass the `kid` of an
    /// unverified token: it only selects among trusted keys.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Verification`] if no key that can verify has this `kid`, or if `key_id` is
    /// `None` and the set does not contain exactly one such key.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::JwkSet;
    ///
    /// let set = JwkSet::from_json(
    ///     r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01","alg":"EdDSA",
    ///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    /// )?;
    /// assert_eq!(set.key_for(None)?.key_id(), Some("2026-01"));
    /// let error = set.key_for(Some("2025-01")).unwrap_err();
    /// assert!(error.message().contains("no key in the JWK Set has the token's kid"));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn key_for(&self, key_id: Option<&str>) -> Result<&Jwk, Error> {
        match (key_id, self.keys.as_slice()) {
            (Some(id), _) => self.find(id).ok_or_else(|| self.no_key(id)),
            (None, [only]) => Ok(only),
            (None, []) => Err(self.no_usable_key()),
            (None, keys) => {
                let count = keys.len();
                let message = format!(
                    "the token has no kid, and the JWK Set has {count} keys that can verify it"
                );
                Err(Error::new(ErrorKind::Verification, message)
                    .with_hint("choose the key to verify with by its kid"))
            }
        }
    }

    /// Like [`key_for`](Self::key_for), but returns the key bound to its algorithm.
    ///
    /// The algorithm defaults to the first of the key type if the key has no `alg`.
    ///
    /// # Errors
    ///
    /// As [`key_for`](Self::key_for).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::JwkSet;
    ///
    /// let set = JwkSet::from_json(
    ///     r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01","alg":"EdDSA",
    ///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    /// )?;
    /// let key = set.verification_key(Some("2026-01"))?;
    /// assert_eq!(key.algorithm().as_str(), "EdDSA");
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn verification_key(&self, key_id: Option<&str>) -> Result<VerificationKey, Error> {
        self.key_for(key_id)?.verification_key()
    }

    fn no_key(&self, id: &str) -> Error {
        let skipped = self
            .skipped
            .iter()
            .find(|key| key.key_id.as_deref() == Some(id));
        let id = quoted(id);
        match skipped {
            Some(key) => {
                let message = format!("the JWK Set's key {id} cannot verify: {}", key.why);
                Error::new(ErrorKind::Verification, message).with_hint(
                    "use a key that the server publishes for signatures, with `use` \"sig\"",
                )
            }
            None => {
                let message = format!("no key in the JWK Set has the token's kid {id}");
                Error::new(ErrorKind::Verification, message)
                    .with_hint("fetch the JWK Set again; the server may have rotated its keys")
            }
        }
    }

    fn no_usable_key(&self) -> Error {
        let message = match self.skipped.first() {
            Some(key) => format!("no key in the JWK Set can verify: {}", key.why),
            None => "the JWK Set is empty".to_owned(),
        };
        Error::new(ErrorKind::Verification, message)
            .with_hint("fetch the JWK Set again, from the server's jwks_uri")
    }
}

impl Jwk {
    /// Returns the key's `kid`.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Returns the `alg` that the key is bound to, if it has one.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::JwkSet;
    ///
    /// let set = JwkSet::from_json(
    ///     r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01","alg":"EdDSA",
    ///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    /// )?;
    /// assert_eq!(set.keys()[0].algorithm().unwrap().as_str(), "EdDSA");
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// Returns the key itself.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Returns the key bound to its `alg`, or to the first algorithm of its type (RS256 for RSA).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlgorithmMismatch`] if the key does not support its `alg`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::JwkSet;
    ///
    /// let set = JwkSet::from_json(
    ///     r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01","alg":"EdDSA",
    ///         "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    /// )?;
    /// assert!(set.keys()[0].verification_key().is_ok());
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn verification_key(&self) -> Result<VerificationKey, Error> {
        let algorithm = self
            .algorithm
            .or_else(|| self.public_key.algorithms().first().copied());
        match algorithm {
            Some(algorithm) => VerificationKey::new(self.public_key.clone(), algorithm),
            None => Err(rejection::jwk("it supports no algorithm")),
        }
    }

    fn from_value(jwk: &Value) -> Result<Self, Error> {
        check_purpose(jwk, Purpose::Verify)?;
        let algorithm = algorithm(jwk)?;
        let public_key = PublicKey::from_jwk(jwk)?;
        if let (Some(algorithm), []) = (algorithm, public_key.algorithms()) {
            let kind = public_key.curve().unwrap_or(public_key.key_type());
            let what =
                format!("its `alg` is {algorithm}, which a key of type {kind} does not support");
            return Err(rejection::jwk(what));
        }
        Ok(Self {
            key_id: key_id(jwk),
            algorithm,
            public_key,
        })
    }
}

impl VerificationKey {
    /// Reads a JWK and binds it to its `alg`, which defaults to RS256 for RSA and HS256 for `oct`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`] if the key cannot be read, is for another use (`use`, `key_ops`), or does
    /// not support its `alg`; [`ErrorKind::SharedSecret`] if an `oct` key is too short.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::VerificationKey;
    ///
    /// let key = VerificationKey::from_jwk(&serde_json::json!({
    ///     "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    /// }))?;
    /// assert_eq!(key.algorithm().as_str(), "EdDSA");
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn from_jwk(jwk: &Value) -> Result<Self, Error> {
        check_purpose(jwk, Purpose::Verify)?;
        if text(jwk, "kty")? == "oct" {
            let algorithm = algorithm(jwk)?.unwrap_or(Algorithm::HS256);
            return Self::hmac(bytes(jwk, "k")?.as_slice(), algorithm);
        }
        Jwk::from_value(jwk)?.verification_key()
    }
}

fn key_id(jwk: &Value) -> Option<String> {
    jwk.get("kid").and_then(Value::as_str).map(str::to_owned)
}

fn not_a_set(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Key, format!("this is not a JWK Set: {what}"))
        .with_hint("use the document from the server's jwks_uri, {\"keys\":[…]}")
}
