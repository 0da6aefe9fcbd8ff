//! HTTP requests and responses, without I/O.

use std::borrow::Cow;
use std::fmt;

use zeroize::Zeroizing;

use crate::{Form, Secret, Url};

/// A request for a [`crate::Transport`] to send.
///
/// `Debug` shows the method, the URL and the names of headers and fields, but no values.
#[derive(Clone)]
pub struct Request {
    method: Method,
    url: Url,
    headers: Vec<(Cow<'static, str>, Secret)>,
    form: Option<Form>,
    single_use: bool,
}

/// The method of a [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET` without a body.
    Get,
    /// `POST` with a form.
    Post,
}

impl Request {
    /// Returns a request that posts a form to this URL.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Form, Method, Request, Url};
    ///
    /// let url = Url::parse("https://host/token")?;
    /// let request = Request::post(url, Form::new().field("scope", "a b"));
    /// assert_eq!(request.method(), Method::Post);
    /// assert_eq!(request.body().unwrap().as_str(), "scope=a+b");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn post(url: Url, form: Form) -> Self {
        Self {
            method: Method::Post,
            url,
            headers: vec![("Accept".into(), "application/json".into())],
            form: Some(form),
            single_use: false,
        }
    }

    /// Returns a GET request without credentials.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Method, Request, Url};
    ///
    /// let request = Request::get(Url::parse("https://host/jwks")?);
    /// assert_eq!(request.method(), Method::Get);
    /// assert!(request.body().is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::Get,
            url,
            headers: vec![("Accept".into(), "application/json".into())],
            form: None,
            single_use: false,
        }
    }

    /// Returns a GET request with a bearer token (RFC 6750 section 2.1).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Request, Secret, Url};
    ///
    /// let url = Url::parse("https://host/userinfo")?;
    /// let request = Request::get_with_bearer(url, &Secret::new("t0ken"));
    /// assert!(request.headers().any(|(name, _)| name == "Authorization"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn get_with_bearer(url: Url, token: &Secret) -> Self {
        let authorization = format!("Bearer {}", token.expose());
        Self::get(url).with_header("Authorization", authorization.into())
    }

    /// Adds a header.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Form, Request, Url};
    ///
    /// let request = Request::post(Url::parse("https://host/token")?, Form::new())
    ///     .with_header("Authorization", "Basic YXBwOnMzY3JldA==".into());
    /// assert!(request.headers().any(|(name, _)| name == "Authorization"));
    /// assert!(!format!("{request:?}").contains("YXBwOnMzY3JldA"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_header(mut self, name: impl Into<Cow<'static, str>>, value: Secret) -> Self {
        let name = name.into();
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        self.headers.push((name, value));
        self
    }

    /// Marks the request as spending a secret that must not be sent twice.
    ///
    /// The transport then opens a new connection: if the server has closed a kept one, it is
    /// unknown whether the request arrived.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Form, Request, Url};
    ///
    /// let form = Form::new().field("grant_type", "refresh_token").field("refresh_token", "r1");
    /// let request = Request::post(Url::parse("https://host/token")?, form);
    /// assert!(request.spending_a_single_use_secret().is_single_use());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn spending_a_single_use_secret(mut self) -> Self {
        self.single_use = true;
        self
    }

    /// Returns the method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Returns the URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the headers, except those that every transport sets (`Content-Type`,
    /// `Content-Length`).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Request, Url};
    ///
    /// let request = Request::get(Url::parse("https://host/jwks")?);
    /// let headers: Vec<_> = request.headers().map(|(name, value)| (name, value.expose())).collect();
    /// assert_eq!(headers, [("Accept", "application/json")]);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn headers(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_ref(), value))
    }

    /// Returns the form of a POST.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Form, Request, Url};
    ///
    /// let form = Form::new().field("grant_type", "client_credentials");
    /// let request = Request::post(Url::parse("https://host/token")?, form);
    /// let grant_type = request.form().and_then(|form| form.value("grant_type"));
    /// assert_eq!(grant_type, Some("client_credentials"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn form(&self) -> Option<&Form> {
        self.form.as_ref()
    }

    /// Returns the body: the encoded form of a POST, or `None` for a GET.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Form, Request, Url};
    ///
    /// let url = Url::parse("https://host/token")?;
    /// let request = Request::post(url.clone(), Form::new().field("scope", "a b"));
    /// assert_eq!(request.body().unwrap().as_str(), "scope=a+b");
    /// assert!(Request::get(url).body().is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn body(&self) -> Option<Zeroizing<String>> {
        self.form.as_ref().map(Form::encode)
    }

    /// Returns whether the request spends a secret that must not be sent twice.
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

/// A server's response: the status, the headers and at most 1 MiB of body.
///
/// `Debug` shows the status, the names of the headers and the length of the body.
#[derive(Clone, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers, unchanged.
    pub headers: Vec<(String, String)>,
    /// The body, decoded if its `Content-Encoding` is supported.
    pub body: Zeroizing<Vec<u8>>,
}

impl Response {
    /// Creates a response, for your own transport or a test.
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

    /// Returns the first header of this name. Ignores case.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Response;
    ///
    /// let response = Response::new(200, [("Content-Type", "application/json")], "{}");
    /// assert_eq!(response.header("content-type"), Some("application/json"));
    /// assert_eq!(response.header("retry-after"), None);
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the time of the response by the server's `Date`, in seconds since 1970.
    pub(crate) fn date(&self) -> Option<i64> {
        self.header("date").and_then(crate::parse_http_date)
    }

    /// Returns whether the content type is that of a form.
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
