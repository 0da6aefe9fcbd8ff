//! `application/x-www-form-urlencoded` (RFC 6749 appendix B) and query strings.

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::Error;

/// The fields of a request to a token endpoint, in order. Values are wiped on drop.
///
/// # Example
///
/// ```
/// use countersign::Form;
///
/// let form = Form::new().field("grant_type", "refresh_token").field("refresh_token", "5Aep!+/=");
/// assert_eq!(&*form.encode(), "grant_type=refresh_token&refresh_token=5Aep%21%2B%2F%3D");
/// ```
#[derive(Clone, Default)]
pub struct Form(Vec<(Cow<'static, str>, Zeroizing<String>)>);

impl Form {
    /// A form without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// The form with one more field.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// The form with one more field, in the place of the one of that name where there is one.
    #[must_use]
    pub(crate) fn with(mut self, name: String, value: String) -> Self {
        let there = self.0.iter_mut().find(|(known, _)| *known == name);
        match there {
            Some((_, known)) => *known = Zeroizing::new(value),
            None => self.0.push((name.into(), Zeroizing::new(value))),
        }
        self
    }

    /// The value of the first field of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(known, _)| *known == name);
        field.map(|(_, value)| value.as_str())
    }

    /// The names of the fields, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// The body of the request: unreserved characters (RFC 3986 section 2.3) as they are, a
    /// blank as `+`, all else percent-encoded.
    pub fn encode(&self) -> Zeroizing<String> {
        // Room for the worst case, so that no half-filled copy of a secret is left behind by growth.
        let room = self.0.iter().map(|(n, v)| n.len() + 3 * v.len() + 2).sum();
        let mut body = Zeroizing::new(String::with_capacity(room));
        for (name, value) in &self.0 {
            if !body.is_empty() {
                body.push('&');
            }
            body.push_str(name);
            body.push('=');
            encode_into(value, &mut body);
        }
        body
    }
}

/// Form-encodes one value: a blank becomes `+`.
pub(crate) fn encode_into(text: &str, out: &mut String) {
    escape(text, out, "+");
}

/// Percent-encodes one value for a query: a blank becomes `%20`.
pub(crate) fn percent_encode_into(text: &str, out: &mut String) {
    escape(text, out, "%20");
}

fn escape(text: &str, out: &mut String, blank: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push_str(blank),
            _ => {
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
}

/// Takes a query string apart, decoding each name and value exactly once.
///
/// # Errors
///
/// Where a percent sign is not followed by two hex digits, or the bytes are not UTF-8.
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
    let refuse = |why| Error::new(crate::ErrorKind::Callback, format!("the query has {why}"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|d| char::from(*d).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => (high * 16 + low) as u8,
                    _ => return Err(refuse("a `%` without two hex digits")),
                }
            }
            _ => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| refuse("bytes that are not UTF-8"))
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
    fn refuses_broken_escapes() {
        for query in ["a=%", "a=%2", "a=%zz", "a=%ff"] {
            assert!(parse_query(query).is_err(), "{query}");
        }
    }

    #[test]
    fn what_is_encoded_comes_back() {
        let value = "p@ss w%rd +&=/?~*()!'£€";
        let body = Form::new().field("v", value).encode();
        assert_eq!(parse_query(&body).unwrap()[0].1, value);
    }
}
