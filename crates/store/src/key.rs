//! The key of a record.

use std::fmt;

/// The key of a record: 32 opaque bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// Hashes the words that together identify a record.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::StoreKey;
    ///
    /// let key = StoreKey::of(["tenant", "42"]);
    /// assert_eq!(key, StoreKey::of(["tenant", "42"]));
    /// assert_ne!(key, StoreKey::of(["tenant4", "2"]));
    /// ```
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for word in words {
            // Lengths keep ("ab", "c") apart from ("a", "bc").
            context.update(&(word.len() as u64).to_be_bytes());
            context.update(word.as_bytes());
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        Self(key)
    }

    /// Parses 64 hex digits.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::StoreKey;
    ///
    /// assert!(StoreKey::from_hex(&"0f".repeat(32)).is_some());
    /// assert_eq!(StoreKey::from_hex("0f"), None);
    /// ```
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(key))
    }

    /// Formats the key as 64 hex digits.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::StoreKey;
    ///
    /// let key = StoreKey::of(["tenant", "42"]);
    /// assert_eq!(StoreKey::from_hex(&key.to_hex()), Some(key));
    /// ```
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}
