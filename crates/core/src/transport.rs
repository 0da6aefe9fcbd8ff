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

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(error) => write!(f, "not sent: {error}"),
            Self::MaybeSent(error) => write!(f, "maybe sent: {error}"),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotSent(error) | Self::MaybeSent(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::{ErrorKind, jose, store, trusted};

    /// Returns the messages of an error and its causes.
    fn chain(error: &dyn std::error::Error) -> Vec<String> {
        let mut messages = vec![error.to_string()];
        let mut error = error;
        while let Some(cause) = error.source() {
            messages.push(cause.to_string());
            error = cause;
        }
        messages
    }

    #[test]
    fn every_error_returns_its_cause() {
        let cause = || std::io::Error::other("the disk is gone");
        let of_store = store::Error::new(store::ErrorKind::Unusable, "store").with_source(cause());
        assert_eq!(chain(&of_store), ["store", "the disk is gone"]);
        assert_eq!(chain(&Error::from(of_store)), ["store", "the disk is gone"]);
        let of_key = jose::Error::new(jose::ErrorKind::Signing, "key").with_source(cause());
        assert_eq!(chain(&of_key), ["key", "the disk is gone"]);
        assert_eq!(chain(&Error::from(of_key)), ["key", "the disk is gone"]);

        let error = Error::new(ErrorKind::Interrupted, "cut off").with_source(cause());
        let chained = jose::Error::from(error.clone());
        assert_eq!(chained.source().unwrap().to_string(), "cut off");
        let sending = SendError::MaybeSent(error);
        let messages = ["maybe sent: cut off", "cut off", "the disk is gone"];
        assert_eq!(chain(&sending), messages);
        let unopened = trusted::OpenError::from(cause());
        assert_eq!(unopened.source().unwrap().to_string(), "the disk is gone");
    }
}
