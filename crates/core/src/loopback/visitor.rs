//! A browser's connection. Reads one request without blocking, and sends one response.

#![expect(clippy::disallowed_types, reason = "the loopback server of a login")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::page;
use crate::Url;

/// The maximum length of a request's head. Browsers send all cookies of the host, including those
/// of programs on other ports.
const MAX_HEAD: usize = 256 * 1024;
/// The maximum number of headers.
const MAX_HEADERS: usize = 1024;
/// The maximum number of bytes to read and discard after the page was sent.
const MAX_DISCARDED: usize = 16 * 1024 * 1024;
/// The time limit for a request, and for writing its response.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Visitor {
    stream: TcpStream,
    received: Vec<u8>,
    last_read: Instant,
    deadline: Instant,
    /// The number of bytes discarded after a page was sent early. Closing a connection with unread
    /// bytes resets it, and the browser loses the page.
    discarded: Option<usize>,
}

/// The state of a visit.
pub(super) enum Visit {
    /// The request is not complete.
    Unfinished,
    /// The request was rejected, timed out, or its connection was closed.
    Over,
    /// A request for the redirect URI's path, with this query.
    Callback(String),
}

impl Visitor {
    pub(super) fn new(stream: TcpStream) -> Option<Self> {
        stream.set_nonblocking(true).ok()?;
        let now = Instant::now();
        Some(Self {
            stream,
            received: Vec::new(),
            last_read: now,
            deadline: now + TIMEOUT,
            discarded: None,
        })
    }

    /// Returns when bytes were last received.
    pub(super) fn last_read(&self) -> Instant {
        self.last_read
    }

    /// Reads the available bytes. Once the request is complete, validates it.
    pub(super) fn read(&mut self, redirect_uri: &Url) -> Visit {
        let mut chunk = [0; 4096];
        let before = self.received.len();
        loop {
            let count = match self.stream.read(&mut chunk) {
                Ok(0) => return Visit::Over,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Visit::Over,
            };
            self.last_read = Instant::now();
            if let Some(discarded) = &mut self.discarded {
                *discarded += count;
                if *discarded > MAX_DISCARDED {
                    return Visit::Over;
                }
                continue;
            }
            self.received.extend_from_slice(&chunk[..count]);
            if self.received.len() > MAX_HEAD {
                self.reject_size(redirect_uri);
            }
        }
        let unfinished = match Instant::now() < self.deadline {
            true => Visit::Unfinished,
            false => Visit::Over,
        };
        if self.discarded.is_some() || self.received.len() == before {
            return unfinished;
        }
        match parse(&self.received, redirect_uri) {
            Parsed::Partial => unfinished,
            Parsed::TooLarge => {
                self.reject_size(redirect_uri);
                Visit::Unfinished
            }
            Parsed::Rejected => {
                self.send(&page::not_found());
                Visit::Over
            }
            Parsed::Query(query) => Visit::Callback(query),
        }
    }

    /// Sends the page for a request that is too large, and keeps reading so that the browser
    /// receives the page.
    fn reject_size(&mut self, redirect_uri: &Url) {
        self.send(&page::too_large(MAX_HEAD, redirect_uri.host()));
        let _ = self.stream.set_nonblocking(true);
        self.discarded = Some(0);
        self.received = Vec::new();
        self.deadline = Instant::now() + TIMEOUT;
    }

    /// Sends a page and closes the connection. Ignores errors: the browser only misses the page.
    pub(super) fn send(&mut self, page: &str) {
        let _ = self.stream.set_nonblocking(false);
        let _ = self.stream.set_write_timeout(Some(TIMEOUT));
        let _ = self.stream.write_all(page.as_bytes());
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }
}

/// Returns the query of a complete request, like a [`Visitor`] but without a socket.
pub(super) fn query_of(request: &[u8], redirect_uri: &Url) -> Option<String> {
    if request.len() > MAX_HEAD {
        return None;
    }
    match parse(request, redirect_uri) {
        Parsed::Query(query) => Some(query),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Partial,
    TooLarge,
    Rejected,
    Query(String),
}

/// Accepts a GET for the redirect URI's path, host and port that no page of another site sent.
fn parse(received: &[u8], redirect_uri: &Url) -> Parsed {
    let mut headers = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(received) {
        Ok(httparse::Status::Partial) => return Parsed::Partial,
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Parsed::TooLarge,
        Err(_) => return Parsed::Rejected,
    }
    let values = |name: &str| -> Vec<&[u8]> {
        let of_name = request
            .headers
            .iter()
            .filter(|h| h.name.eq_ignore_ascii_case(name));
        of_name.map(|header| header.value).collect()
    };
    let hosts = values("host");
    let is_ours = hosts.len() == 1
        && hosts[0].eq_ignore_ascii_case(redirect_uri.authority().as_bytes())
        && values("origin").is_empty();
    let target = request.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !is_ours || request.method != Some("GET") || path != redirect_uri.path() {
        return Parsed::Rejected;
    }
    Parsed::Query(query.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_for_the_redirect_uri_are_accepted() {
        let ours = Url::parse("http://127.0.0.1:20001/callback").unwrap();
        let parsed = |text: &str| parse(text.as_bytes(), &ours);
        let host = "Host: 127.0.0.1:20001\r\n\r\n";
        assert_eq!(
            parsed(&format!("GET /callback?code=a&state=b HTTP/1.1\r\n{host}")),
            Parsed::Query("code=a&state=b".into())
        );
        assert_eq!(
            parsed("GET /callback HTTP/1.1\r\nHost: 127"),
            Parsed::Partial
        );
        for request in [
            format!("POST /callback?code=a HTTP/1.1\r\n{host}"),
            format!("GET /favicon.ico HTTP/1.1\r\n{host}"),
            format!("GET /callback/ HTTP/1.1\r\n{host}"),
            "GET /callback?code=a HTTP/1.1\r\n\r\n".into(),
            "GET /callback?code=a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".into(),
            "GET /callback?code=a HTTP/1.1\r\nHost: 127.0.0.1:20001.attacker.example\r\n\r\n"
                .into(),
            "GET /callback?code=a HTTP/1.1\r\nHost: localhost:20001\r\n\r\n".into(),
            format!("GET /callback?code=a HTTP/1.1\r\nHost: evil\r\n{host}"),
            format!("GET /callback?code=a HTTP/1.1\r\nOrigin: https://evil.example\r\n{host}"),
            "\x16\x03\x01\x02 tls hello\r\n\r\n".into(),
        ] {
            assert_eq!(parsed(&request), Parsed::Rejected, "{request}");
        }
    }
}
