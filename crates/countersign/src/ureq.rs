//! Sends requests by ureq with a client's token, and gets a new one after a 401.
//!
//! # Example
//!
//! ```no_run
//! use countersign::ureq::AuthorizedAgent;
//! use ureq::http::Request;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let api = AuthorizedAgent::new(countersign::load("work")?, ureq::agent());
//! let request = Request::get("https://demo.docusign.net/restapi/v2.1/accounts").body("")?;
//! let accounts = api.run(request)?.body_mut().read_to_string()?;
//! # Ok(()) }
//! ```

use std::fmt;

use ::ureq::{Agent, AsSendBody, Body};
use http::{Method, Request, Response, StatusCode, Uri};

use crate::adapter::{authorize, check_target, other};
use crate::{Client, Error, Token};

/// A ureq agent that adds a token to each request.
///
/// If the API responds with 401, the token is invalidated, and the request is sent once more with
/// another token. The second response is returned, whatever it is.
///
/// Responses of any status are returned, unlike by ureq itself: an error status is not an error,
/// and redirects are not followed. The token is sent over https, and over plain http only to
/// loopback addresses. If there is no token, the error is [`ureq::Error::Other`](::ureq::Error)
/// with a [`countersign::Error`](crate::Error).
///
/// A ureq middleware couldn't do this: it can send a request only once.
#[derive(Clone)]
pub struct AuthorizedAgent {
    client: Client,
    agent: Agent,
}

impl AuthorizedAgent {
    /// Creates an agent that sends requests by `agent`.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign::testing;
    /// use countersign::ureq::AuthorizedAgent;
    ///
    /// let patient = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(120)));
    /// let client = testing::client([]).client;
    /// let api = AuthorizedAgent::new(client, patient.build().into());
    /// # // A token never leaves in clear text.
    /// # let request = ureq::http::Request::get("http://api.example.com/").body("").unwrap();
    /// # assert!(api.run(request).is_err());
    /// ```
    pub fn new(client: Client, agent: Agent) -> Self {
        Self { client, agent }
    }

    /// Sends a request with the token. Replaces its `Authorization`, or the headers that the profile
    /// names instead.
    ///
    /// The body of a request without one is `""`.
    ///
    /// # Errors
    ///
    /// If there is no token, if the token would be sent in clear text, or if there is no response.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign::testing;
    /// use countersign::ureq::AuthorizedAgent;
    ///
    /// # let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// # let url = format!("http://{}/me", server.local_addr().unwrap());
    /// # let thread = std::thread::spawn(move || {
    /// #     use std::io::{Read, Write};
    /// #     let (mut stream, _) = server.accept().unwrap();
    /// #     let mut request = [0; 4096];
    /// #     let length = stream.read(&mut request).unwrap();
    /// #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    /// #     String::from_utf8_lossy(&request[..length]).to_lowercase()
    /// # });
    /// let client = testing::client([Ok(testing::token_response("t1", 3600))]).client;
    /// let api = AuthorizedAgent::new(client, ureq::agent());
    /// let mut response = api.run(ureq::http::Request::get(url).body("").unwrap())?;
    /// assert_eq!(response.body_mut().read_to_string()?, "hi");
    /// # assert!(thread.join().unwrap().contains("authorization: bearer t1"));
    /// # Ok::<(), ureq::Error>(())
    /// ```
    pub fn run(&self, request: Request<impl AsRef<[u8]>>) -> Result<Response<Body>, ::ureq::Error> {
        let (parts, body) = request.into_parts();
        let body = body.as_ref();
        let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
        let send = |token: &Token| match has_body || !body.is_empty() {
            true => self.send(Request::from_parts(parts.clone(), body), token),
            false => self.send(Request::from_parts(parts.clone(), ()), token),
        };
        let token = self.token_for(&parts.uri)?;
        let response = send(&token)?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.client.invalidate(&token);
        match other(self.client.token().map_err(boxed)?, &token) {
            Some(other) => send(&other),
            None => Ok(response),
        }
    }

    /// Like [`AuthorizedAgent::run`], for a body that can't be sent again, such as a reader.
    ///
    /// A 401 invalidates the token and is returned.
    ///
    /// # Errors
    ///
    /// As [`AuthorizedAgent::run`].
    pub fn run_once(
        &self,
        request: Request<impl AsSendBody>,
    ) -> Result<Response<Body>, ::ureq::Error> {
        let token = self.token_for(request.uri())?;
        let response = self.send(request, &token)?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.client.invalidate(&token);
        }
        Ok(response)
    }

    fn token_for(&self, uri: &Uri) -> Result<Token, ::ureq::Error> {
        let (scheme, host) = (uri.scheme_str(), uri.host());
        check_target(scheme.unwrap_or_default(), host.unwrap_or_default()).map_err(boxed)?;
        self.client.token().map_err(boxed)
    }

    fn send(
        &self,
        mut request: Request<impl AsSendBody>,
        token: &Token,
    ) -> Result<Response<Body>, ::ureq::Error> {
        authorize(request.headers_mut(), token).map_err(boxed)?;
        let request = self.agent.configure_request(request);
        let request = request.http_status_as_error(false).max_redirects(0).build();
        self.agent.run(request)
    }
}

fn boxed(error: Error) -> ::ureq::Error {
    ::ureq::Error::Other(Box::new(error))
}

impl fmt::Debug for AuthorizedAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = self.client.connection().name();
        f.debug_struct("AuthorizedAgent")
            .field("connection", &connection)
            .finish_non_exhaustive()
    }
}
