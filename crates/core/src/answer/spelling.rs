//! The ways in which a text writes a character: as it is, percent-encoded, escaped as in JSON, or
//! as a character reference of HTML.

use super::markup;

/// How far the text from `at` on spells `secret`: where that ends, and how many characters it is.
///
/// Spellings may be mixed, and one may be the beginning of another (`%` of `%25`): all are
/// followed until one of them leads to the end.
pub(super) fn spelled(text: &str, at: usize, secret: &[char]) -> (usize, usize) {
    let mut ends = vec![at];
    for (count, character) in secret.iter().enumerate() {
        let mut next = Vec::new();
        for end in &ends {
            push_spellings(text, *end, *character, &mut next);
        }
        if next.is_empty() {
            return (ends.into_iter().max().unwrap_or(at), count);
        }
        next.sort_unstable();
        next.dedup();
        ends = next;
    }
    (ends.into_iter().max().unwrap_or(at), secret.len())
}

/// Adds where each spelling of this character ends that begins at `at`.
fn push_spellings(text: &str, at: usize, character: char, ends: &mut Vec<usize>) {
    let Some(rest) = text.get(at..) else { return };
    if rest.starts_with(character) {
        ends.push(at + character.len_utf8());
    }
    match rest.as_bytes().first() {
        Some(b'+') if character == ' ' => ends.push(at + 1),
        Some(b'%') => ends.extend(percent_encoded(rest, character).map(|length| at + length)),
        Some(b'\\') => ends.extend(escaped(rest, character).map(|length| at + length)),
        Some(b'&') => {
            let reference = markup::character(rest).filter(|(found, _)| *found == character);
            ends.extend(reference.map(|(_, length)| at + length));
        }
        _ => {}
    }
}

/// The length of the character in percent-encoding, with digits in any case; encoded twice, too.
fn percent_encoded(text: &str, character: char) -> Option<usize> {
    let mut buffer = [0; 4];
    let mut length = 0;
    for byte in character.encode_utf8(&mut buffer).bytes() {
        let (found, size) = percent_byte(text.as_bytes().get(length..)?)?;
        if found != byte {
            return None;
        }
        length += size;
    }
    Some(length)
}

/// The byte that `%XX` or `%25XX` stands for, and its length.
fn percent_byte(text: &[u8]) -> Option<(u8, usize)> {
    let hex = |at: usize| {
        let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
        Some((digit(at)? * 16 + digit(at + 1)?) as u8)
    };
    if text.first() != Some(&b'%') {
        return None;
    }
    let once = hex(1)?;
    match (once, hex(3)) {
        (b'%', Some(twice)) => Some((twice, 5)),
        _ => Some((once, 3)),
    }
}

/// The length of the character as JSON escapes it.
fn escaped(text: &str, character: char) -> Option<usize> {
    let short = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units);
            let mut length = 0;
            for unit in units.iter() {
                if unicode_escape(text.as_bytes().get(length..)?)? != *unit {
                    return None;
                }
                length += 6;
            }
            return Some(length);
        }
        other => char::from(*other),
    };
    (short == character && short.is_ascii()).then_some(2)
}

fn unicode_escape(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Whether a word goes on at `at`: a letter, digit or `_` is before it, however it is written.
pub(super) fn ends_in_word(text: &str, at: usize) -> bool {
    let before = &text.as_bytes()[..at];
    let last = |count: usize| &before[before.len().saturating_sub(count)..];
    for length in [5, 3] {
        if let Some((byte, size)) = percent_byte(last(length))
            && size == length
        {
            return is_of_word(char::from(byte));
        }
    }
    if let Some(unit) = unicode_escape(last(6)) {
        return char::from_u32(unit.into()).is_some_and(is_of_word);
    }
    if let [b'\\', b'n' | b'r' | b't' | b'b' | b'f'] = last(2) {
        return false;
    }
    text[..at].chars().next_back().is_some_and(is_of_word)
}

/// Whether a word goes on from `at`.
pub(super) fn starts_with_word(text: &str, at: usize) -> bool {
    text.get(at..)
        .and_then(|rest| rest.chars().next())
        .is_some_and(is_of_word)
}

pub(super) fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
