//! base64url without padding (RFC 7515 section 2), strict when decoding.

use base64_simd::URL_SAFE_NO_PAD;

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Appends the encoding of `bytes`. Reserve room with [`encoded_length`] first.
pub(crate) fn encode_into(bytes: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_append(bytes, out);
}

pub(crate) fn encoded_length(bytes: usize) -> usize {
    URL_SAFE_NO_PAD.encoded_length(bytes)
}

/// Decodes strictly, so that no two texts decode to the same bytes.
///
/// Returns `None` for padding, spaces, the standard alphabet, and unused bits that are not zero.
pub(crate) fn decode_strict(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_non_canonical_encodings() {
        assert_eq!(decode_strict(b""), Some(vec![]));
        assert_eq!(decode_strict(b"_-8"), Some(vec![0xff, 0xef]));
        for wrong in [
            "_-8=", "_+8", "_-8 ", "_-9", "AB", "A", "AAAAA", "AA\n", "/-8", "é",
        ] {
            assert_eq!(decode_strict(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn encoded_length_is_exact() {
        for n in 0..50 {
            assert_eq!(encode(&vec![7; n]).len(), encoded_length(n));
        }
    }
}
