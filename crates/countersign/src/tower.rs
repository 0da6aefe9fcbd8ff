//! A tower layer that adds a client's token to requests, and gets a new one after a 401.
//!
//! # Example
//!
//! ```no_run
//! use countersign::tower::AuthorizationLayer;
//! use http_body_util::Full;
//! use hyper_util::client::legacy::{Client, connect::HttpConnector};
//! use hyper_util::rt::TokioExecutor;
//! use tower_layer::Layer;
//!
//! # fn main() -> Result<(), countersign::Error> {
//! // The connector of a real program speaks TLS.
//! let http: Client<HttpConnector, Full<&[u8]>> = Client::builder(TokioExecutor::new()).build_http();
//! let client = countersign::load("work")?;
//! let layer = AuthorizationLayer::<Full<&[u8]>>::new(client, "https://demo.docusign.net")?;
//! let api = layer.layer(http);
//! # Ok(()) }
//! ```

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode, Uri};
use tower_layer::Layer;
use tower_service::Service;

use crate::adapter::{authorize, other, usage};
use crate::core::Url;
use crate::{Client, Error, Token};

/// The error of an [`Authorized`] service: a [`countersign::Error`](crate::Error), or the error of
/// the service that it wraps.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A layer that adds a token to each request to one origin.
///
/// If the API responds with 401, the token is invalidated, and the request is sent once more with
/// another token if its body can be cloned. The second response is returned, whatever it is.
///
/// Requests to another origin (scheme, host or port) fail, so that no redirect can take the token
/// elsewhere. The service that the layer wraps must not follow redirects itself.
///
/// It waits for a token without blocking the runtime.
pub struct AuthorizationLayer<B> {
    client: Client,
    origin: Arc<Url>,
    clone_body: fn(&B) -> Option<B>,
}

impl<B> AuthorizationLayer<B> {
    /// Creates a layer for requests to this origin, such as `https://api.example.com`.
    ///
    /// # Errors
    ///
    /// As [`Url::parse`]: the scheme must be https, except on a loopback address.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign::testing;
    /// use countersign::tower::AuthorizationLayer;
    ///
    /// let client = testing::client([]).client;
    /// assert!(AuthorizationLayer::<String>::new(client.clone(), "https://api.example.com").is_ok());
    /// // No token is sent in clear text.
    /// assert!(AuthorizationLayer::<String>::new(client, "http://api.example.com").is_err());
    /// ```
    pub fn new(client: Client, origin: &str) -> Result<Self, Error>
    where
        B: Clone,
    {
        Self::with_clone_body(client, origin, |body| Some(body.clone()))
    }

    /// Like [`AuthorizationLayer::new`], for bodies that can't always be cloned.
    ///
    /// If `clone_body` returns `None`, a request is not sent again.
    ///
    /// # Errors
    ///
    /// As [`AuthorizationLayer::new`].
    pub fn with_clone_body(
        client: Client,
        origin: &str,
        clone_body: fn(&B) -> Option<B>,
    ) -> Result<Self, Error> {
        Ok(Self {
            client,
            origin: Arc::new(Url::parse(origin)?),
            clone_body,
        })
    }

    /// Returns an error unless this is a URL of the origin.
    fn check_origin(&self, uri: &Uri) -> Result<(), Error> {
        let origin = &self.origin;
        let scheme = uri.scheme_str().unwrap_or_default();
        let host = uri.host().unwrap_or_default();
        let default = if scheme == "https" { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        if scheme == origin.scheme()
            && host.eq_ignore_ascii_case(origin.host())
            && port == origin.port()
        {
            return Ok(());
        }
        let origin = origin.origin();
        let message = format!("the token is only for {origin}, not for {scheme}://{host}:{port}");
        Err(usage(message).with_hint("write the whole URL, and use one layer for each origin"))
    }
}

impl<B> Clone for AuthorizationLayer<B> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            origin: Arc::clone(&self.origin),
            clone_body: self.clone_body,
        }
    }
}

impl<B> fmt::Debug for AuthorizationLayer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationLayer")
            .field("connection", &self.client.connection().name())
            .field("origin", &self.origin.origin())
            .finish_non_exhaustive()
    }
}

impl<S, B> Layer<S> for AuthorizationLayer<B> {
    type Service = Authorized<S, B>;

    fn layer(&self, inner: S) -> Self::Service {
        Authorized {
            layer: self.clone(),
            inner,
        }
    }
}

/// A service that adds a token to each request. [`AuthorizationLayer`] makes it.
pub struct Authorized<S, B> {
    layer: AuthorizationLayer<B>,
    inner: S,
}

impl<S: Clone, B> Clone for Authorized<S, B> {
    fn clone(&self) -> Self {
        Self {
            layer: self.layer.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<S: fmt::Debug, B> fmt::Debug for Authorized<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorized")
            .field("layer", &self.layer)
            .field("inner", &self.inner)
            .finish()
    }
}

impl<S, B, R> Service<Request<B>> for Authorized<S, B>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Send + 'static,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let layer = self.layer.clone();
        // This one is ready. Its clone need not be.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        Box::pin(layer.send(inner, request))
    }
}

impl<B> AuthorizationLayer<B> {
    async fn send<S, R>(self, mut inner: S, request: Request<B>) -> Result<Response<R>, BoxError>
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Error: Into<BoxError>,
    {
        self.check_origin(request.uri())?;
        let token = self.client.token_async().await?;
        let (parts, body) = request.into_parts();
        let again = (self.clone_body)(&body).map(|body| Request::from_parts(parts.clone(), body));
        let first = with_token(Request::from_parts(parts, body), &token)?;
        let response = inner.call(first).await.map_err(Into::<BoxError>::into)?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.client.invalidate(&token);
        let Some(again) = again else {
            return Ok(response);
        };
        let Some(other) = other(self.client.token_async().await?, &token) else {
            return Ok(response);
        };
        drop(response);
        poll_fn(|context| inner.poll_ready(context))
            .await
            .map_err(Into::<BoxError>::into)?;
        let again = with_token(again, &other)?;
        inner.call(again).await.map_err(Into::into)
    }
}

fn with_token<B>(mut request: Request<B>, token: &Token) -> Result<Request<B>, Error> {
    authorize(request.headers_mut(), token)?;
    Ok(request)
}
