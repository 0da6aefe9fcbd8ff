//! The source of random bytes for `state`, the PKCE verifier and `jti`.

use std::fmt;

use ring::rand::SecureRandom;

use crate::{Error, ErrorKind};

/// A cryptographically secure random number generator. Programs use [`SystemRandom`].
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills the whole buffer.
    ///
    /// # Errors
    ///
    /// If the generator has no random bytes.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Error, Random};
    ///
    /// /// Always the same bytes, for tests that compare whole requests.
    /// #[derive(Debug)]
    /// struct Same(u8);
    ///
    /// impl Random for Same {
    ///     fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
    ///         bytes.fill(self.0);
    ///         Ok(())
    ///     }
    /// }
    /// # let mut bytes = [0; 2];
    /// # Same(7).fill(&mut bytes)?;
    /// # assert_eq!(bytes, [7, 7]);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// The operating system's random number generator.
#[derive(Clone, Debug)]
pub struct SystemRandom(ring::rand::SystemRandom);

impl SystemRandom {
    /// Creates the generator. Reads nothing yet.
    ///
    /// ```
    /// use countersign_core::{Random, SystemRandom};
    ///
    /// let mut bytes = [0; 32];
    /// SystemRandom::new().fill(&mut bytes)?;
    /// assert_ne!(bytes, [0; 32]);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn new() -> Self {
        Self(ring::rand::SystemRandom::new())
    }
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self::new()
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.fill(bytes).map_err(|_| {
            Error::new(
                ErrorKind::Internal,
                "the operating system returned no random bytes",
            )
        })
    }
}

/// Returns 32 random bytes.
pub(crate) fn bytes(random: &dyn Random) -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// Returns 256 random bits in base64url, for a `state` or a `jti`.
pub(crate) fn word(random: &dyn Random) -> Result<String, Error> {
    Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes(random)?))
}
