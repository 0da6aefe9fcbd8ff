//! The default transport: ureq 3 over rustls with ring.

mod client_certificate;
mod connect;
mod encoding;
mod explain;
mod route;
mod shared;
mod tls;
mod trust;

use std::fmt;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use self::encoding::{Received, TooLong};
use self::explain::Explain;
use self::route::Route;
pub use self::shared::Transports;
use self::trust::Trust;
use crate::{Error, ErrorKind, MAX_BODY, Network, Request, Response, SendError, Transport};

/// The default transport: HTTP/1.1 with rustls, without redirects or retries, with one total time
/// limit. Only uses the proxy that is set, and none for loopback addresses.
///
/// An idle transport holds no connection: connections are reused only by requests that follow
/// within seconds. Transports from the same [`Transports`] share connections and TLS sessions.
pub struct UreqTransport {
    route: Arc<Route>,
    timeout: Duration,
}

impl UreqTransport {
    /// Builds a transport from network settings: `timeout_ms`, `proxy`, `roots`, `ca_file`,
    /// `ca_only`. If you have many connections, use [`Transports::get`] instead.
    ///
    /// # Errors
    ///
    /// If `ca_file` can't be read or contains no certificate, the system's roots can't be loaded,
    /// or `proxy` is not a valid URL.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Network, UreqTransport};
    ///
    /// let transport = UreqTransport::new(&Network::default())?;
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn new(network: &Network) -> Result<Self, Error> {
        let trust = Arc::new(Trust::new(network)?);
        let route = Route::new(network.proxy.as_ref(), trust)?;
        Ok(Self::over(Arc::new(route), network.timeout))
    }

    fn over(route: Arc<Route>, timeout: Duration) -> Self {
        Self { route, timeout }
    }
}

impl Transport for UreqTransport {
    fn warning(&self) -> Option<Error> {
        self.route.warning()
    }

    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let explain = Explain {
            request,
            timeout: self.timeout,
            proxy: self.route.proxy(),
        };
        let builder = request.headers().fold(
            http::Request::builder()
                .method(request.method().as_str())
                .uri(request.full_url().as_str())
                .header("Accept-Encoding", "identity"),
            |builder, (name, value)| builder.header(name, value.expose()),
        );
        let sending = self.route.begin(request.is_single_use());
        // The proxy's loopback is on the proxy's machine, which would receive secrets in cleartext.
        let direct = request.url().is_loopback();
        let response = match request.body() {
            None => builder
                .body(())
                .map(|request| sending.run(request, self.timeout, direct)),
            Some(body) => {
                let builder = match request.content_type() {
                    Some(kind) => builder.header("Content-Type", kind),
                    None => builder,
                };
                builder
                    .body(body.as_bytes())
                    .map(|request| sending.run(request, self.timeout, direct))
            }
        };
        // Only an invalid header fails here, before anything is sent.
        let response = response.map_err(|error| {
            let message = format!("the request cannot be built: {error}");
            SendError::NotSent(Error::new(ErrorKind::Setting, message))
        })?;
        let fail = |error| explain.error(error);
        let mut response = response.map_err(fail)?;
        // Large enough for most responses: growing would leave copies of tokens behind.
        let mut body = Zeroizing::new(Vec::with_capacity(16 * 1024));
        let mut reader = response
            .body_mut()
            .with_config()
            .limit(MAX_BODY + 1) // ureq's limit is the first length that is too long
            .reader();
        if let Err(error) = reader.read_to_end(&mut body)
            && !is_whole(&body)
        {
            return Err(fail(error.into()));
        }
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
        let received = Received {
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body,
        };
        let Received { headers, body } = received
            .decode()
            .map_err(|TooLong| SendError::MaybeSent(explain.too_long()))?;
        Ok(Response {
            status: response.status().as_u16(),
            headers,
            body,
        })
    }
}

/// Whether a body is a complete JSON object even though the connection ended before the declared
/// `Content-Length`. It may hold the only copy of a new refresh token.
fn is_whole(body: &[u8]) -> bool {
    body.len() as u64 <= MAX_BODY
        && body.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

impl fmt::Debug for UreqTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UreqTransport")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
