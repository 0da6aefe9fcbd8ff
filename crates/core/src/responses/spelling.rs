//! Finds a text in another one in any encoding: as it is, percent-encoded, escaped as in JSON, as
//! character references of HTML, or with several of these on top of each other.

use super::reference;

/// The maximum number of encodings on top of each other, such as HTML in JSON in a form.
const MAX_LAYERS: usize = 3;

/// The maximum length of a line break and the indentation after it.
const MAX_BREAK: usize = 40;

/// Matches `secret` against the text from `at` on. Returns where the match ends, and how many
/// characters of the secret it has.
///
/// Encodings may be mixed, and one may be the start of another (`%` of `%25`), so all are followed.
/// Line breaks between two characters are skipped.
pub(super) fn spelled(text: &str, at: usize, secret: &[char]) -> (usize, usize) {
    let mut ends = vec![at];
    for (count, character) in secret.iter().enumerate() {
        let mut next = Vec::new();
        for end in &ends {
            push_spellings(text, *end, *character, &mut next);
            if count > 0 && next.is_empty() {
                for after in after_line_break(text, *end) {
                    push_spellings(text, after, *character, &mut next);
                }
            }
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

/// Adds the ends of all encodings of this character that begin at `at`. Ignores case, because some
/// servers print in capitals.
fn push_spellings(text: &str, at: usize, character: char, ends: &mut Vec<usize>) {
    let same =
        |found: char| found == character || found.to_lowercase().eq(character.to_lowercase());
    let read = readings(text, at, MAX_LAYERS);
    let fits = read.into_iter().filter(|(found, _)| same(*found));
    ends.extend(fits.map(|(_, end)| end));
}

/// Returns where the text may continue after a line break at `at`. The next line may be indented.
fn after_line_break(text: &str, at: usize) -> Vec<usize> {
    let next = |at: usize, expected: &[char]| {
        let read = readings(text, at, MAX_LAYERS);
        let mut fits = read.into_iter().filter(|(c, _)| expected.contains(c));
        fits.next().map(|(_, end)| end)
    };
    let first = next(at, &['\r', '\n']);
    std::iter::successors(first, |end| next(*end, &['\r', '\n', ' ', '\t']))
        .take(MAX_BREAK)
        .collect()
}

/// A decoded character, and where it ends.
type Reading = (char, usize);

/// Returns all ways to decode the character at `at` with up to this many encodings. The undecoded
/// character comes first.
fn readings(text: &str, at: usize, layers: usize) -> Vec<Reading> {
    let Some(plain) = text.get(at..).and_then(|rest| rest.chars().next()) else {
        return Vec::new();
    };
    let mut found = vec![(plain, at + plain.len_utf8())];
    if layers == 0 || !matches!(plain, '%' | '\\' | '&' | '+') {
        return found;
    }
    for (character, end) in readings(text, at, layers - 1) {
        if !found.contains(&(character, end)) {
            found.push((character, end));
        }
        let decoded = match character {
            '+' => Some((' ', end)),
            '%' => percent_encoded(text, end, layers - 1),
            '\\' => escaped(text, end, layers - 1),
            '&' => reference(text, end, layers - 1),
            _ => None,
        };
        found.extend(decoded);
    }
    found
}

/// Decodes a percent-encoded character whose first `%` is before `at`.
fn percent_encoded(text: &str, at: usize, layers: usize) -> Option<Reading> {
    let (first, mut end) = percent_byte(text, at, layers)?;
    let length = match first {
        0..=0x7f => return Some((char::from(first), end)),
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    let mut bytes = [first, 0, 0, 0];
    for byte in &mut bytes[1..length] {
        let percents = readings(text, end, layers);
        let mut percents = percents.into_iter().filter(|(c, _)| *c == '%');
        let next = percents.find_map(|(_, at)| {
            let found = percent_byte(text, at, layers)?;
            matches!(found.0, 0x80..=0xbf).then_some(found)
        });
        (*byte, end) = next?;
    }
    let decoded = std::str::from_utf8(&bytes[..length]).ok()?;
    Some((decoded.chars().next()?, end))
}

/// Decodes the two digits after a `%`. Returns the byte and where they end.
fn percent_byte(text: &str, at: usize, layers: usize) -> Option<(u8, usize)> {
    let (byte, end) = hex(text, at, 2, layers)?;
    Some((u8::try_from(byte).ok()?, end))
}

/// Decodes the character that a backslash before `at` escapes.
fn escaped(text: &str, at: usize, layers: usize) -> Option<Reading> {
    let (kind, end) = one_of(text, at, layers, |c| c.is_ascii())?;
    let short = match kind {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'x' => return character_of(hex(text, end, 2, layers)?),
        'u' => {
            let (unit, end) = hex(text, end, 4, layers)?;
            if !matches!(unit, 0xd800..=0xdbff) {
                return character_of((unit, end));
            }
            let (_, end) = one_of(text, end, layers, |c| c == '\\')?;
            let (_, end) = one_of(text, end, layers, |c| c == 'u')?;
            let (low, end) = hex(text, end, 4, layers)?;
            let low = low.checked_sub(0xdc00)?;
            return character_of((0x10000 + ((unit - 0xd800) << 10) + low, end));
        }
        other => other,
    };
    Some((short, end))
}

/// Decodes a character reference of HTML whose `&` is before `at`.
fn reference(text: &str, at: usize, layers: usize) -> Option<Reading> {
    let mut reference = String::from("&");
    let mut end = at;
    while !reference.ends_with(';') {
        let of_reference = |c: char| c.is_ascii_alphanumeric() || matches!(c, '#' | ';');
        let (character, next) = one_of(text, end, layers, of_reference)?;
        reference.push(character);
        end = next;
        if reference.len() > MAX_REFERENCE {
            return None;
        }
    }
    let (character, _) = reference::character(&reference)?;
    Some((character, end))
}

/// The length of `&#x10FFFF;`, with room for leading zeros.
const MAX_REFERENCE: usize = 12;

fn character_of((code, end): (u32, usize)) -> Option<Reading> {
    Some((char::from_u32(code)?, end))
}

/// Reads a number with this many hexadecimal digits. Returns it and where it ends.
fn hex(text: &str, at: usize, digits: usize, layers: usize) -> Option<(u32, usize)> {
    let (mut number, mut end) = (0, at);
    for _ in 0..digits {
        let (digit, next) = one_of(text, end, layers, |c| c.is_ascii_hexdigit())?;
        number = number * 16 + digit.to_digit(16)?;
        end = next;
    }
    Some((number, end))
}

/// Returns the first decoding at `at` that fits.
fn one_of(text: &str, at: usize, layers: usize, fits: impl Fn(char) -> bool) -> Option<Reading> {
    readings(text, at, layers)
        .into_iter()
        .find(|(character, _)| fits(*character))
}

/// Returns whether the character before `at`, in any encoding, is a letter, a digit or `_`.
pub(super) fn ends_in_word(text: &str, at: usize) -> bool {
    let before = &text.as_bytes()[..at];
    let last = |count: usize| &before[before.len().saturating_sub(count)..];
    let whole = |count: usize| {
        let start = at.checked_sub(count)?;
        let read = readings(text, start, MAX_LAYERS);
        read.into_iter().find(|(_, end)| *end == at && count > 1)
    };
    // `%XX`, `%25XX`, `\u00XX`: the encoded character decides.
    for length in [6, 5, 3] {
        let encoded =
            before.len() >= length && matches!(before[before.len() - length], b'%' | b'\\');
        if let Some((character, _)) = encoded.then(|| whole(length)).flatten() {
            return is_of_word(character);
        }
    }
    if let [b'\\', b'n' | b'r' | b't' | b'b' | b'f'] = last(2) {
        return false;
    }
    text[..at].chars().next_back().is_some_and(is_of_word)
}

/// Returns whether the character at `at` is a letter, a digit or `_`.
pub(super) fn starts_with_word(text: &str, at: usize) -> bool {
    text.get(at..)
        .and_then(|rest| rest.chars().next())
        .is_some_and(is_of_word)
}

pub(super) fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
