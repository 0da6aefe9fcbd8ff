//! `application/x-www-form-urlencoded` (RFC 6749 appendix B) and query strings.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
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
pub struct Form(Vec<Field>);

#[derive(Clone)]
struct Field {
    name: Cow<'static, str>,
    value: Zeroizing<String>,
    /// Whether the value is JSON, which a JSON body contains as it is.
    is_json: bool,
}

impl Field {
    fn text(name: Cow<'static, str>, value: String) -> Self {
        Self {
            name,
            value: Zeroizing::new(value),
            is_json: false,
        }
    }
}

impl Form {
    /// Returns a form without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Form;
    ///
    /// let form = Form::new().field("scope", "read").field("scope", "write");
    /// assert_eq!(form.encode().as_str(), "scope=read&scope=write");
    /// ```
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.0.push(Field::text(name.into(), value.into()));
        self
    }

    /// Sets a field: replaces the first one of this name, or adds it.
    #[must_use]
    pub(crate) fn with(self, name: String, value: String) -> Self {
        self.replacing(Field::text(name.into(), value))
    }

    /// Like [`Form::with`], for a value that is JSON.
    #[must_use]
    pub(crate) fn with_json(self, name: String, value: &serde_json::Value) -> Self {
        self.replacing(Field {
            is_json: true,
            ..Field::text(name.into(), value.to_string())
        })
    }

    fn replacing(mut self, field: Field) -> Self {
        match self.0.iter_mut().find(|known| known.name == field.name) {
            Some(known) => *known = field,
            None => self.0.push(field),
        }
        self
    }

    /// Removes the fields of this name.
    #[must_use]
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|field| field.name != name);
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
        let field = self.0.iter().find(|field| field.name == name);
        field.map(|field| field.value.as_str())
    }

    /// Returns the names of the fields, in order.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Form;
    ///
    /// let form = Form::new().field("grant_type", "refresh_token").field("refresh_token", "r1");
    /// assert_eq!(form.names().collect::<Vec<_>>(), ["grant_type", "refresh_token"]);
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|field| field.name.as_ref())
    }

    /// Returns the body of the request. Encodes a space as `+` and percent-encodes everything else
    /// except unreserved characters (RFC 3986 section 2.3).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Form;
    ///
    /// let form = Form::new().field("scope", "read write").field("redirect_uri", "https://app.example/");
    /// assert_eq!(
    ///     form.encode().as_str(),
    ///     "scope=read+write&redirect_uri=https%3A%2F%2Fapp.example%2F",
    /// );
    /// ```
    pub fn encode(&self) -> Zeroizing<String> {
        // Enough capacity, so that growth leaves no partial copy of a secret behind; but not more,
        // because every byte is wiped in the end.
        let mut body = Zeroizing::new(String::with_capacity(self.encoded_len()));
        for Field { name, value, .. } in &self.0 {
            if !body.is_empty() {
                body.push('&');
            }
            encode_into(name, &mut body);
            body.push('=');
            encode_into(value, &mut body);
        }
        body
    }

    /// Returns the fields as a JSON object, in order.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Form;
    ///
    /// let form = Form::new().field("grant_type", "refresh_token").field("refresh_token", "5\"r1");
    /// assert_eq!(
    ///     form.encode_json().as_str(),
    ///     r#"{"grant_type":"refresh_token","refresh_token":"5\"r1"}"#,
    /// );
    /// ```
    pub fn encode_json(&self) -> Zeroizing<String> {
        // An escaped character takes at most six bytes: growth would leave copies of secrets behind.
        let room = |field: &Field| 6 * (field.name.len() + field.value.len()) + 6;
        let room = self.0.iter().map(room).sum::<usize>() + 2;
        let mut body = Zeroizing::new(String::with_capacity(room));
        body.push('{');
        for field in &self.0 {
            if body.len() > 1 {
                body.push(',');
            }
            json_into(&field.name, &mut body);
            body.push(':');
            match field.is_json {
                true => body.push_str(&field.value),
                false => json_into(&field.value, &mut body),
            }
        }
        body.push('}');
        body
    }

    /// Returns the URL with these fields added to its query. Encodes spaces as `%20`.
    pub(crate) fn appended_to(&self, url: &str) -> Zeroizing<String> {
        let room = url.len() + 1 + self.encoded_len();
        let mut text = Zeroizing::new(String::with_capacity(room));
        text.push_str(url);
        let mut mark = if url.contains('?') { '&' } else { '?' };
        for Field { name, value, .. } in &self.0 {
            text.push(mark);
            percent_encode_into(name, &mut text);
            text.push('=');
            percent_encode_into(value, &mut text);
            mark = '&';
        }
        text
    }

    /// Returns the length of the encoded fields, if each space takes three bytes.
    fn encoded_len(&self) -> usize {
        let room = |text| {
            utf8_percent_encode(text, RESERVED)
                .map(str::len)
                .sum::<usize>()
        };
        let fields = self.0.iter();
        fields
            .map(|field| room(&field.name) + room(&field.value) + 2)
            .sum()
    }
}

/// Appends a JSON string (RFC 8259 section 7).
fn json_into(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if u32::from(c) < 0x20 => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let code = c as usize;
                out.push_str("\\u00");
                out.push(char::from(HEX[code >> 4]));
                out.push(char::from(HEX[code & 15]));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Everything except unreserved characters (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Form-encodes a value: a space becomes `+`.
pub(crate) fn encode_into(text: &str, out: &mut String) {
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push('+');
        }
        percent_encode_into(word, out);
    }
}

/// Percent-encodes a value for a query: a space becomes `%20`.
pub(crate) fn percent_encode_into(text: &str, out: &mut String) {
    out.extend(utf8_percent_encode(text, RESERVED));
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
    let is_escape = |rest: &str| {
        let digits = rest.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.count() == 2
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err(reject("a `%` without two hex digits"));
    }
    // Enough capacity, so that growth leaves no partial copy of a secret behind.
    let mut bytes = Vec::with_capacity(text.len());
    for (index, word) in text.split('+').enumerate() {
        if index > 0 {
            bytes.push(b' ');
        }
        bytes.extend(percent_decode_str(word));
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
        let ascii = (0..=127).map(|byte| format!("x{}x", char::from(byte)));
        let wide = ["é", "a😀b", "€ €", " é ", "  ", ""].map(str::to_owned);
        for text in ascii.chain(wide) {
            let mut query = String::new();
            percent_encode_into(&text, &mut query);
            assert_eq!(query, slowly(&text, "%20"));
            let form = slowly(&text, "+");
            let body = Form::new().field(text.clone(), text.clone()).encode();
            assert_eq!(*body, format!("{form}={form}"));
            // It never grew, and has little to spare: for spaces, and the `&` of a next field.
            let spare = 1 + 4 * text.matches(' ').count();
            assert_eq!(body.capacity(), body.len() + spare, "{text:?}");
        }
    }

    #[test]
    fn decoding_needs_no_growth() {
        let value = decode(&"a%20b+".repeat(100)).unwrap();
        assert_eq!(value, "a b ".repeat(100));
        assert_eq!(value.capacity(), 600);
    }

    #[test]
    fn decoding_reverses_encoding() {
        let value = "p@ss w%rd +&=/?~*()!'£€";
        let body = Form::new().field("v", value).encode();
        assert_eq!(parse_query(&body).unwrap()[0].1, value);
    }
}
