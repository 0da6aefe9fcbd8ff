//! JWTs: reads assertions (RFC 7515 compact form, RFC 7519 claims), and issues tokens.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value};

use crate::keys::{PrivateKey, PublicKey};

/// A parsed compact JWS, not yet verified.
#[derive(Debug, Clone)]
pub(crate) struct Assertion {
    pub(crate) alg: String,
    pub(crate) claims: Map<String, Value>,
    signed: String,
    signature: Vec<u8>,
}

impl Assertion {
    /// Parses an assertion; `None` if it is malformed.
    ///
    /// It must have three base64url parts without padding, and the first two must be JSON objects.
    /// A `crit` header is rejected, because no extension is supported (RFC 7515 section 4.1.11).
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let part = |text: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
        };
        let header = part(header)?;
        if header.contains_key("crit") {
            return None;
        }
        Some(Self {
            alg: header.get("alg")?.as_str()?.to_owned(),
            claims: part(claims)?,
            signed: signed.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    pub(crate) fn verified_by(&self, keys: &[PublicKey]) -> bool {
        keys.iter()
            .any(|key| key.verifies(&self.alg, self.signed.as_bytes(), &self.signature))
    }

    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// Returns a NumericDate claim in seconds: `None` if absent, an error if it is not a number.
    pub(crate) fn seconds(&self, claim: &str) -> Result<Option<i64>, ()> {
        match self.claims.get(claim) {
            None => Ok(None),
            Some(value) => number(value).map(Some).ok_or(()),
        }
    }

    /// Returns the audiences. RFC 7519 section 4.1.3 allows a string or a list.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

/// Signs a JWT with the claims in the given order.
pub(crate) fn issue(key: &PrivateKey, typ: &str, claims: &[(&str, Value)]) -> String {
    let header = crate::exchange::object(&[
        ("alg", "RS256".into()),
        ("typ", typ.into()),
        ("kid", key.kid().into()),
    ]);
    let claims = crate::exchange::object(claims);
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Returns a long opaque string that looks like a JWT, as DocuSign's codes and refresh tokens do.
pub(crate) fn lookalike() -> String {
    let header = URL_SAFE_NO_PAD
        .encode(r#"{"typ":"MT","alg":"RS256","kid":"681ff1bd-f152-4b1f-a4b7-000000000000"}"#);
    let body = STANDARD_NO_PAD.encode(crate::random::bytes::<240>());
    let body = body.replace('+', "-").replace('/', "_");
    format!("{header}.{body}.{}", crate::random::url_safe::<256>())
}

fn number(value: &Value) -> Option<i64> {
    // A NumericDate may have a fraction. Whole seconds are enough for all checks.
    #[allow(clippy::cast_possible_truncation)]
    value.as_i64().or_else(|| value.as_f64().map(|f| f as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issued_tokens_parse_and_verify() {
        let key = PrivateKey::generate().unwrap();
        let token = issue(&key, "JWT", &[("iss", "me".into()), ("exp", 5.into())]);
        let read = Assertion::read(&token).unwrap();
        assert!(read.verified_by(&[key.public()]));
        assert_eq!(read.text("iss"), Some("me"));
        assert_eq!(read.seconds("exp"), Ok(Some(5)));
        assert_eq!(read.seconds("nbf"), Ok(None));
        let last = if token.ends_with('A') { 'B' } else { 'A' };
        let mut forged = token.clone();
        forged.insert(token.rfind('.').unwrap() + 1, last);
        forged.remove(token.rfind('.').unwrap() + 2);
        assert!(
            Assertion::read(&forged)
                .is_none_or(|a| !a.verified_by(&[key.public()]) || forged == token)
        );
    }

    #[test]
    fn padding_extensions_and_malformed_tokens_are_rejected() {
        assert!(Assertion::read("a.b").is_none());
        assert!(Assertion::read("e30=.e30.").is_none());
        let crit = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","crit":["x"]}"#);
        assert!(Assertion::read(&format!("{crit}.e30.AA")).is_none());
        assert!(Assertion::read("e30.e30.AA").is_none(), "no alg");
    }
}
