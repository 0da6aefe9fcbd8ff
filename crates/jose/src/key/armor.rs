//! Turns text that people paste into clean PEM blocks, without looking inside a block.
//!
//! Keys pass through mail, web forms, environment variables and JSON files, which alter them: `\n`
//! as two characters, CRLF, a byte order mark, quotes, one long line, base64 around the whole text.
//! None of this loses information, so all of it is undone here.

use zeroize::Zeroizing;

use crate::{Error, rejection};

pub(crate) const BEGIN: &str = "-----BEGIN";
const END: &str = "-----END";

/// A PEM block, `-----BEGIN x-----` … `-----END x-----`, with decoded contents (RFC 7468).
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) contents: Zeroizing<Vec<u8>>,
    /// The encryption of RFC 1421 (`Proc-Type: 4,ENCRYPTED`), which the label does not mention.
    pub(crate) encryption: Option<DekInfo>,
    /// Whether there are spaces inside its lines, which may have been `+`.
    pub(crate) spaced: bool,
}

/// The header `DEK-Info` of RFC 1421 section 4.6.1.3, as OpenSSL writes it.
#[cfg_attr(not(feature = "encrypted-keys"), expect(dead_code))]
pub(crate) struct DekInfo {
    /// The cipher, such as `AES-256-CBC`.
    pub(crate) algorithm: String,
    /// The initialization vector, as long as the cipher's block.
    pub(crate) iv: Vec<u8>,
}

/// Parses all blocks of a normalized text.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block>, Error> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let (label, after) = begin_label(&rest[start + BEGIN.len()..])?;
        let end = after
            .find(END)
            .ok_or_else(|| rejection::missing_end(&label))?;
        let body = &after[..end];
        if body.contains(BEGIN) {
            return Err(rejection::missing_end(&label));
        }
        rest = after_end_label(&label, &after[end + END.len()..])?;
        blocks.push(block(label, body)?);
    }
    Ok(blocks)
}

/// Undoes alterations by transport that can be undone without looking at the structure.
///
/// The result is never longer than the text, so the buffer is not reallocated and leaves no copy.
pub(crate) fn normalize(text: &str) -> Zeroizing<String> {
    let mut clean = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // PEM has no backslashes: this is `\n`, `\r`, JSON's `\/` or a shell's line end.
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

/// Returns the label of a BEGIN line and the text after the line.
fn begin_label(text: &str) -> Result<(String, &str), Error> {
    let (label, after) = text.split_once("-----").ok_or_else(rejection::begin_line)?;
    let label = words(label);
    // A longer label, or one in lowercase, is key material that ran into the line: do not show it.
    let shaped = label
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ');
    if label.is_empty() || label.len() > 40 || !shaped {
        return Err(rejection::begin_line());
    }
    Ok((label, after))
}

/// Returns the text after the END line. Its last dashes may be missing from a copied text.
fn after_end_label<'a>(label: &str, text: &'a str) -> Result<&'a str, Error> {
    let (found, after) = text.split_at(text.find('-').unwrap_or(text.len()));
    if words(found) == label {
        // At most five: without a line feed, the dashes of the next BEGIN follow.
        Ok(after
            .strip_prefix("-----")
            .unwrap_or_else(|| after.trim_start_matches('-')))
    } else {
        Err(rejection::end_line(label))
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn block(label: String, body: &str) -> Result<Block, Error> {
    // Check first, because PGP's checksum line is not base64.
    if label.starts_with("PGP ") {
        return Err(rejection::unsupported_label(&label));
    }
    let encrypted = body.contains("Proc-Type") && body.contains("ENCRYPTED");
    let (encryption, body) = match encrypted {
        true => dek_info(&label, body).map(|(info, body)| (Some(info), body))?,
        false => (None, body),
    };
    let spaced = is_spaced(body);
    let damaged = |error| match spaced {
        true => rejection::plus_lost(&label),
        false => error,
    };
    let canonical = canonical(&label, body).map_err(damaged)?;
    // Drop the error of `pem`: it shows the invalid symbol, which may be part of the key.
    let parsed = pem::parse(canonical.as_bytes())
        .map_err(|_| rejection::bad_base64(&label, "its last character is invalid"))
        .map_err(damaged)?;
    Ok(Block {
        label,
        contents: Zeroizing::new(parsed.into_contents()),
        encryption,
        spaced,
    })
}

/// Returns whether spaces split a line of base64.
///
/// In a text of one line, spaces may stand for line feeds: then all words except the last have the
/// same length.
fn is_spaced(body: &str) -> bool {
    let split = |line: &str| {
        let lengths: Vec<_> = line.split_whitespace().map(str::len).collect();
        match lengths.as_slice() {
            [first, middle @ .., last] => {
                middle.iter().any(|length| length != first) || last > first
            }
            _ => false,
        }
    };
    let is_text = |line: &&str| !line.contains(':') && !line.trim().is_empty();
    let lines: Vec<_> = body.lines().filter(is_text).collect();
    match lines.as_slice() {
        [only] => split(only),
        several => several.iter().any(|line| line.trim().contains(' ')),
    }
}

/// Parses the `DEK-Info` header and returns the text after it.
///
/// The lines may have been joined, so only the length of the IV says where the key begins.
fn dek_info<'a>(label: &str, body: &'a str) -> Result<(DekInfo, &'a str), Error> {
    let damaged = || rejection::bad_dek_info(label);
    let (_, info) = body.split_once("DEK-Info:").ok_or_else(damaged)?;
    let (algorithm, rest) = info.split_once(',').ok_or_else(damaged)?;
    let algorithm = algorithm.trim();
    let shaped = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
    if algorithm.is_empty() || algorithm.len() > 24 || !algorithm.chars().all(shaped) {
        return Err(damaged());
    }
    let wide = ["AES", "CAMELLIA", "ARIA", "SEED", "SM4"]
        .iter()
        .any(|name| algorithm.starts_with(name));
    let digits = if wide { 32 } else { 16 };
    let (iv, rest) = rest
        .trim_start()
        .split_at_checked(digits)
        .ok_or_else(damaged)?;
    let iv = (0..digits / 2)
        .map(|at| u8::from_str_radix(iv.get(2 * at..2 * at + 2)?, 16).ok())
        .collect::<Option<Vec<_>>>()
        .ok_or_else(damaged)?;
    let info = DekInfo {
        algorithm: algorithm.to_owned(),
        iv,
    };
    Ok((info, rest))
}

/// Rewrites a block as RFC 7468 requires, except for the line length.
///
/// Removes headers and spaces, and corrects the padding.
fn canonical(label: &str, body: &str) -> Result<Zeroizing<String>, Error> {
    let mut text = Zeroizing::new(String::with_capacity(body.len() + 2 * label.len() + 64));
    text.push_str(BEGIN);
    text.push(' ');
    text.push_str(label);
    text.push_str("-----\n");
    let start = text.len();
    // Lines with a colon are RFC 1421 headers.
    for line in body.lines().filter(|line| !line.contains(':')) {
        text.extend(line.chars().filter(|c| !c.is_whitespace()));
    }
    let kept = text.trim_end_matches('=').len().max(start);
    text.truncate(kept);
    let symbols = text.as_bytes().get(start..).unwrap_or_default();
    let stray = |b: &u8| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
    if symbols.is_empty() {
        return Err(rejection::bad_base64(
            label,
            "there is nothing between BEGIN and END",
        ));
    }
    if symbols.iter().any(stray) {
        return Err(rejection::bad_base64(label, "it contains other characters"));
    }
    match symbols.len() % 4 {
        1 => return Err(rejection::bad_base64(label, "characters are missing")),
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
