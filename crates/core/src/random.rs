//! Randomness, handed in: for `state`, the PKCE verifier and `jti`.

use std::fmt;

use ring::rand::SecureRandom;

use crate::{Error, ErrorKind};

/// Gives unpredictable bytes. Programs use [`SystemRandom`].
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills the whole buffer.
    ///
    /// # Errors
    ///
    /// Where the operating system has no randomness to give.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// The operating system's random number generator.
#[derive(Clone, Debug)]
pub struct SystemRandom(ring::rand::SystemRandom);

impl SystemRandom {
    /// The generator; nothing is read yet.
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
                "the operating system gave no random bytes",
            )
        })
    }
}

/// 32 random bytes.
pub(crate) fn bytes(random: &dyn Random) -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// A random word of 256 bits: a `state` or a `jti`.
pub(crate) fn word(random: &dyn Random) -> Result<String, Error> {
    Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes(random)?))
}
