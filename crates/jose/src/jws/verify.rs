//! Verifies tokens. The key determines the algorithm, not the token (RFC 8725 section 3).

use std::fmt;

use ring::hmac;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::hmac::check_secret;
use super::strict_json::{invalid, unique_members};
use crate::algorithm::{Algorithm, algorithm_mismatch, names};
use crate::key::{Curve, Material, Pair, PrivateKey, PublicKey, hmac_algorithm, verify_p521};
use crate::{Error, ErrorKind, base64url};

/// The maximum length of a token: more than any vendor sends, and short enough to parse.
const MAX_BYTES: usize = 64 * 1024;

/// A key and the one algorithm it is trusted for.
#[derive(Clone)]
pub struct VerificationKey {
    kind: KeyKind,
    algorithm: Algorithm,
}

#[derive(Clone)]
enum KeyKind {
    Public(PublicKey),
    Shared(Zeroizing<Vec<u8>>),
}

/// A token with a valid signature.
///
/// Its claims (issuer, audience, times) are not validated: that is up to the caller.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// The header's members.
    pub header: Map<String, Value>,
    /// The payload's bytes.
    pub payload: Vec<u8>,
}

/// A parsed token that is **not verified**: show it, but do not trust it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Parsed {
    /// The header's members, as claimed by the sender of the token.
    pub header: Map<String, Value>,
    /// The payload's bytes, as claimed by the sender of the token.
    pub payload: Vec<u8>,
}

/// Verifies a token's signature with a key, by the algorithm that the key is bound to.
///
/// # Errors
///
/// [`ErrorKind::Verification`] if
///
/// - the token is larger than 64 KiB or is not three parts of strict base64url,
/// - its header has a repeated member, `crit`, `b64`, `zip`, or an `alg` other than the key's,
/// - the signature is not valid.
///
/// # Example
///
/// ```
/// use countersign_jose::jws::{self, Algorithm, VerificationKey};
/// use countersign_jose::key::PublicKey;
///
/// // RFC 8037 appendix A.4.
/// let key = PublicKey::from_jwk(&serde_json::json!({
///     "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
/// }))?;
/// let verified = jws::verify(
///     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-\
///      09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
///     &VerificationKey::new(key, Algorithm::EdDSA)?,
/// )?;
/// assert_eq!(verified.payload, b"Example of Ed25519 signing");
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub fn verify(token: &str, key: &VerificationKey) -> Result<Verified, Error> {
    let parts = Parts::of(token)?;
    let header = unique_members(&parts.header, "header")?;
    check_header(&header, key)?;
    key.verify_signature(parts.signing_input, &parts.signature)
        .map_err(|error| {
            error.with_hint("check the key: the token was changed, or another key signed it")
        })?;
    Ok(Verified {
        header,
        payload: parts.payload,
    })
}

/// Parses a token **without verifying it**, to show its contents.
///
/// # Errors
///
/// [`ErrorKind::Verification`] if it is not a compact JWS (RFC 7515 section 7.1).
///
/// # Example
///
/// ```
/// let parsed = countersign_jose::jws::inspect("eyJhbGciOiJub25lIn0.eyJzdWIiOiJqb2UifQ.")?;
/// assert_eq!(parsed.header["alg"], "none");
/// assert_eq!(parsed.payload, br#"{"sub":"joe"}"#);
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub fn inspect(token: &str) -> Result<Parsed, Error> {
    let parts = Parts::of(token.trim())?;
    let header = unique_members(&parts.header, "header")?;
    Ok(Parsed {
        header,
        payload: parts.payload,
    })
}

impl VerificationKey {
    /// Binds a public key to an algorithm.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlgorithmMismatch`] if the key does not support the algorithm. HMAC with a
    ///   public key is always rejected, because anybody could sign.
    /// - [`ErrorKind::Key`] if the key supports no algorithm, because it is a JWK for another use.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{Algorithm, VerificationKey};
    /// use countersign_jose::key::PublicKey;
    ///
    /// let key = PublicKey::from_pem(
    ///     "-----BEGIN PUBLIC KEY-----
    ///     MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    ///     -----END PUBLIC KEY-----",
    /// )?;
    /// assert!(VerificationKey::new(key.clone(), Algorithm::EdDSA).is_ok());
    /// assert!(VerificationKey::new(key, Algorithm::HS256).is_err());
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn new(key: PublicKey, algorithm: Algorithm) -> Result<Self, Error> {
        let possible = key.algorithms();
        if possible.contains(&algorithm) {
            return Ok(Self {
                kind: KeyKind::Public(key),
                algorithm,
            });
        }
        if possible.is_empty() {
            let what = "the JWK's `use`, `key_ops` or `alg` does not allow verifying signatures";
            return Err(Error::new(ErrorKind::Key, what)
                .with_hint("verify with the key that the server signs with"));
        }
        let what = if algorithm.min_secret_bytes().is_some() {
            format!("`algorithm` {algorithm} with a public key would let anybody sign")
        } else {
            let kind = key.curve().unwrap_or(key.key_type());
            format!("`algorithm` {algorithm} does not match a public key of type {kind}")
        };
        Err(Error::new(ErrorKind::AlgorithmMismatch, what)
            .with_hint(format!("set algorithm to one of {}", names(possible))))
    }

    /// Binds a public key to an algorithm, which defaults to the first that the key supports.
    ///
    /// # Errors
    ///
    /// As [`VerificationKey::new`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{Algorithm, VerificationKey};
    /// use countersign_jose::key::PublicKey;
    ///
    /// let key = PublicKey::from_pem(
    ///     "-----BEGIN PUBLIC KEY-----
    ///     MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    ///     -----END PUBLIC KEY-----",
    /// )?;
    /// let key = VerificationKey::of_public(key, None)?;
    /// assert_eq!(key.algorithm(), Algorithm::EdDSA);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn of_public(key: PublicKey, algorithm: Option<Algorithm>) -> Result<Self, Error> {
        let first = key.algorithms().first().copied();
        // `new` rejects a key that allows no algorithm, whatever this default is.
        let algorithm = algorithm.or(first).unwrap_or(Algorithm::RS256);
        Self::new(key, algorithm)
    }

    /// Binds a shared secret to HS256, HS384 or HS512. A string is used as UTF-8.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SharedSecret`] if the secret is too short (RFC 7518 section 3.2) or is the text
    /// of a key file, or the algorithm is not an HMAC.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{Algorithm, VerificationKey};
    ///
    /// assert!(VerificationKey::hmac("a secret of at least thirty-two bytes", Algorithm::HS256).is_ok());
    /// let error = VerificationKey::hmac("too short", Algorithm::HS256).unwrap_err();
    /// assert_eq!(error.message(), "HS256 needs a secret of at least 32 bytes; this one has 9");
    /// ```
    pub fn hmac(secret: impl AsRef<[u8]>, algorithm: Algorithm) -> Result<Self, Error> {
        let secret = secret.as_ref();
        check_secret(secret, algorithm)?;
        Ok(Self {
            kind: KeyKind::Shared(Zeroizing::new(secret.to_vec())),
            algorithm,
        })
    }

    /// Returns the key that verifies the signatures of a private key or shared secret.
    ///
    /// The algorithm defaults to the first of [`PrivateKey::algorithms`].
    ///
    /// # Errors
    ///
    /// As [`VerificationKey::new`] and [`VerificationKey::hmac`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{self, KeySigner, VerificationKey};
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = PrivateKey::from_secret("a secret of at least thirty-two bytes");
    /// let token = jws::sign(&KeySigner::new(key.clone(), None, None)?, b"{}", None)?;
    /// assert!(jws::verify(&token, &VerificationKey::of(&key, None)?).is_ok());
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn of(key: &PrivateKey, algorithm: Option<Algorithm>) -> Result<Self, Error> {
        let default = || key.algorithms().first().copied();
        let none = || Error::new(ErrorKind::Key, "the key supports no algorithm");
        let algorithm = algorithm.or_else(default).ok_or_else(none)?;
        if !key.algorithms().contains(&algorithm) {
            return Err(algorithm_mismatch(
                algorithm,
                &key.description(),
                key.algorithms(),
            ));
        }
        match (key.pair(), key.public_key()) {
            (Pair::Hmac(secret), _) => Self::hmac(secret, algorithm),
            (_, Some(public)) => Self::new(public, algorithm),
            (_, None) => Err(none()),
        }
    }

    /// Returns the algorithm that the key is bound to.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Verifies a detached signature in the form of RFC 7518 section 3, such as that of a webhook.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Verification`] if the signature is not valid.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{Algorithm, VerificationKey};
    ///
    /// let secret = "a secret of at least thirty-two bytes";
    /// let key = VerificationKey::hmac(&secret, Algorithm::HS256)?;
    /// assert!(key.verify_signature(b"a message", &[0; 32]).is_err());
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn verify_signature(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        match self.accepts(message, signature) {
            true => Ok(()),
            false => Err(invalid(format!(
                "the signature is not valid for this key and {}",
                self.algorithm
            ))
            .with_hint("check the key: the message was changed, or another key signed it")),
        }
    }

    fn accepts(&self, input: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            KeyKind::Shared(secret) => hmac_algorithm(self.algorithm).is_some_and(|hash| {
                hmac::verify(&hmac::Key::new(hash, secret), input, signature).is_ok()
            }),
            KeyKind::Public(key) => match key.material() {
                Material::Rsa { modulus, exponent } => {
                    rsa_parameters(self.algorithm).is_some_and(|parameters| {
                        RsaPublicKeyComponents {
                            n: modulus,
                            e: exponent,
                        }
                        .verify(parameters, input, signature)
                        .is_ok()
                    })
                }
                Material::Ec { curve, point } => {
                    let algorithm = match curve {
                        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
                        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
                        Curve::P521 => return verify_p521(point, input, signature),
                    };
                    UnparsedPublicKey::new(algorithm, point)
                        .verify(input, signature)
                        .is_ok()
                }
                Material::Ed25519(key) => UnparsedPublicKey::new(&signature::ED25519, key)
                    .verify(input, signature)
                    .is_ok(),
            },
        }
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            KeyKind::Public(key) => write!(f, "VerificationKey({}, {key:?})", self.algorithm),
            KeyKind::Shared(_) => write!(f, "VerificationKey({}, redacted)", self.algorithm),
        }
    }
}

impl Verified {
    /// Parses the payload as claims.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Verification`] if it is not a JSON object in UTF-8, or a claim occurs twice
    /// (RFC 7519 section 4).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{self, KeySigner, VerificationKey};
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = PrivateKey::from_secret("a secret of at least thirty-two bytes");
    /// let signer = KeySigner::new(key.clone(), None, None)?;
    /// let token = jws::sign(&signer, br#"{"iss":"me"}"#, None)?;
    /// let verified = jws::verify(&token, &VerificationKey::of(&key, None)?)?;
    /// assert_eq!(verified.claims()?["iss"], "me");
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn claims(&self) -> Result<Map<String, Value>, Error> {
        unique_members(&self.payload, "payload")
    }
}

/// The parts of a compact JWS.
struct Parts<'a> {
    signing_input: &'a [u8],
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, Error> {
        if token.len() > MAX_BYTES {
            return Err(invalid("the token is larger than 64 KiB".into()));
        }
        let parts: Vec<&str> = token.split('.').collect();
        let &[header, payload, signature] = parts.as_slice() else {
            return Err(match parts.len() {
                5 => invalid("the token has five parts: it is encrypted (JWE), not signed".into()),
                _ => invalid("the token does not have three parts separated by dots".into())
                    .with_hint("use a compact JWS, without the word Bearer; an opaque access token has no signature to verify"),
            });
        };
        let decode = |text: &str, what: &str| {
            base64url::decode_strict(text.as_bytes()).ok_or_else(|| {
                invalid(format!(
                    "the token's {what} is not valid base64url (RFC 7515 section 2)"
                ))
            })
        };
        Ok(Self {
            signing_input: &token.as_bytes()[..header.len() + 1 + payload.len()],
            header: decode(header, "header")?,
            payload: decode(payload, "payload")?,
            signature: decode(signature, "signature")?,
        })
    }
}

fn check_header(header: &Map<String, Value>, key: &VerificationKey) -> Result<(), Error> {
    let Some(Value::String(algorithm)) = header.get("alg") else {
        return Err(invalid("the token's header has no `alg`".into()));
    };
    if algorithm.eq_ignore_ascii_case("none") {
        return Err(invalid("the token has `alg` none: it is not signed".into()));
    }
    if header.contains_key("crit") {
        return Err(invalid(
            "the token's header has `crit`: it requires an extension that is not supported".into(),
        ));
    }
    if header.contains_key("b64") {
        return Err(invalid(
            "the token's header has `b64`: unencoded payloads are not supported".into(),
        ));
    }
    if header.contains_key("zip") {
        return Err(invalid(
            "the token's header has `zip`: compressed tokens are not supported".into(),
        ));
    }
    if algorithm == key.algorithm.as_str() {
        return Ok(());
    }
    let public = matches!(key.kind, KeyKind::Public(_));
    let hmac = algorithm
        .parse::<Algorithm>()
        .is_ok_and(|a| a.min_secret_bytes().is_some());
    let shown: String = algorithm.chars().take(32).collect();
    Err(if public && hmac {
        invalid(format!(
            "the token has `alg` {shown}, an HMAC, but the key is public: anybody could have signed it"
        ))
    } else {
        invalid(format!(
            "the token has `alg` {shown:?}, but the key is bound to {}",
            key.algorithm
        ))
    })
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}
