//! A transport that tells what it does: where requests go and what comes back, never a value of them.

use std::fmt;
use std::time::Instant;

use countersign::{Error, Form, Method, Request, Response, SendError, Transport};

/// A transport whose requests and answers are told line by line. A line says whether it is a detail;
/// none holds a value that is sent, a query or a body.
pub struct Observed<T, F> {
    inner: T,
    tell: F,
}

impl<T: Transport, F: Fn(bool, &str) + Send + Sync> Observed<T, F> {
    /// The same transport, telling. Lines come from whichever thread carries a request.
    pub fn new(inner: T, tell: F) -> Self {
        Self { inner, tell }
    }
}

impl<T: Transport, F: Fn(bool, &str) + Send + Sync> Transport for Observed<T, F> {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let tell = &self.tell;
        tell(false, &asked(request));
        let started = Instant::now();
        let outcome = self.inner.send(request);
        let took = started.elapsed().as_millis();
        match &outcome {
            Ok(response) => tell(false, &format!("{} after {took} ms", answered(response))),
            Err(SendError::NotSent(error)) => tell(false, &format!("not sent: {error}")),
            Err(SendError::MaybeSent(error)) => tell(false, &format!("perhaps sent: {error}")),
        }
        if let Ok(response) = &outcome {
            let names: Vec<_> = response.headers.iter().map(|(n, _)| n.as_str()).collect();
            tell(true, &format!("headers: {}", names.join(", ")));
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

fn asked(request: &Request) -> String {
    let method = match request.method() {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    let url = request.url();
    let mut names: Vec<_> = request.headers().map(|(name, _)| name).collect();
    names.extend(request.form().iter().flat_map(|form| Form::names(form)));
    // A query may hold something private.
    let (origin, path) = (url.origin(), url.path());
    format!("{method} {origin}{path} with {}", names.join(", "))
}

fn answered(response: &Response) -> String {
    let kind = response.header("content-type").unwrap_or("no type");
    let (status, length) = (response.status, response.body.len());
    format!("answered {status} with {length} bytes, {kind:?}")
}
