//! What tests of code that uses a [`Client`] need: a client without network, files and real time.
//!
//! [`client`] returns a client of the made-up vendor Acme, whose responses you script. The rest of
//! the module builds more specific ones.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use countersign_core::{Client, Error, testing};
//!
//! /// The code under test.
//! fn header(client: &Client) -> Result<String, Error> {
//!     Ok(format!("Authorization: {}", client.token()?.authorization().expose()))
//! }
//!
//! let test = testing::client([
//!     Ok(testing::token_response("t1", 3600)),
//!     Ok(testing::error_response(503, "temporarily_unavailable")),
//! ]);
//! assert_eq!(header(&test.client)?, "Authorization: Bearer t1");
//!
//! // When the token has expired, the client requests another one, and the vendor is down.
//! test.clock.advance(Duration::from_secs(3601));
//! assert_eq!(header(&test.client).unwrap_err().http_status(), Some(503));
//! assert_eq!(test.transport.requests().len(), 2);
//! # Ok::<(), Error>(())
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

pub use crate::ManualClock;
use crate::{
    Algorithm, CallbackSigner, Client, Connection, Error, ErrorKind, Grant, LoginOptions,
    MemoryStore, Profile, Provider, Random, Request, Response, SendError, Settings, Store,
    SystemRandom, Transport, from_profile,
};

/// The profile of the made-up vendor Acme. It has every grant, and refresh tokens that rotate.
pub const PROFILE: &str = include_str!("testing/acme.toml");

/// What the clock of [`client`] shows first, in seconds since 1970.
pub const NOW: i64 = 1_800_000_000;

/// Returns the provider of [`PROFILE`].
///
/// # Example
///
/// ```
/// use countersign_core::testing;
///
/// assert_eq!(testing::provider().id(), "acme");
/// ```
pub fn provider() -> Arc<dyn Provider> {
    from_profile(Profile::from_toml(PROFILE).expect("the profile is valid"))
}

/// Builds a connection named `mine` to Acme's environment `demo`, with these settings.
///
/// # Errors
///
/// The errors of [`Connection::new`].
///
/// # Example
///
/// ```
/// use countersign_core::testing;
///
/// let connection = testing::connection([
///     ("grant", "client-credentials"),
///     ("client_id", "app"),
///     ("client_secret", "s3cret"),
/// ])?;
/// assert_eq!(connection.token_url().unwrap().as_str(), "https://demo.acme.example/token");
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn connection<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Connection, Error> {
    let mut settings = Settings::from_pairs([("provider", "acme"), ("environment", "demo")])?;
    for (key, value) in pairs {
        settings.set(key, value)?;
    }
    Connection::new("mine", &settings, provider())
}

/// Builds a connection named `mine` with the grant `jwt-bearer`, which needs no key.
///
/// Its signatures are zeros, which no server accepts.
///
/// # Example
///
/// ```
/// use countersign_core::{Subjects, testing};
///
/// let transport = testing::MockTransport::new([Ok(testing::token_response("t1", 3600))]);
/// let subjects = Subjects::new(testing::signing_connection(), transport, 1000)?;
/// assert_eq!(subjects.token("joe")?.expose(), "t1");
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn signing_connection() -> Connection {
    let settings = Settings::from_pairs([
        ("provider", "acme"),
        ("environment", "demo"),
        ("grant", "jwt-bearer"),
        ("client_id", "app"),
        ("subject", "joe"),
    ]);
    let signer = CallbackSigner::new(Algorithm::RS256, None, |_| Ok(vec![0; 256]));
    settings
        .and_then(|settings| {
            Connection::with_signer("mine", &settings, provider(), Arc::new(signer))
        })
        .expect("the settings are valid")
}

/// A client, and the parts that a test controls.
#[derive(Clone)]
#[non_exhaustive]
pub struct TestClient {
    /// The client.
    pub client: Client,
    /// The client's clock. It shows [`NOW`] until you move it.
    pub clock: Arc<ManualClock>,
    /// The client's transport.
    pub transport: Arc<MockTransport>,
    /// The client's store.
    pub store: Arc<dyn Store>,
}

/// Builds a client of Acme with the grant `client-credentials` and these responses.
///
/// See the [example](self#example).
pub fn client(responses: impl IntoIterator<Item = Result<Response, SendError>>) -> TestClient {
    let settings = [
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ];
    let connection = connection(settings).expect("the settings are valid");
    client_of(connection, responses, Arc::new(MemoryStore::new()))
}

/// Builds a client of this connection with these responses and this store.
///
/// The client refreshes exactly `min_valid_s` before the token expires. Other clients add a random
/// time to that.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use countersign_core::{MemoryStore, testing};
///
/// let connection = testing::connection([
///     ("grant", "refresh-token"),
///     ("client_id", "app"),
///     ("client_secret", "s3cret"),
///     ("refresh_token", "r0"),
/// ])?;
/// let store = Arc::new(MemoryStore::new());
/// let responses = [Ok(testing::rotated_response("t1", "r1", 3600))];
/// let test = testing::client_of(connection, responses, store);
/// assert_eq!(test.client.token()?.expose(), "t1");
/// assert_eq!(test.transport.forms(), ["grant_type=refresh_token&refresh_token=r0"]);
/// # Ok::<(), countersign_core::Error>(())
/// ```
///
/// # Panics
///
/// If the client can't be built.
pub fn client_of(
    connection: Connection,
    responses: impl IntoIterator<Item = Result<Response, SendError>>,
    store: Arc<dyn Store>,
) -> TestClient {
    let clock = Arc::new(ManualClock::at(NOW));
    let transport = MockTransport::new(responses);
    let client = Client::builder(connection)
        .transport(transport.clone())
        .clock(clock.clone())
        .random(Arc::new(WithoutJitter(SystemRandom::new())))
        .store(Arc::clone(&store))
        .build();
    TestClient {
        client: client.expect("the client can be built"),
        clock,
        transport,
        store,
    }
}

/// Creates the grant `acme/42` of a web app's client, after a login.
///
/// It has the access token `t1` for an hour and the refresh token `r1`. Later requests get these
/// responses, in order.
///
/// # Example
///
/// ```
/// use countersign_core::testing;
///
/// let grant = testing::grant([Ok(testing::rotated_response("t2", "r2", 3600))]);
/// assert_eq!(grant.token()?.expose(), "t1");
/// assert_eq!(grant.refresh_now()?.expose(), "t2");
/// # Ok::<(), countersign_core::Error>(())
/// ```
///
/// # Panics
///
/// If the login fails, which is a fault of this module.
pub fn grant(responses: impl IntoIterator<Item = Result<Response, SendError>>) -> Grant {
    let connection = connection([
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "https://app.example/callback"),
    ]);
    let first = Ok(rotated_response("t1", "r1", 3600));
    let responses = std::iter::once(first).chain(responses);
    let store = Arc::new(MemoryStore::new());
    let test = client_of(
        connection.expect("the settings are valid"),
        responses,
        store,
    );
    let grant = test.client.grant("acme/42").expect("the ID is valid");
    let begun = grant.begin_login(&LoginOptions::new());
    let begun = begun.expect("a login can begin");
    let callback = format!("/callback?code=c0de&state={}", begun.state);
    let finished = grant.finish_login(&callback, &begun.saved);
    finished.expect("the login succeeds");
    grant
}

/// Returns the response to a successful token request.
///
/// # Example
///
/// ```
/// use countersign_core::testing;
///
/// let test = testing::client([Ok(testing::token_response("t1", 3600))]);
/// assert_eq!(test.client.token()?.expires_at(), Some(testing::NOW + 3600));
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn token_response(access_token: &str, expires_in_s: u64) -> Response {
    json(
        200,
        &serde_json::json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": expires_in_s,
        }),
    )
}

/// Like [`token_response`], with a new refresh token.
pub fn rotated_response(access_token: &str, refresh_token: &str, expires_in_s: u64) -> Response {
    json(
        200,
        &serde_json::json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": expires_in_s,
            "refresh_token": refresh_token,
        }),
    )
}

/// Returns an error response of RFC 6749 section 5.2, such as 400 and `invalid_grant`.
///
/// # Example
///
/// ```
/// use countersign_core::testing;
///
/// let test = testing::client([Ok(testing::error_response(400, "invalid_scope"))]);
/// let error = test.client.token().unwrap_err();
/// assert_eq!(error.oauth_error(), Some("invalid_scope"));
/// ```
pub fn error_response(status: u16, error: &str) -> Response {
    json(status, &serde_json::json!({ "error": error }))
}

fn json(status: u16, body: &serde_json::Value) -> Response {
    let headers = [("Content-Type", "application/json")];
    Response::new(status, headers, body.to_string())
}

/// A transport that sends nothing: it records requests and returns scripted responses.
///
/// # Example
///
/// ```
/// use countersign_core::testing::{self, MockTransport};
/// use countersign_core::{Error, ErrorKind, SendError, Transport, Request, Url};
///
/// let refused = Error::new(ErrorKind::Connect, "connection refused");
/// let transport = MockTransport::new([Err(SendError::NotSent(refused))]);
/// transport.push(Ok(testing::token_response("t1", 3600)));
///
/// let url = Url::parse("https://demo.acme.example/userinfo")?;
/// assert!(transport.send(&Request::get(url.clone())).is_err());
/// assert_eq!(transport.send(&Request::get(url)).unwrap().status, 200);
/// assert_eq!(transport.requests()[1].url().path(), "/userinfo");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Default)]
pub struct MockTransport {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    responses: VecDeque<Result<Response, SendError>>,
    requests: Vec<Request>,
    held: bool,
}

impl MockTransport {
    /// Creates a transport that returns these responses, one for each request.
    ///
    /// A request without a response fails with [`ErrorKind::Internal`].
    pub fn new(responses: impl IntoIterator<Item = Result<Response, SendError>>) -> Arc<Self> {
        let transport = Self::default();
        transport.state().responses.extend(responses);
        Arc::new(transport)
    }

    /// Adds a response after those that are left.
    pub fn push(&self, response: Result<Response, SendError>) {
        self.state().responses.push_back(response);
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// Returns the bodies of the requests so far. They contain the secrets that would be sent.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let test = testing::client([Ok(testing::token_response("t1", 3600))]);
    /// test.client.token()?;
    /// assert!(test.transport.forms()[0].starts_with("grant_type=client_credentials&"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn forms(&self) -> Vec<String> {
        let body = |request: &Request| request.body().map(|body| body.to_string());
        let bodies = self.state().requests.iter().map(body).collect::<Vec<_>>();
        bodies.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Holds all responses back until [`MockTransport::release`], like a slow server.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let test = testing::client([Ok(testing::token_response("t1", 3600))]);
    /// test.transport.hold();
    /// std::thread::scope(|scope| {
    ///     let callers = [(); 3].map(|()| scope.spawn(|| test.client.token()));
    ///     test.transport.wait_for_requests(1);
    ///     test.transport.release();
    ///     assert!(callers.into_iter().all(|caller| caller.join().unwrap().is_ok()));
    /// });
    /// assert_eq!(test.transport.requests().len(), 1);
    /// ```
    pub fn hold(&self) {
        self.state().held = true;
    }

    /// Releases the responses that are held back.
    pub fn release(&self) {
        self.state().held = false;
        self.changed.notify_all();
    }

    /// Waits until this many requests have arrived.
    pub fn wait_for_requests(&self, count: usize) {
        let few = |state: &mut State| state.requests.len() < count;
        let waited = self.changed.wait_while(self.state(), few);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for MockTransport {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let mut state = self.state();
        state.requests.push(request.clone());
        self.changed.notify_all();
        let held = self.changed.wait_while(state, |state| state.held);
        let mut state = held.unwrap_or_else(PoisonError::into_inner);
        state.responses.pop_front().unwrap_or_else(|| {
            let url = request.url().as_str();
            let message = format!("no response is scripted for this request to {url}");
            Err(SendError::NotSent(Error::new(ErrorKind::Internal, message)))
        })
    }
}

/// Random bytes without jitter: the first two bytes, which determine the jitter, are 0.
#[derive(Debug)]
struct WithoutJitter(SystemRandom);

impl Random for WithoutJitter {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.fill(bytes)?;
        let jitter = bytes.len().min(2);
        bytes[..jitter].fill(0);
        Ok(())
    }
}
