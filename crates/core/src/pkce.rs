//! Proof Key for Code Exchange (RFC 7636) with the method `S256`.

use base64_simd::URL_SAFE_NO_PAD;
use ring::digest;

use crate::{Error, ErrorKind, Secret};

/// A code verifier and its challenge.
///
/// The challenge is sent in the authorization request, the verifier when the code is exchanged.
///
/// # Example
///
/// ```
/// use countersign_core::pkce::Pkce;
///
/// // RFC 7636 appendix B. `Pkce::new` builds one from random bytes.
/// let pkce = Pkce::from_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")?;
/// assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pkce {
    /// The secret that is sent to the token endpoint as `code_verifier`.
    pub verifier: Secret,
    /// The hash that is sent to the authorization endpoint as `code_challenge`.
    pub challenge: String,
}

impl Pkce {
    /// The value of `code_challenge_method`.
    pub const METHOD: &'static str = "S256";

    /// Builds a verifier of 43 characters from 32 random bytes, as RFC 7636 section 4.1 recommends.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Pkce, Random, SystemRandom};
    ///
    /// let mut bytes = [0; 32];
    /// SystemRandom::new().fill(&mut bytes)?;
    /// assert_eq!(Pkce::new(bytes).challenge.len(), 43);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn new(random: [u8; 32]) -> Self {
        Self::pair(URL_SAFE_NO_PAD.encode_to_string(random))
    }

    /// Restores the pair from its verifier.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if the verifier is not 43 to 128 characters of `A-Z a-z 0-9 - . _ ~`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Pkce;
    ///
    /// let pkce = Pkce::from_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")?;
    /// assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    /// assert!(Pkce::from_verifier("too short").is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
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
        .with_hint(
            "create the verifier as RFC 7636 section 4.1 describes, or let the login create it",
        ))
    }

    fn pair(verifier: String) -> Self {
        let challenge = challenge(&verifier);
        Self {
            verifier: Secret::new(verifier),
            challenge,
        }
    }
}

/// Returns the `S256` challenge of a verifier (RFC 7636 section 4.2).
///
/// # Example
///
/// ```
/// use countersign_core::pkce;
///
/// // RFC 7636 appendix B.
/// let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// assert_eq!(pkce::challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
/// ```
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode_to_string(digest::digest(&digest::SHA256, verifier.as_bytes()))
}
