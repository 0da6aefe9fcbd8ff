//! Public JWKs (RFC 7518 section 6, RFC 8037) and their thumbprints (RFC 7638).

use std::collections::BTreeMap;

use ring::digest;
use serde_json::{Value, json};

use super::members::{Purpose, algorithm, bytes, check_purpose, quoted, text};
use crate::key::curve::Curve;
use crate::key::public::{Material, PublicKey};
use crate::{Error, base64url, rejection};

impl PublicKey {
    /// Reads the public members of a JWK. Private members are ignored.
    ///
    /// `alg`, `use` and `key_ops` restrict what the key can verify: see
    /// [`algorithms`](Self::algorithms).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Key`](crate::ErrorKind::Key) if a member is missing or malformed, the key type
    /// or curve is not supported, or the point is not on the curve.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::PublicKey;
    ///
    /// let key = PublicKey::from_jwk(&serde_json::json!({
    ///     "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    /// }))?;
    /// assert_eq!(key.curve(), Some("Ed25519"));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn from_jwk(jwk: &Value) -> Result<Self, Error> {
        let key = Self::from_members(jwk)?;
        match (check_purpose(jwk, Purpose::Verify), jwk.get("alg")) {
            (Ok(()), None) => Ok(key),
            (Ok(()), Some(_)) => Ok(key.restricted_to(algorithm(jwk).unwrap_or_default())),
            (Err(_), _) => Ok(key.restricted_to(None)),
        }
    }

    /// Reads the key, ignoring `alg`, `use` and `key_ops`.
    pub(crate) fn from_members(jwk: &Value) -> Result<Self, Error> {
        match text(jwk, "kty")? {
            "RSA" => Self::rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?),
            "EC" => ec(jwk),
            "OKP" => match text(jwk, "crv")? {
                "Ed25519" => {
                    let x = bytes(jwk, "x")?;
                    Self::ed25519(&x).map_err(|_| rejection::jwk("`x` is not 32 bytes"))
                }
                other => Err(rejection::unsupported_key_type(&format!(
                    "OKP on {}",
                    quoted(other)
                ))),
            },
            "oct" => Err(rejection::jwk(
                "`kty` is oct, which is a shared secret, not a public key",
            )),
            other => Err(rejection::unsupported_key_type(&format!(
                "`kty` {}",
                quoted(other)
            ))),
        }
    }

    /// Returns the key as a JWK with only the members that its type requires.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::PublicKey;
    ///
    /// let jwk = serde_json::json!({
    ///     "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    /// });
    /// assert_eq!(PublicKey::from_jwk(&jwk)?.to_jwk(), jwk);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
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

    /// Returns the SHA-256 JWK thumbprint (RFC 7638, RFC 8037 section 2) in base64url.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::PublicKey;
    ///
    /// let key = PublicKey::from_pem(
    ///     "-----BEGIN PUBLIC KEY-----
    ///     MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    ///     -----END PUBLIC KEY-----",
    /// )?;
    /// // RFC 8037 appendix A.3.
    /// assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn thumbprint(&self) -> String {
        // RFC 7638 section 3.3 requires sorted members and no spaces.
        let mut sorted = BTreeMap::new();
        if let Value::Object(members) = self.to_jwk() {
            sorted.extend(members);
        }
        let text = serde_json::to_string(&sorted).unwrap_or_default();
        base64url::encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
    }
}

fn ec(jwk: &Value) -> Result<PublicKey, Error> {
    let curve = match text(jwk, "crv")? {
        "P-256" => Curve::P256,
        "P-384" => Curve::P384,
        "P-521" => Curve::P521,
        other => {
            return Err(rejection::unsupported_key_type(&format!(
                "EC on {}",
                quoted(other)
            )));
        }
    };
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = bytes(jwk, name)?;
        // RFC 7518 section 6.2.1.2: the full width, including leading zeros.
        if coordinate.len() != curve.field_bytes() {
            return Err(rejection::jwk(format!(
                "`{name}` is not {} bytes",
                curve.field_bytes()
            )));
        }
        point.extend_from_slice(&coordinate);
    }
    PublicKey::ec(curve, &point)
}
