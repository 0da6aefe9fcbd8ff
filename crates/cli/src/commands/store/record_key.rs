//! Records' keys, as people read and write them.

use countersign::StoreKey;

/// Whether a word can be the beginning of a record's key. Shorter ones are left to names.
pub(super) fn is_key(word: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (8..=64).contains(&word.len()) && word.bytes().all(is_digit)
}

/// The beginning of a key, as errors show it.
pub(super) fn brief(key: &StoreKey) -> String {
    key.to_hex()[..12].to_owned()
}
