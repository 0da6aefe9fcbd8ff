//! Signed tokens: JSON Web Signature in compact form (RFC 7515, RFC 7518, RFC 8037).

mod algorithm;
mod backend;
pub(crate) mod base64url;
mod callback;
mod header;
mod hmac;
mod signer;
mod verify;
mod writer;

pub use self::algorithm::Algorithm;
pub use self::backend::Backend;
pub use self::callback::CallbackSigner;
pub use self::hmac::{hmac_sha256_base64, hmac_sha256_base64_matches};
pub use self::signer::{KeySigner, Signer};
pub use self::verify::{Parsed, VerificationKey, Verified, inspect, verify};
pub use self::writer::TokenWriter;

use crate::Error;

/// Signs a payload as a compact JWS with the header `{"alg":…,"typ":…,"kid":…}`.
///
/// `typ` is `JWT` for the assertions of RFC 7523; none leaves the member out, as does a signer
/// without a key id with `kid`. The payload is signed as given, byte for byte. Who signs often
/// keeps a [`TokenWriter`].
///
/// # Errors
///
/// What the signer gives; [`ErrorKind::Signing`](crate::ErrorKind::Signing) from a [`KeySigner`].
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

/// Signs a payload with a header that you supply whole, `alg` included. Both are signed byte for byte.
///
/// # Errors
///
/// Returns the signer's error.
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
