//! Records' keys on the command line and in messages.

use countersign_core::StoreKey;

/// Returns whether a word can be the beginning of a record's key. A shorter word is a name.
pub(super) fn is_key(word: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (8..=64).contains(&word.len()) && word.bytes().all(is_digit)
}

/// Returns the beginning of a key, for tables and messages.
pub(super) fn brief(key: &StoreKey) -> String {
    key.to_hex()[..12].to_owned()
}
