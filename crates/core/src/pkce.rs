//! Proof Key for Code Exchange (RFC 7636) with the method `S256`, the only one worth having.

use base64_simd::URL_SAFE_NO_PAD;
use ring::digest;

use crate::{Error, ErrorKind, Secret};

/// A verifier, kept until the code is exchanged, and its challenge, sent with the user's browser.
///
/// # Example
///
/// ```
/// use countersign_core::pkce::Pkce;
///
/// // RFC 7636 appendix B; a real one is made from fresh random bytes.
/// let pkce = Pkce::from_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")?;
/// assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pkce {
    /// The secret half: goes to the token endpoint as `code_verifier`.
    pub verifier: Secret,
    /// The public half: goes to the authorize URL as `code_challenge`.
    pub challenge: String,
}

impl Pkce {
    /// The value of `code_challenge_method`.
    pub const METHOD: &'static str = "S256";

    /// A pair from 32 random bytes, as RFC 7636 section 4.1 recommends; the verifier has 43
    /// characters.
    pub fn new(random: [u8; 32]) -> Self {
        Self::pair(URL_SAFE_NO_PAD.encode_to_string(random))
    }

    /// The pair of a verifier that was kept somewhere.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if it is not 43 to 128 characters of `A-Z a-z 0-9 - . _ ~`.
    pub fn from_verifier(verifier: impl Into<String>) -> Result<Self, Error> {
        let verifier = verifier.into();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        if (43..=128).contains(&verifier.len()) && verifier.bytes().all(allowed) {
            return Ok(Self::pair(verifier));
        }
        drop(Secret::new(verifier));
        Err(Error::new(
            ErrorKind::Setting,
            "the PKCE code verifier is not 43 to 128 characters of A-Z a-z 0-9 - . _ ~",
        )
        .with_hint("let the login make one; RFC 7636 section 4.1 says what it must be"))
    }

    fn pair(verifier: String) -> Self {
        let challenge = challenge(&verifier);
        Self {
            verifier: Secret::new(verifier),
            challenge,
        }
    }
}

/// The `S256` challenge of a verifier (RFC 7636 section 4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode_to_string(digest::digest(&digest::SHA256, verifier.as_bytes()))
}
