//! An HTTP request and its response as plain values, so that no vendor's rules need a socket.

use std::{fmt::Write as _, io::Write as _};

use flate2::{Compression, write::GzEncoder};
use hyper::HeaderMap;
use serde_json::Value;

/// A complete request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Fields,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) scheme: &'static str,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// Returns the authority that the client requested, `host:port`.
    pub(crate) fn authority(&self) -> &str {
        self.header("host").unwrap_or("127.0.0.1")
    }

    /// Returns the host of the authority in lower case, without the port.
    pub(crate) fn host(&self) -> String {
        let authority = self.authority();
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        };
        host.to_ascii_lowercase()
    }

    /// Returns the origin that the client requested, for example `https://127.0.0.1:24001`.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority())
    }

    /// Returns the bearer token in the `Authorization` header (RFC 6750 section 2.1).
    pub(crate) fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// Returns the body as form fields; `None` if the `Content-Type` is not that of a form.
    pub(crate) fn form(&self) -> Option<Fields> {
        let kind = self.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
            .then(|| Fields::parse(&self.body))
    }
}

/// Decoded name and value pairs of a query or a form, in the order received.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

impl Fields {
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// Returns the first value of `name`. An empty value counts as absent (RFC 6749 section 3.2).
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name)?;
        Some(found.1.as_str()).filter(|v| !v.is_empty())
    }

    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        self.one(name).map(words).unwrap_or_default()
    }

    /// Reports whether a name occurs twice, which RFC 6749 section 3.2 forbids.
    pub(crate) fn repeated(&self) -> bool {
        self.0
            .iter()
            .enumerate()
            .any(|(i, (name, _))| self.0[..i].iter().any(|(n, _)| n == name))
    }

    pub(crate) fn encode(&self) -> String {
        encode(self.0.iter().map(|(n, v)| (n.as_str(), v.as_str())))
    }
}

/// A response and how to send it.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delivery: Delivery,
}

/// How to send a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    /// Without a length, as `Transfer-Encoding: chunked`.
    Chunked,
    /// A few bytes every `ms` milliseconds. `endless` keeps sending spaces until a reset.
    Slow {
        ms: u64,
        endless: bool,
    },
    /// Closes the connection without sending a byte.
    Cut,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: body.into(),
            delivery: Delivery::Whole,
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delivery: Delivery::Whole,
        }
    }

    pub(crate) fn cut() -> Self {
        Self {
            delivery: Delivery::Cut,
            ..Self::empty(0)
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(n, _)| *n != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Compresses the body and sends it in chunks, as a server does that compresses on the fly.
    pub(crate) fn gzip(self) -> Self {
        if self.delivery != Delivery::Whole || self.body.is_empty() {
            return self;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        // Writing to a vector doesn't fail.
        let body = encoder
            .write_all(&self.body)
            .and_then(|()| encoder.finish());
        Self {
            body: body.unwrap_or_default(),
            delivery: Delivery::Chunked,
            ..self
        }
        .header("Content-Encoding", "gzip")
        .header("Vary", "Accept-Encoding")
    }

    /// Builds a redirect: 302 after a GET, 303 after a POST.
    pub(crate) fn redirect(call: &Call, location: String) -> Self {
        let status = if call.method == "POST" { 303 } else { 302 };
        Self::empty(status)
            .header("Location", location)
            .header("Cache-Control", "no-store")
    }
}

/// Builds a JSON object with the members in the given order.
///
/// The vendors' orders differ, and clients rely on the exact length of one response.
pub(crate) fn object(members: &[(&str, Value)]) -> String {
    let mut text = String::from("{");
    for (i, (name, value)) in members.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{}:{value}", Value::from(*name));
    }
    text.push('}');
    text
}

pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// Returns `uri` with the pairs added to its query.
pub(crate) fn with_query(uri: &str, pairs: &[(&str, &str)]) -> String {
    let joint = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{joint}{}", encode(pairs.iter().copied()))
}

pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_keep_the_order_of_their_members() {
        let text = object(&[("b", 1.into()), ("a", "x\"".into())]);
        assert_eq!(text, r#"{"b":1,"a":"x\""}"#);
    }

    #[test]
    fn fields_are_decoded_once_and_empty_counts_as_absent() {
        let fields = Fields::parse(b"code=aPrx%253D%3D&x=&y=a+b&y=2");
        assert_eq!(fields.one("code"), Some("aPrx%3D="));
        assert_eq!(fields.one("x"), None);
        assert_eq!(fields.one("y"), Some("a b"));
        assert!(fields.repeated());
    }

    #[test]
    fn pairs_are_added_to_an_existing_query() {
        assert_eq!(
            with_query("http://h/cb?a=1", &[("b", "2 =")]),
            "http://h/cb?a=1&b=2+%3D"
        );
    }
}
