//! `application/x-www-form-urlencoded` (RFC 6749 appendix B) and query strings.

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::Error;

/// The fields of a request to a token endpoint, in order. Values are wiped on drop.
///
/// # Example
///
/// ```
/// use countersign_core::Form;
///
/// let form = Form::new().field("grant_type", "refresh_token").field("refresh_token", "5Aep!+/=");
/// assert_eq!(&*form.encode(), "grant_type=refresh_token&refresh_token=5Aep%21%2B%2F%3D");
/// ```
#[derive(Clone, Default)]
pub struct Form(Vec<(Cow<'static, str>, Zeroizing<String>)>);

impl Form {
    /// Returns a form without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// Sets a field: replaces the first one of this name, or adds it.
    #[must_use]
    pub(crate) fn with(mut self, name: String, value: String) -> Self {
        let existing = self.0.iter_mut().find(|(known, _)| *known == name);
        match existing {
            Some((_, known)) => *known = Zeroizing::new(value),
            None => self.0.push((name.into(), Zeroizing::new(value))),
        }
        self
    }

    /// Removes the fields of this name.
    #[must_use]
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    /// Returns the value of the first field of this name.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Form;
    ///
    /// let form = Form::new().field("grant_type", "client_credentials");
    /// assert_eq!(form.value("grant_type"), Some("client_credentials"));
    /// assert_eq!(form.value("scope"), None);
    /// ```
    pub fn value(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(known, _)| *known == name);
        field.map(|(_, value)| value.as_str())
    }

    /// Returns the names of the fields, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// Returns the body of the request. Encodes a space as `+` and percent-encodes everything else
    /// except unreserved characters (RFC 3986 section 2.3).
    pub fn encode(&self) -> Zeroizing<String> {
        // Enough capacity, so that growth leaves no partial copy of a secret behind; but not more,
        // because every byte is wiped in the end.
        let room = |text: &str| text.len() + 2 * not_plain(text.as_bytes());
        let rooms = self.0.iter().map(|(n, v)| room(n) + room(v) + 2);
        let mut body = Zeroizing::new(String::with_capacity(rooms.sum()));
        for (name, value) in &self.0 {
            if !body.is_empty() {
                body.push('&');
            }
            encode_into(name, &mut body);
            body.push('=');
            encode_into(value, &mut body);
        }
        body
    }
}

/// Form-encodes a value: a space becomes `+`.
pub(crate) fn encode_into(text: &str, out: &mut String) {
    escape(text, out, "+");
}

/// Percent-encodes a value for a query: a space becomes `%20`.
pub(crate) fn percent_encode_into(text: &str, out: &mut String) {
    escape(text, out, "%20");
}

fn escape(text: &str, out: &mut String, space: &str) {
    let bytes = text.as_bytes();
    // Tokens and assertions need no escapes, and are most of a request.
    if not_plain(bytes) == 0 {
        return out.push_str(text);
    }
    let mut run = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if PLAIN[usize::from(byte)] {
            continue;
        }
        // Within a character that isn't ASCII there is no run, and no boundary to cut at.
        if run < at {
            out.push_str(&text[run..at]);
        }
        match byte {
            b' ' => out.push_str(space),
            _ => out.push_str(escaped(byte)),
        }
        run = at + 1;
    }
    if run < bytes.len() {
        out.push_str(&text[run..]);
    }
}

/// Counts the bytes that must be encoded. Without a branch per byte, chunk by chunk, this compiles
/// to code that is as fast as copying.
fn not_plain(bytes: &[u8]) -> usize {
    let chunks = bytes.chunks(128);
    let in_chunk = |chunk: &[u8]| {
        chunk
            .iter()
            .map(|byte| u8::from(!is_plain(*byte)))
            .sum::<u8>()
    };
    chunks.map(|chunk| usize::from(in_chunk(chunk))).sum()
}

/// Returns whether a byte is unreserved (RFC 3986 section 2.3).
const fn is_plain(byte: u8) -> bool {
    // Upper and lower case differ only in the bit 0x20.
    (byte | 0x20).wrapping_sub(b'a') < 26
        || byte.wrapping_sub(b'0') < 10
        || byte == b'-'
        || byte == b'.'
        || byte == b'_'
        || byte == b'~'
}

const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        plain[byte] = is_plain(byte as u8);
        byte += 1;
    }
    plain
};

/// The escapes `%00` to `%FF`, concatenated.
const ESCAPES: [u8; 768] = {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut escapes = [b'%'; 768];
    let mut byte = 0;
    while byte < 256 {
        escapes[3 * byte + 1] = HEX[byte >> 4];
        escapes[3 * byte + 2] = HEX[byte & 15];
        byte += 1;
    }
    escapes
};

fn escaped(byte: u8) -> &'static str {
    const TEXT: &str = match std::str::from_utf8(&ESCAPES) {
        Ok(text) => text,
        Err(_) => panic!("ASCII is UTF-8"),
    };
    let at = 3 * usize::from(byte);
    &TEXT[at..at + 3]
}

/// Returns whether a text is a form with a field of this name, whatever its `Content-Type` is.
pub(crate) fn has_field(text: &str, name: &str) -> bool {
    let mut names = text.split('&').map(|pair| pair.split('=').next());
    !text.contains(char::is_whitespace) && names.any(|found| found == Some(name))
}

/// Parses a query string, and decodes each name and value exactly once.
///
/// # Errors
///
/// If a percent sign is not followed by two hex digits, or the decoded bytes are not UTF-8.
pub(crate) fn parse_query(query: &str) -> Result<Vec<(String, String)>, Error> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Result<String, Error> {
    let reject = |why| Error::new(crate::ErrorKind::Callback, format!("the query has {why}"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|d| char::from(*d).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => (high * 16 + low) as u8,
                    _ => return Err(reject("a `%` without two hex digits")),
                }
            }
            _ => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| reject("bytes that are not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_exactly_once() {
        let pairs = parse_query("code=aPrx%253D%3D&state=a+b&flag").unwrap();
        let expected = [("code", "aPrx%3D="), ("state", "a b"), ("flag", "")];
        assert_eq!(
            pairs,
            expected.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec()
        );
    }

    #[test]
    fn rejects_invalid_escapes() {
        for query in ["a=%", "a=%2", "a=%zz", "a=%ff"] {
            assert!(parse_query(query).is_err(), "{query}");
        }
    }

    /// Compares every byte, alone and among others, with a plain version of the definition.
    #[test]
    fn each_byte_is_encoded_as_defined() {
        let slowly = |text: &str, space: &str| -> String {
            let one = |byte: u8| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(byte).to_string()
                }
                b' ' => space.to_owned(),
                _ => format!("%{byte:02X}"),
            };
            text.bytes().map(one).collect()
        };
        let ascii = (0..=127).map(char::from).map(String::from);
        let wide = ["é", "£€", "😀", "a😀b", "€ €", "aé", "éa", ""];
        let mut texts: Vec<String> = ascii.chain(wide.map(str::to_owned)).collect();
        for text in texts.clone() {
            for length in [1, 126, 127, 128, 129, 300] {
                texts.push(format!("{}{text}", "x".repeat(length)));
                texts.push(format!("{text}{}", "x".repeat(length)));
                texts.push(text.repeat(length));
            }
        }
        for text in texts {
            let mut form = String::new();
            encode_into(&text, &mut form);
            assert_eq!(form, slowly(&text, "+"));
            let mut query = String::new();
            percent_encode_into(&text, &mut query);
            assert_eq!(query, slowly(&text, "%20"));
            let body = Form::new().field(text.clone(), text.clone()).encode();
            assert_eq!(*body, format!("{form}={form}"));
            // It never grew, and has little to spare: for spaces, and the `&` of a next field.
            let spare = 1 + 4 * text.matches(' ').count();
            assert_eq!(body.capacity(), body.len() + spare, "{text:?}");
        }
    }

    #[test]
    fn decoding_reverses_encoding() {
        let value = "p@ss w%rd +&=/?~*()!'£€";
        let body = Form::new().field("v", value).encode();
        assert_eq!(parse_query(&body).unwrap()[0].1, value);
    }
}
