//! Secret strings, which are redacted when printed and wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// A secret string: a client secret, a refresh token, a passphrase, an access token.
///
/// `Debug` prints `Secret(redacted)`, and there is no `Display`. The bytes are overwritten when the
/// value is dropped. Comparing two secrets of the same length takes constant time.
///
/// # Example
///
/// ```
/// use countersign_core::Secret;
///
/// let secret = Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(redacted)");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a string.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Secret;
    ///
    /// let password = Secret::new("hunter2");
    /// assert_eq!(format!("{password:?}"), "Secret(redacted)");
    /// ```
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    /// Returns the secret. The name is meant to stand out in code review.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Secret;
    ///
    /// let token = Secret::new("t0ken");
    /// let header = format!("Authorization: Bearer {}", token.expose());
    /// assert_eq!(header, "Authorization: Bearer t0ken");
    /// ```
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether the string is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self::new(secret)
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self::new(secret)
    }
}

/// Returns a short digest that tells secrets apart without revealing them.
pub(crate) fn fingerprint(secret: &Secret) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.expose().as_bytes());
    let digits = digest.as_ref()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"));
    digits.collect()
}
