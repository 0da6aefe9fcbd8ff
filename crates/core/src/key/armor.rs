//! From what people paste to clean PEM blocks; knows nothing of what is inside a block.
//!
//! A key comes through mail, a web form, an environment variable or a JSON file, and each leaves
//! its mark: `\n` as two characters, CRLF, a byte order mark, quotes, one long line, base64
//! around the whole. All of these lose nothing, so all are undone here.

use zeroize::Zeroizing;

use super::refusal;
use crate::Error;

const BEGIN: &str = "-----BEGIN";
const END: &str = "-----END";

/// One `-----BEGIN x-----` … `-----END x-----` with its base64 taken off (RFC 7468).
pub(super) struct Block {
    pub(super) label: String,
    /// Empty if the block is encrypted the old way.
    pub(super) contents: Zeroizing<Vec<u8>>,
    /// Encrypted the way of RFC 1421 (`Proc-Type: 4,ENCRYPTED`), under an unsuspicious label.
    pub(super) encrypted: bool,
}

/// Every block in the text, at least one.
pub(super) fn read(text: &str) -> Result<Vec<Block>, Error> {
    let clean = normalise(text);
    if clean.contains(BEGIN) {
        return blocks(&clean);
    }
    let bare = unwrap_base64(&clean);
    match bare.as_deref().map(|bytes| std::str::from_utf8(bytes)) {
        Some(Ok(inner)) if inner.contains(BEGIN) => blocks(&normalise(inner)),
        _ => {
            let der = bare.is_some_and(|bytes| bytes.first() == Some(&0x30));
            Err(refusal::no_pem(&clean, der))
        }
    }
}

/// Undoes the marks of transport that can be undone without looking at the structure.
///
/// The result is never longer than the text, so the buffer never moves and leaves no copy.
fn normalise(text: &str) -> Zeroizing<String> {
    let mut clean = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // No PEM has a backslash of its own: it is `\n`, `\r`, JSON's `\/` or a shell's line end.
            '\\' => {
                if chars
                    .next_if(|next| matches!(next, 'n' | 'r' | 't'))
                    .is_some()
                {
                    clean.push('\n');
                }
            }
            '\u{feff}' | '\u{200b}' | '\0' => {}
            '\r' => clean.push('\n'),
            c if c.is_whitespace() && c != '\n' => clean.push(' '),
            c => clean.push(c),
        }
    }
    let quotes = [
        '"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}',
    ];
    let kept = clean.trim_matches(|c: char| c.is_whitespace() || quotes.contains(&c));
    Zeroizing::new(kept.to_owned())
}

/// The bytes, if the whole text is base64 of either alphabet, padded or not.
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

fn blocks(text: &str) -> Result<Vec<Block>, Error> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let (label, after) = begin_label(&rest[start + BEGIN.len()..])?;
        let end = after
            .find(END)
            .ok_or_else(|| refusal::missing_end(&label))?;
        let body = &after[..end];
        if body.contains(BEGIN) {
            return Err(refusal::missing_end(&label));
        }
        rest = after_end_label(&label, &after[end + END.len()..])?;
        blocks.push(block(label, body)?);
    }
    Ok(blocks)
}

/// The label of a BEGIN line and what follows the line.
fn begin_label(text: &str) -> Result<(String, &str), Error> {
    let (label, after) = text.split_once("-----").ok_or_else(refusal::begin_line)?;
    let label = words(label);
    // Longer, or in small letters, is not a label but the key run into its first line: not to be shown.
    let shaped = label
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ');
    if label.is_empty() || label.len() > 40 || !shaped {
        return Err(refusal::begin_line());
    }
    Ok((label, after))
}

/// What follows the END line; its dashes may have been cut off, being last in a copied text.
fn after_end_label<'a>(label: &str, text: &'a str) -> Result<&'a str, Error> {
    let (found, after) = text.split_at(text.find('-').unwrap_or(text.len()));
    if words(found) == label {
        // Five at most: without a line feed, what follows is the dashes of the next BEGIN.
        Ok(after
            .strip_prefix("-----")
            .unwrap_or_else(|| after.trim_start_matches('-')))
    } else {
        Err(refusal::end_line(label))
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn block(label: String, body: &str) -> Result<Block, Error> {
    if body.contains("Proc-Type") && body.contains("ENCRYPTED") {
        return Ok(Block {
            label,
            contents: Zeroizing::default(),
            encrypted: true,
        });
    }
    let canonical = canonical(&label, body)?;
    // The message of `pem` shows the bad symbol, which may be one of the key: it is not passed on.
    let parsed = pem::parse(canonical.as_bytes())
        .map_err(|_| refusal::bad_base64(&label, "its last character is not possible"))?;
    Ok(Block {
        label,
        contents: Zeroizing::new(parsed.into_contents()),
        encrypted: false,
    })
}

/// The block as RFC 7468 wants it but for the line length: no headers, no blanks, right padding.
fn canonical(label: &str, body: &str) -> Result<Zeroizing<String>, Error> {
    let mut text = Zeroizing::new(String::with_capacity(body.len() + 2 * label.len() + 64));
    text.push_str(BEGIN);
    text.push(' ');
    text.push_str(label);
    text.push_str("-----\n");
    let start = text.len();
    // Lines with a colon are RFC 1421 headers, such as a comment.
    for line in body.lines().filter(|line| !line.contains(':')) {
        text.extend(line.chars().filter(|c| !c.is_whitespace()));
    }
    let kept = text.trim_end_matches('=').len().max(start);
    text.truncate(kept);
    let symbols = text.as_bytes().get(start..).unwrap_or_default();
    let stray = |b: &u8| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
    if symbols.is_empty() {
        return Err(refusal::bad_base64(
            label,
            "there is nothing between BEGIN and END",
        ));
    }
    if symbols.iter().any(stray) {
        return Err(refusal::bad_base64(
            label,
            "it holds characters that are not base64",
        ));
    }
    match symbols.len() % 4 {
        1 => return Err(refusal::bad_base64(label, "characters are missing")),
        2 => text.push_str("=="),
        3 => text.push('='),
        _ => {}
    }
    text.push('\n');
    text.push_str(END);
    text.push(' ');
    text.push_str(label);
    text.push_str("-----\n");
    Ok(text)
}
