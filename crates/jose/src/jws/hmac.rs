//! Shared secrets: their minimum length, and HMACs in the responses of vendors.

use ring::hmac;

use crate::algorithm::Algorithm;
use crate::{Error, ErrorKind};

/// Computes the HMAC-SHA256 of a message in padded base64.
///
/// Salesforce signs its token responses with it.
///
/// # Example
///
/// ```
/// use countersign_jose::jws;
///
/// // RFC 4231 test case 2.
/// let made = jws::hmac_sha256_base64("Jefe", b"what do ya want for nothing?");
/// assert_eq!(made, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
/// ```
pub fn hmac_sha256_base64(secret: impl AsRef<[u8]>, message: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(sha256(secret.as_ref(), message).as_ref())
}

/// Returns whether `expected` is the result of [`hmac_sha256_base64`], comparing in constant time.
///
/// # Example
///
/// ```
/// use countersign_jose::jws;
///
/// let signature = jws::hmac_sha256_base64("Jefe", b"a message");
/// assert!(jws::hmac_sha256_base64_matches("Jefe", b"a message", &signature));
/// assert!(!jws::hmac_sha256_base64_matches("Jefe", b"another", &signature));
/// ```
pub fn hmac_sha256_base64_matches(
    secret: impl AsRef<[u8]>,
    message: &[u8],
    expected: &str,
) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref());
    base64_simd::STANDARD
        .decode_to_vec(expected.as_bytes())
        .is_ok_and(|tag| hmac::verify(&key, message, &tag).is_ok())
}

/// Rejects a secret that is too short (RFC 7518 section 3.2) or is PEM.
pub(crate) fn check_secret(secret: &[u8], algorithm: Algorithm) -> Result<(), Error> {
    let reject =
        |what: String, hint: String| Err(Error::new(ErrorKind::SharedSecret, what).with_hint(hint));
    let Some(min) = algorithm.min_secret_bytes() else {
        return reject(
            format!("{algorithm} is not an HMAC algorithm, so it cannot use a shared secret"),
            "use HS256, HS384 or HS512".into(),
        );
    };
    if secret.windows(10).any(|part| part == b"-----BEGIN") {
        return reject(
            format!("the secret for {algorithm} is PEM; a key file is not a shared secret"),
            "use the secret itself, or read the file as a key and set algorithm to RS256".into(),
        );
    }
    if secret.len() < min {
        return reject(
            format!(
                "{algorithm} needs a secret of at least {min} bytes; this one has {}",
                secret.len()
            ),
            "create a longer secret at the vendor (RFC 7518 section 3.2)".into(),
        );
    }
    Ok(())
}

fn sha256(secret: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message)
}
