//! What is sent and what comes back, without any I/O.

use std::fmt;

use zeroize::Zeroizing;

use crate::{Form, Secret, Url};

/// A request, ready to be sent by a [`crate::Transport`].
///
/// `Debug` shows method, URL and the names of headers and fields, never a value.
pub struct Request {
    method: Method,
    url: Url,
    headers: Vec<(&'static str, Secret)>,
    form: Option<Form>,
    single_use: bool,
}

/// The method of a [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`, without a body.
    Get,
    /// `POST`, with a form.
    Post,
}

impl Request {
    /// A form posted to this URL.
    pub fn post(url: Url, form: Form) -> Self {
        Self {
            method: Method::Post,
            url,
            headers: vec![("Accept", "application/json".into())],
            form: Some(form),
            single_use: false,
        }
    }

    /// A GET without credentials, as for asking whether a server is there.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::Get,
            url,
            headers: vec![("Accept", "application/json".into())],
            form: None,
            single_use: false,
        }
    }

    /// A GET with a bearer token (RFC 6750 section 2.1).
    pub fn get_with_bearer(url: Url, token: &Secret) -> Self {
        let authorization = format!("Bearer {}", token.expose());
        Self::get(url).with_header("Authorization", authorization.into())
    }

    /// The request with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: Secret) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Marks that the request spends something that must not be sent twice: the transport then
    /// uses a connection of its own, so that a kept one closed by the peer leaves no doubt.
    #[must_use]
    pub fn spending_a_single_use_secret(mut self) -> Self {
        self.single_use = true;
        self
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Where it goes.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The headers, besides those that every transport sets (`Content-Type`, `Content-Length`).
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        self.headers.iter().map(|(name, value)| (*name, value))
    }

    /// The fields of a POST.
    pub fn form(&self) -> Option<&Form> {
        self.form.as_ref()
    }

    /// The body: the encoded form, or nothing for a GET.
    pub fn body(&self) -> Option<Zeroizing<String>> {
        self.form.as_ref().map(Form::encode)
    }

    /// Whether it spends something that must not be sent twice.
    pub fn is_single_use(&self) -> bool {
        self.single_use
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.form.iter().flat_map(Form::names).collect();
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &headers)
            .field("fields", &fields)
            .finish()
    }
}

/// What a server answered: status, headers and at most 1 MiB of body.
///
/// `Debug` shows the status, header names and the length of the body.
#[derive(Clone, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers as they came.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Zeroizing<Vec<u8>>,
}

impl Response {
    /// A response made by hand, as for a transport of your own or a test.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Response;
    ///
    /// let response = Response::new(429, [("Retry-After", "7")], "");
    /// assert_eq!(response.header("retry-after"), Some("7"));
    /// ```
    pub fn new<'a>(
        status: u16,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            status,
            headers: headers.into_iter().map(own).collect(),
            body: Zeroizing::new(body.into()),
        }
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// When the server says it answered, in seconds since 1970.
    pub(crate) fn date(&self) -> Option<i64> {
        self.header("date").and_then(crate::parse_http_date)
    }

    /// Whether the body is called a form.
    pub(crate) fn is_form(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &headers)
            .field("body_len", &self.body.len())
            .finish()
    }
}
