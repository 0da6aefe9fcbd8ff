//! Signs a single token.

use crate::Error;
use crate::jws::signer::Signer;
use crate::jws::writer::TokenWriter;

/// Signs a payload as a compact JWS with the header `{"alg":…,"typ":…,"kid":…}`.
///
/// `typ` is `JWT` for the assertions of RFC 7523. The header has no `typ` if it is `None`, and no
/// `kid` if the signer has no key id. The payload is signed byte for byte. To sign many tokens, use
/// a [`TokenWriter`].
///
/// # Errors
///
/// Returns the error of the signer.
///
/// # Example
///
/// ```
/// use countersign_jose::jws::{self, Algorithm, KeySigner, VerificationKey};
/// use countersign_jose::key::PrivateKey;
///
/// let secret = "a secret of at least thirty-two bytes";
/// let signer = KeySigner::new(PrivateKey::from_secret(&secret), Some(Algorithm::HS256), None)?;
/// let token = jws::sign(&signer, br#"{"iss":"me"}"#, Some("JWT"))?;
///
/// let key = VerificationKey::hmac(&secret, Algorithm::HS256)?;
/// assert_eq!(jws::verify(&token, &key)?.payload, br#"{"iss":"me"}"#);
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub fn sign(signer: &dyn Signer, claims_json: &[u8], typ: Option<&str>) -> Result<String, Error> {
    let mut writer = TokenWriter::new(signer, typ)?;
    writer.write(claims_json)?;
    Ok(writer.into_token())
}

/// Signs a payload with a complete header, including `alg`. Both are signed byte for byte.
///
/// # Errors
///
/// Returns the error of the signer.
///
/// # Example
///
/// ```
/// use countersign_jose::jws::{self, KeySigner};
/// use countersign_jose::key::PrivateKey;
///
/// let key = PrivateKey::from_secret("a secret of at least thirty-two bytes");
/// let signer = KeySigner::new(key, None, None)?;
/// let token = jws::sign_with_header(&signer, br#"{"alg":"HS256","x":1}"#, b"{}")?;
/// assert_eq!(jws::inspect(&token)?.header["x"], 1);
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub fn sign_with_header(
    signer: &dyn Signer,
    header_json: &[u8],
    claims_json: &[u8],
) -> Result<String, Error> {
    let mut writer = TokenWriter::with_header(signer, header_json);
    writer.write(claims_json)?;
    Ok(writer.into_token())
}
