//! Escapes text for a terminal.
//!
//! Text from servers and files could otherwise hide, move and forge what a person reads.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Escapes a line of text.
///
/// Escapes everything that a terminal would act on instead of displaying: control characters (C0,
/// DEL and C1, including line breaks), bidirectional controls, and invisible characters that no
/// text needs.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    match text.contains(acts) {
        false => Cow::Borrowed(text),
        true => text.chars().map(escaped).collect::<String>().into(),
    }
}

/// Escapes JSON with `\u` escapes, which keep its meaning.
///
/// Line feeds stay: between values, they are whitespace.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    let acts = |c: char| c != '\n' && acts(c);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            // Not allowed inside strings, and whitespace between values.
            '\r' | '\t' => shown.push(' '),
            c if acts(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string can't fail.
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            }
            c => shown.push(c),
        }
    }
    shown.into()
}

/// Returns whether a terminal acts on this character instead of displaying it.
pub(crate) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Bidirectional marks, embeddings, overrides and isolates.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Line and paragraph separators, and invisible characters.
            | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escaped(c: char) -> String {
    match acts(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_escapes_what_a_terminal_acts_on() {
        assert_eq!(
            line("a\u{1b}[2Jb\r\nok\u{9b}31m\u{7f}\u{202e}x\u{2028}\u{e0041}"),
            "a\\u{1b}[2Jb\\r\\nok\\u{9b}31m\\u{7f}\\u{202e}x\\u{2028}\\u{e0041}"
        );
        for plain in ["", "Zoë 漢字 👩‍👧 «x»", r"C:\keys\new.pem", "a'b\"c"] {
            assert_eq!(line(plain), plain);
            assert!(matches!(line(plain), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn escaped_json_has_the_same_value() {
        let value =
            serde_json::json!({"a\u{9b}": "\u{1b}[2J\u{202e}\n\u{7f}\u{e0041}é漢", "n": [1]});
        for text in [value.to_string(), format!("{value:#}")] {
            let shown = json(&text);
            assert!(
                !shown.contains(|c| c != '\n' && acts(c)),
                "{}",
                shown.escape_debug()
            );
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
                value
            );
        }
        let spaced = json("{\r\n\t\"a\": 1}");
        assert_eq!(spaced, "{ \n \"a\": 1}");
    }
}
