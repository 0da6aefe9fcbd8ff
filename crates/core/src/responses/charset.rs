//! The character encoding of a body.

use zeroize::Zeroizing;

/// Converts a body to UTF-8. Returns `None` if it is UTF-8 already.
///
/// JSON and forms are UTF-8, but servers also send UTF-16, with or without a byte order mark, and
/// Latin-1.
pub(super) fn to_utf8(body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut text: Zeroizing<String> = match body {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // Every format we read starts with an ASCII character.
        [1..=0x7f, 0, ..] => utf16(body, u16::from_le_bytes),
        [0, 1..=0x7f, ..] => utf16(body, u16::from_be_bytes),
        _ if std::str::from_utf8(body).is_ok() => return None,
        _ => body
            .iter()
            .copied()
            .map(char::from)
            .collect::<String>()
            .into(),
    };
    Some(std::mem::take(&mut *text).into_bytes().into())
}

/// Returns whether a body that was converted to UTF-8 is text, and not an image or compressed data.
pub(super) fn is_text(body: &[u8]) -> bool {
    !body.iter().any(|b| matches!(b, 0..=8 | 0x0e..=0x1a))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Zeroizing<String> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let decoded = char::decode_utf16(units);
    let characters = decoded.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    characters.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_and_latin_1_become_utf8() {
        let le = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let text = "{\"a\":\"é😀\"}";
        let encoded: [Vec<u8>; 5] = [
            le(&format!("\u{feff}{text}")),
            be(&format!("\u{feff}{text}")),
            le(text),
            be(text),
            b"{\"a\":\"\xe9\"}".to_vec(),
        ];
        for (index, body) in encoded.iter().enumerate() {
            let expected = if index == 4 { "{\"a\":\"é\"}" } else { text };
            let converted = to_utf8(body).unwrap();
            assert_eq!(std::str::from_utf8(&converted), Ok(expected), "{body:?}");
        }
        for body in ["", text, "\u{feff}{}"] {
            assert!(to_utf8(body.as_bytes()).is_none(), "{body}");
        }
        assert!(is_text("a\tb\r\né".as_bytes()) && !is_text(b"\x0b\x02\x80abc\x03"));
    }
}
