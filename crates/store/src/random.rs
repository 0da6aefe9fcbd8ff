//! Randomness from the operating system.

use ring::rand::{SecureRandom, SystemRandom};

use crate::{Error, ErrorKind};

/// Returns random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| {
        Error::new(
            ErrorKind::Internal,
            "the operating system returned no random bytes",
        )
    })?;
    Ok(bytes)
}

/// Returns a random word of 256 bits.
pub(crate) fn word() -> Result<String, Error> {
    Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes::<32>()?))
}
