//! What `-v` shows of the network: where requests go and what comes back, never a value of them.

use std::io::Write;
use std::time::Instant;

use countersign::{
    Error, Form, Method, Network, Request, Response, SendError, Transport, UreqTransport,
};

/// The usual transport, telling on stderr what it does.
#[derive(Debug)]
pub(crate) struct Traced {
    inner: UreqTransport,
    verbosity: u8,
}

impl Traced {
    pub(crate) fn new(network: &Network, verbosity: u8) -> Result<Self, Error> {
        let inner = UreqTransport::new(network)?;
        Ok(Self { inner, verbosity })
    }
}

impl Transport for Traced {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        if self.verbosity == 0 {
            return self.inner.send(request);
        }
        say(&asked(request));
        let started = Instant::now();
        let outcome = self.inner.send(request);
        let took = started.elapsed().as_millis();
        match &outcome {
            Ok(response) => say(&format!("{} after {took} ms", answered(response))),
            Err(SendError::NotSent(error)) => say(&format!("not sent: {error}")),
            Err(SendError::MaybeSent(error)) => say(&format!("perhaps sent: {error}")),
        }
        if let (Ok(response), true) = (&outcome, self.verbosity > 1) {
            let names: Vec<_> = response.headers.iter().map(|(n, _)| n.as_str()).collect();
            say(&format!("headers: {}", names.join(", ")));
        }
        outcome
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

fn say(text: &str) {
    // Requests are sent on a thread of the keeper's, which no `Output` reaches.
    let _ = writeln!(std::io::stderr().lock(), "# {text}");
}
