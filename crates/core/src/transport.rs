//! What carries a request to a server and brings back the answer.

mod network;
#[cfg(feature = "ureq")]
mod ureq;

use std::fmt;

pub use self::network::Network;
#[cfg(feature = "ureq")]
pub use self::ureq::{Transports, UreqTransport};
use crate::{Error, Request, Response};

/// Sends one request and returns one answer, whatever its status.
///
/// An implementation follows no redirect, retries nothing, ends within a total time limit, reads
/// at most [`MAX_BODY`] bytes, and uses a fresh connection where [`Request::is_single_use`]: what
/// is sent must be sent once.
///
/// # Example
///
/// A transport for a test, which answers without a network:
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
    /// Sends the request and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// [`SendError`], which says whether any of the request can have reached the server.
    fn send(&self, request: &Request) -> Result<Response, SendError>;

    /// What is wrong although requests still go out, such as a changed `ca_file` that cannot be used.
    /// A client asks after each request, and reports it to [`crate::ClientBuilder::on_warning`].
    fn warning(&self) -> Option<Error> {
        None
    }
}

/// The most that is read of an answer's body: 1 MiB.
pub const MAX_BODY: u64 = 1024 * 1024;

/// Why there is no answer, and whether the server can have seen the request.
#[derive(Clone, Debug)]
pub enum SendError {
    /// Not one byte of the request left: sending it again is safe.
    NotSent(Error),
    /// The request may have arrived and been acted on.
    MaybeSent(Error),
}

impl SendError {
    /// The error, without the knowledge of what was sent.
    pub fn into_error(self) -> Error {
        match self {
            Self::NotSent(error) | Self::MaybeSent(error) => error,
        }
    }
}
