//! Detects whether a file is DER, JSON or PEM, and undoes what transport has done to it.

use zeroize::Zeroizing;

use crate::key::armor;
use crate::key::asn1::shape::{Shape, outer_length, shape};
use crate::{Error, rejection};

/// The contents of a file, with alterations by transport undone.
pub(crate) enum Contents {
    Der(Zeroizing<Vec<u8>>),
    Json(Zeroizing<String>),
    /// Text with at least one BEGIN.
    Pem(Zeroizing<String>),
}

/// Detects what a file is and decodes base64, if it wraps the whole file.
pub(crate) fn open(file: &[u8]) -> Result<Contents, Error> {
    if let Some(der) = der(file)? {
        return Ok(Contents::Der(der));
    }
    let text = text(file)?;
    if let Some(contents) = json_or_pem(&text) {
        return Ok(contents);
    }
    let clean = armor::normalize(&text);
    let Some(bytes) = unwrap_base64(&clean) else {
        return Err(rejection::no_pem(&clean));
    };
    if let Ok(Some(der)) = der(&bytes) {
        return Ok(Contents::Der(der));
    }
    let inner = self::text(&bytes).map_err(|_| rejection::no_pem(&clean))?;
    json_or_pem(&inner).ok_or_else(|| rejection::no_pem(&clean))
}

/// Returns the document of a binary file, or `None` if the file is text.
fn der(file: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    match file {
        [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => {
            return Err(rejection::java_key_store());
        }
        [0x30, 0x80, ..] => return Err(rejection::indefinite_length()),
        [0x30, ..] => {}
        _ => return Ok(None),
    }
    // 0x30 is also the character `0`, with which base64 can start.
    let whole = without_line_ends(file);
    let document = shape(whole) != Shape::Unknown || outer_length(whole) == Some(whole.len());
    if !document && std::str::from_utf8(file).is_ok() {
        return Ok(None);
    }
    Ok(Some(Zeroizing::new(whole.to_vec())))
}

/// Removes line ends that an editor or `echo` has appended to a binary document.
fn without_line_ends(file: &[u8]) -> &[u8] {
    let (document, rest) = file.split_at(outer_length(file).unwrap_or(file.len()));
    match rest.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        true => document,
        false => file,
    }
}

/// Decodes the text of a file.
///
/// The encoding is UTF-8, UTF-16 with a byte order mark (as written by PowerShell), or, if the file
/// contains PEM or JSON, Windows-1252 (as written by older editors on Windows).
fn text(file: &[u8]) -> Result<Zeroizing<String>, Error> {
    let wide = |read: fn([u8; 2]) -> u16, units: &[u8]| {
        let units = units.chunks_exact(2).map(|unit| read([unit[0], unit[1]]));
        // At most three bytes per UTF-16 unit: the buffer is not reallocated and leaves no copy.
        let mut text = Zeroizing::new(String::with_capacity(file.len() * 3 / 2));
        text.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        text
    };
    match file {
        [0xff, 0xfe, units @ ..] => Ok(wide(u16::from_le_bytes, units)),
        [0xfe, 0xff, units @ ..] => Ok(wide(u16::from_be_bytes, units)),
        _ => std::str::from_utf8(file)
            .map(|text| Zeroizing::new(text.to_owned()))
            .or_else(|_| windows_1252(file).ok_or_else(rejection::binary)),
    }
}

/// Decodes Windows-1252 as far as needed: a key is ASCII, so only quotes around it matter.
fn windows_1252(file: &[u8]) -> Option<Zeroizing<String>> {
    let begin = armor::BEGIN.as_bytes();
    let is_text = |b: &u8| *b >= b' ' || matches!(b, b'\t' | b'\r' | b'\n');
    let has_key = file.windows(begin.len()).any(|window| window == begin) || file.contains(&b'{');
    if !has_key || !file.iter().all(is_text) {
        return None;
    }
    // At most three bytes per byte: the buffer is not reallocated and leaves no copy.
    let mut text = Zeroizing::new(String::with_capacity(3 * file.len()));
    text.extend(file.iter().map(|byte| match byte {
        0x91 => '\u{2018}',
        0x92 => '\u{2019}',
        0x93 => '\u{201c}',
        0x94 => '\u{201d}',
        0xa0 => ' ',
        byte => char::from(*byte),
    }));
    Some(text)
}

/// Returns the text as JSON or PEM, if it is either.
fn json_or_pem(text: &str) -> Option<Contents> {
    let json =
        text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\'' | '\0'));
    if json.starts_with('{') {
        return Some(Contents::Json(Zeroizing::new(json.to_owned())));
    }
    let clean = armor::normalize(text);
    clean.contains(armor::BEGIN).then_some(Contents::Pem(clean))
}

/// Decodes a text that is base64 as a whole, in either alphabet, with or without padding.
fn unwrap_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut symbols = Zeroizing::new(String::with_capacity(text.len()));
    symbols.extend(
        text.chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| match c {
                '-' => '+',
                '_' => '/',
                c => c,
            }),
    );
    let symbols = symbols.trim_end_matches('=').as_bytes();
    if symbols.is_empty() {
        return None;
    }
    let bytes = base64_simd::STANDARD_NO_PAD.decode_to_vec(symbols).ok()?;
    Some(Zeroizing::new(bytes))
}
