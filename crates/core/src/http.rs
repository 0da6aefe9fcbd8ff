//! HTTP requests and responses, without I/O.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
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
    format: BodyFormat,
    single_use: bool,
}

/// The method of a [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// `GET` without a body. Parameters are in the query of the URL.
    Get,
    /// `POST` with parameters.
    Post,
    /// `DELETE` with parameters, for revocations.
    Delete,
}

impl Method {
    /// Returns the method as HTTP writes it.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Method;
    ///
    /// assert_eq!(Method::Delete.as_str(), "DELETE");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// How a request encodes its parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BodyFormat {
    /// In the body, as a form (RFC 6749 appendix B).
    #[default]
    Form,
    /// In the body, as a JSON object.
    Json,
    /// In the query of the URL. The body is empty.
    Query,
}

impl BodyFormat {
    /// Returns the word that profiles use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Json => "json",
            Self::Query => "query",
        }
    }
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
            format: BodyFormat::Form,
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
            format: BodyFormat::Form,
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

    /// Sets the method of a request with parameters. A GET sends them in its query, whatever the
    /// format is.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Form, Method, Request, Url};
    ///
    /// let request = Request::post(Url::parse("https://host/token")?, Form::new().field("code", "c"));
    /// let request = request.with_method(Method::Get);
    /// assert_eq!(request.full_url().as_str(), "https://host/token?code=c");
    /// assert!(request.body().is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sets how the parameters of a POST are encoded.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{BodyFormat, Form, Request, Url};
    ///
    /// let url = Url::parse("https://host/token")?;
    /// let request = Request::post(url, Form::new().field("scope", "a b"));
    /// let json = request.clone().with_format(BodyFormat::Json);
    /// assert_eq!(json.content_type(), Some("application/json"));
    /// assert_eq!(json.body().unwrap().as_str(), r#"{"scope":"a b"}"#);
    /// let query = request.with_format(BodyFormat::Query);
    /// assert_eq!(query.full_url().as_str(), "https://host/token?scope=a%20b");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_format(mut self, format: BodyFormat) -> Self {
        self.format = format;
        self
    }

    /// Sets a header. Replaces one of the same name, ignoring case.
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

    /// Returns the endpoint: the URL without parameters that are sent in its query.
    ///
    /// It contains no secret. A transport sends the request to [`Request::full_url`].
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the URL to send the request to, with the parameters of [`BodyFormat::Query`].
    ///
    /// They may be secret, so this URL must not be shown or logged.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{BodyFormat, Form, Request, Url};
    ///
    /// let form = Form::new().field("refresh_token", "r1");
    /// let request = Request::post(Url::parse("https://host/token")?, form);
    /// assert_eq!(request.full_url().as_str(), "https://host/token");
    ///
    /// let request = request.with_format(BodyFormat::Query);
    /// assert_eq!(request.full_url().as_str(), "https://host/token?refresh_token=r1");
    /// assert_eq!(request.url().as_str(), "https://host/token");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn full_url(&self) -> Zeroizing<String> {
        let url = self.url.as_str();
        match (self.format(), &self.form) {
            (BodyFormat::Query, Some(form)) => form.appended_to(url),
            _ => Zeroizing::new(url.to_owned()),
        }
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

    /// Returns the `Content-Type` of the body, or `None` if the body is absent or empty.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Form, Request, Url};
    ///
    /// let request = Request::post(Url::parse("https://host/token")?, Form::new());
    /// assert_eq!(request.content_type(), Some("application/x-www-form-urlencoded"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn content_type(&self) -> Option<&'static str> {
        self.form.as_ref()?;
        match self.format() {
            BodyFormat::Form => Some("application/x-www-form-urlencoded"),
            BodyFormat::Json => Some("application/json"),
            BodyFormat::Query => None,
        }
    }

    /// Returns how the parameters are encoded.
    pub fn format(&self) -> BodyFormat {
        match (self.method, &self.form) {
            (Method::Get, Some(_)) => BodyFormat::Query,
            _ => self.format,
        }
    }

    /// Returns the parameters, however they are encoded.
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

    /// Returns the body: the encoded parameters of a POST, or `None` for a GET.
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
        let form = self.form.as_ref().filter(|_| self.method != Method::Get);
        form.map(|form| match self.format {
            BodyFormat::Form => form.encode(),
            BodyFormat::Json => form.encode_json(),
            BodyFormat::Query => Zeroizing::new(String::new()),
        })
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
            .field("format", &self.format())
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

    /// Returns for how long the response may be cached: `max-age` of `Cache-Control` (RFC 9111
    /// section 5.2.2.1).
    pub(crate) fn max_age(&self) -> Option<Duration> {
        let directives = self.header("cache-control")?.split(',');
        let mut pairs = directives.filter_map(|directive| directive.split_once('='));
        let (_, seconds) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"))?;
        let seconds = seconds.trim().trim_matches('"').parse().ok()?;
        Some(Duration::from_secs(seconds))
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
