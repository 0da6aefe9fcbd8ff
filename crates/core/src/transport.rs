//! Transports, which send requests to servers.

mod network;
#[cfg(feature = "ureq")]
mod ureq;

use std::fmt;

pub use self::network::Network;
#[cfg(feature = "ureq")]
pub use self::ureq::{Transports, UreqTransport};
use crate::{Error, Request, Response};

/// Sends a request and returns the response, whatever its status.
///
/// An implementation must:
///
/// - not follow redirects,
/// - not retry,
/// - return within a total time limit,
/// - read at most [`MAX_BODY`] bytes of the body,
/// - open a new connection if [`Request::is_single_use`], so that the request can't be sent twice.
///
/// # Example
///
/// A transport for tests, without a network:
///
/// ```
/// use countersign_core::{Request, Response, SendError, Transport};
///
/// #[derive(Debug)]
/// struct Canned;
///
/// impl Transport for Canned {
///     fn send(&self, request: &Request) -> Result<Response, SendError> {
///         assert_eq!(request.url().path(), "/oauth/token");
///         Ok(Response::new(200, [], r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#))
///     }
/// }
/// ```
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends the request and waits for the complete response.
    ///
    /// # Errors
    ///
    /// [`SendError`], which says whether the server may have received the request.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind, Request, Response, SendError, Transport, Url};
    ///
    /// /// A transport on a machine without a network.
    /// #[derive(Debug)]
    /// struct Offline;
    ///
    /// impl Transport for Offline {
    ///     fn send(&self, request: &Request) -> Result<Response, SendError> {
    ///         let message = format!("{} cannot be reached", request.url().host());
    ///         Err(SendError::NotSent(Error::new(ErrorKind::Connect, message)))
    ///     }
    /// }
    /// let request = Request::get(Url::parse("https://login.acme.example/jwks")?);
    /// assert!(matches!(Offline.send(&request), Err(SendError::NotSent(_))));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    fn send(&self, request: &Request) -> Result<Response, SendError>;

    /// Returns a problem that doesn't prevent requests, such as a changed `ca_file` that is not
    /// valid.
    ///
    /// A client calls this after each request and passes the warning to
    /// [`crate::ClientBuilder::on_warning`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use countersign_core::{Error, Request, Response, SendError, Transport};
    ///
    /// /// A transport whose certificate is renewed while it runs.
    /// #[derive(Debug)]
    /// struct Mutual {
    ///     renewal: Mutex<Option<Error>>,
    /// }
    ///
    /// impl Transport for Mutual {
    ///     fn send(&self, _: &Request) -> Result<Response, SendError> {
    ///         // Sends with the old certificate if the new one can't be read.
    /// #       Ok(Response::new(200, [], ""))
    ///     }
    ///
    ///     fn warning(&self) -> Option<Error> {
    ///         self.renewal.lock().unwrap().take()
    ///     }
    /// }
    /// # let renewal = Mutex::new(Some(Error::setting("client_certificate_file", "is empty")));
    /// # let transport = Mutual { renewal };
    /// # assert!(transport.warning().is_some() && transport.warning().is_none());
    /// ```
    fn warning(&self) -> Option<Error> {
        None
    }
}

/// The maximum length of a response's body: 1 MiB.
pub const MAX_BODY: u64 = 1024 * 1024;

/// Why there is no response, and whether the server may have received the request.
#[derive(Clone, Debug)]
pub enum SendError {
    /// No byte of the request was sent. Sending it again is safe.
    NotSent(Error),
    /// The server may have received and processed the request.
    MaybeSent(Error),
}

impl SendError {
    /// Returns the error, whether or not the request was sent.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind, SendError};
    ///
    /// let error = Error::new(ErrorKind::Connect, "connection refused");
    /// assert_eq!(SendError::NotSent(error).into_error().kind(), ErrorKind::Connect);
    /// ```
    pub fn into_error(self) -> Error {
        match self {
            Self::NotSent(error) | Self::MaybeSent(error) => error,
        }
    }
}
