//! Sends requests by reqwest with a client's token, and gets a new one after a 401.
//!
//! # Example
//!
//! ```no_run
//! use countersign::reqwest::AuthorizedClient;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = countersign::load("work")?;
//! let api = AuthorizedClient::new(client, reqwest::Client::builder())?;
//! let request = api.http().get("https://demo.docusign.net/restapi/v2.1/accounts");
//! let response = api.send(request).await?;
//! # Ok(()) }
//! ```

use std::fmt;

use ::reqwest::redirect::{Action, Attempt, Policy};
use ::reqwest::{ClientBuilder, Request, RequestBuilder, Response, StatusCode};

use crate::adapter::{authorize, check_target, other};
use crate::{Client, Token};

/// A reqwest client that adds a token to each request.
///
/// If the API responds with 401, the token is invalidated, and the request is sent once more with
/// another token, unless its body is a stream. The second response is returned, whatever it is.
///
/// The token is sent over https, and over plain http only to loopback addresses. Redirects within
/// the request's origin (scheme, host and port) are followed. A redirect to another origin is
/// returned to the caller, because the token doesn't belong there.
///
/// It waits for a token without blocking the runtime. Clones share connections and the token.
#[derive(Clone)]
pub struct AuthorizedClient {
    client: Client,
    http: ::reqwest::Client,
}

impl AuthorizedClient {
    /// Builds the HTTP client. Replaces the builder's redirect policy.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::build`].
    pub fn new(client: Client, builder: ClientBuilder) -> Result<Self, ::reqwest::Error> {
        let http = builder.redirect(Policy::custom(within_origin)).build()?;
        Ok(Self { client, http })
    }

    /// Returns the HTTP client, which builds requests. What it sends itself has no token.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign::reqwest::AuthorizedClient;
    /// use countersign::testing;
    ///
    /// let client = testing::client([]).client;
    /// let api = AuthorizedClient::new(client, reqwest::Client::builder())?;
    /// let request = api.http().get("https://api.example.com/me").build()?;
    /// // `execute` adds the token.
    /// assert!(!request.headers().contains_key("authorization"));
    /// # Ok::<(), reqwest::Error>(())
    /// ```
    pub fn http(&self) -> &::reqwest::Client {
        &self.http
    }

    /// Sends a request with the token.
    ///
    /// # Errors
    ///
    /// As [`AuthorizedClient::execute`], and if the request can't be built.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        self.execute(request.build()?).await
    }

    /// Like [`AuthorizedClient::send`], for a request that is built. Replaces its `Authorization`, or
    /// the headers that the profile names instead.
    ///
    /// # Errors
    ///
    /// If there is no token, if the token would be sent in clear text, or if there is no response.
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        let url = request.url();
        check_target(url.scheme(), url.host_str().unwrap_or_default())?;
        let token = self.client.token_async().await?;
        let again = request.try_clone();
        let response = self.execute_with(request, &token).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.client.invalidate(&token);
        let Some(again) = again else {
            return Ok(response);
        };
        match other(self.client.token_async().await?, &token) {
            Some(other) => self.execute_with(again, &other).await,
            None => Ok(response),
        }
    }

    async fn execute_with(&self, mut request: Request, token: &Token) -> Result<Response, Error> {
        authorize(request.headers_mut(), token)?;
        Ok(self.http.execute(request).await?)
    }
}

/// Follows redirects that stay within the origin of the request.
fn within_origin(attempt: Attempt<'_>) -> Action {
    const MAX: usize = 10;
    let [first, ..] = attempt.previous() else {
        return attempt.stop();
    };
    if attempt.url().origin() != first.origin() {
        attempt.stop()
    } else if attempt.previous().len() > MAX {
        attempt.error("too many redirects")
    } else {
        attempt.follow()
    }
}

impl fmt::Debug for AuthorizedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = self.client.connection().name();
        f.debug_struct("AuthorizedClient")
            .field("connection", &connection)
            .finish_non_exhaustive()
    }
}

/// Why there is no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no token to send, or it must not be sent to this URL.
    Token(crate::Error),
    /// The request failed.
    Http(::reqwest::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => error.fmt(f),
            Self::Http(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Token(error) => error.source(),
            Self::Http(error) => error.source(),
        }
    }
}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Self {
        Self::Token(error)
    }
}

impl From<::reqwest::Error> for Error {
    fn from(error: ::reqwest::Error) -> Self {
        Self::Http(error)
    }
}
