//! A transport that logs requests and responses, but never a value of theirs.

use std::fmt;
use std::time::Instant;

use countersign_core::{Error, Form, Request, Response, SendError, Transport};

/// Wraps a transport and logs its requests and responses, line by line.
///
/// No line contains a value that is sent, a query or a body.
pub struct Observed<T, F> {
    inner: T,
    log: F,
}

impl<T: Transport, F: Fn(bool, &str) + Send + Sync> Observed<T, F> {
    /// Wraps a transport.
    ///
    /// `log` receives each line, and whether it is a detail. Calls come from the thread that sends
    /// the request.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use countersign::Observed;
    /// use countersign::core::{Request, Response, SendError, Transport, Url};
    ///
    /// # #[derive(Debug)]
    /// # struct Canned;
    /// # impl Transport for Canned {
    /// #     fn send(&self, _: &Request) -> Result<Response, SendError> {
    /// #         Ok(Response::new(200, [], "{}"))
    /// #     }
    /// # }
    /// # let transport = Canned;
    /// let lines = Mutex::new(Vec::new());
    /// let observed = Observed::new(transport, |_, line: &str| lines.lock().unwrap().push(line.to_owned()));
    /// let url = Url::parse("https://login.acme.example/jwks?key=s3cret")?;
    /// assert!(observed.send(&Request::get(url)).is_ok());
    /// assert_eq!(lines.lock().unwrap()[0], "GET https://login.acme.example/jwks with Accept");
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn new(inner: T, log: F) -> Self {
        Self { inner, log }
    }
}

impl<T: Transport, F: Fn(bool, &str) + Send + Sync> Transport for Observed<T, F> {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let log = &self.log;
        log(false, &request_line(request));
        let started = Instant::now();
        let outcome = self.inner.send(request);
        let took = started.elapsed().as_millis();
        match &outcome {
            Ok(response) => log(
                false,
                &format!("{} after {took} ms", response_line(response)),
            ),
            Err(SendError::NotSent(error)) => log(false, &format!("not sent: {error}")),
            Err(SendError::MaybeSent(error)) => log(false, &format!("maybe sent: {error}")),
        }
        if let Ok(response) = &outcome {
            let names: Vec<_> = response.headers.iter().map(|(n, _)| n.as_str()).collect();
            log(true, &format!("headers: {}", names.join(", ")));
        }
        outcome
    }

    fn warning(&self) -> Option<Error> {
        self.inner.warning()
    }
}

impl<T: fmt::Debug, F> fmt::Debug for Observed<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

fn request_line(request: &Request) -> String {
    let method = request.method().as_str();
    let url = request.url();
    let mut names: Vec<_> = request.headers().map(|(name, _)| name).collect();
    names.extend(request.form().iter().flat_map(|form| Form::names(form)));
    // Without the query, which may contain something private.
    let (origin, path) = (url.origin(), url.path());
    format!("{method} {origin}{path} with {}", names.join(", "))
}

fn response_line(response: &Response) -> String {
    let kind = response.header("content-type").unwrap_or("no type");
    let (status, length) = (response.status, response.body.len());
    format!("response {status} with {length} bytes, {kind:?}")
}
