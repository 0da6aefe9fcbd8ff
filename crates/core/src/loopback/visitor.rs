//! One browser connection: hears one small request without ever blocking, and answers it.

#![expect(clippy::disallowed_types, reason = "the end that listens for a login")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::page;
use crate::Url;

/// The longest head of a request that is read. Browsers send every cookie of this host, whatever
/// port it was set from.
const MAX_HEAD: usize = 256 * 1024;
/// The most headers that it may have.
const MAX_HEADERS: usize = 1024;
/// The most that is read and thrown away after a page was sent.
const MAX_DISCARDED: usize = 16 * 1024 * 1024;
/// The longest that one may take to say it.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Visitor {
    stream: TcpStream,
    heard: Vec<u8>,
    heard_at: Instant,
    deadline: Instant,
    /// How much was thrown away, once a page was sent before all was read: a connection that is
    /// closed with bytes unread is reset, and its page lost.
    discarded: Option<usize>,
}

/// How far a visit is.
pub(super) enum Visit {
    /// There may be more to come.
    Unfinished,
    /// It was refused, or the visitor went away.
    Over,
    /// A request for our path, with this query.
    Asks(String),
}

impl Visitor {
    pub(super) fn new(stream: TcpStream) -> Option<Self> {
        stream.set_nonblocking(true).ok()?;
        let now = Instant::now();
        Some(Self {
            stream,
            heard: Vec::new(),
            heard_at: now,
            deadline: now + PATIENCE,
            discarded: None,
        })
    }

    /// When it last said something.
    pub(super) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Reads what is there, and judges it once it is whole.
    pub(super) fn hear(&mut self, redirect_uri: &Url) -> Visit {
        let mut chunk = [0; 4096];
        let before = self.heard.len();
        loop {
            let count = match self.stream.read(&mut chunk) {
                Ok(0) => return Visit::Over,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Visit::Over,
            };
            self.heard_at = Instant::now();
            if let Some(discarded) = &mut self.discarded {
                *discarded += count;
                if *discarded > MAX_DISCARDED {
                    return Visit::Over;
                }
                continue;
            }
            self.heard.extend_from_slice(&chunk[..count]);
            if self.heard.len() > MAX_HEAD {
                self.refuse_size(redirect_uri);
            }
        }
        let unfinished = match Instant::now() < self.deadline {
            true => Visit::Unfinished,
            false => Visit::Over,
        };
        if self.discarded.is_some() || self.heard.len() == before {
            return unfinished;
        }
        match judge(&self.heard, redirect_uri) {
            Judgement::Partial => unfinished,
            Judgement::TooLarge => {
                self.refuse_size(redirect_uri);
                Visit::Unfinished
            }
            Judgement::Refused => {
                self.say(&page::not_found());
                Visit::Over
            }
            Judgement::Query(query) => Visit::Asks(query),
        }
    }

    /// Says that the request is too large, and goes on reading so that the browser gets to read.
    fn refuse_size(&mut self, redirect_uri: &Url) {
        self.say(&page::too_large(MAX_HEAD, redirect_uri.host()));
        let _ = self.stream.set_nonblocking(true);
        self.discarded = Some(0);
        self.heard = Vec::new();
        self.deadline = Instant::now() + PATIENCE;
    }

    /// Sends a page and closes. A browser that does not listen misses only the page.
    pub(super) fn say(&mut self, page: &str) {
        let _ = self.stream.set_nonblocking(false);
        let _ = self.stream.set_write_timeout(Some(PATIENCE));
        let _ = self.stream.write_all(page.as_bytes());
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }
}

/// The query of a whole request, if it is one that is heard: what a [`Visitor`] does, without a socket.
pub(super) fn query_of(request: &[u8], redirect_uri: &Url) -> Option<String> {
    if request.len() > MAX_HEAD {
        return None;
    }
    match judge(request, redirect_uri) {
        Judgement::Query(query) => Some(query),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Partial,
    TooLarge,
    Refused,
    Query(String),
}

/// A request is ours if it is a GET for our path, to our host and port, sent by no other site's page.
fn judge(heard: &[u8], redirect_uri: &Url) -> Judgement {
    let mut headers = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(heard) {
        Ok(httparse::Status::Partial) => return Judgement::Partial,
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Judgement::TooLarge,
        Err(_) => return Judgement::Refused,
    }
    let values = |name: &str| -> Vec<&[u8]> {
        let of_name = request
            .headers
            .iter()
            .filter(|h| h.name.eq_ignore_ascii_case(name));
        of_name.map(|header| header.value).collect()
    };
    let hosts = values("host");
    let for_us = hosts.len() == 1
        && hosts[0].eq_ignore_ascii_case(redirect_uri.authority().as_bytes())
        && values("origin").is_empty();
    let target = request.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !for_us || request.method != Some("GET") || path != redirect_uri.path() {
        return Judgement::Refused;
    }
    Judgement::Query(query.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_requests_are_heard() {
        let ours = Url::parse("http://127.0.0.1:20001/callback").unwrap();
        let judged = |text: &str| judge(text.as_bytes(), &ours);
        let host = "Host: 127.0.0.1:20001\r\n\r\n";
        assert_eq!(
            judged(&format!("GET /callback?code=a&state=b HTTP/1.1\r\n{host}")),
            Judgement::Query("code=a&state=b".into())
        );
        assert_eq!(
            judged("GET /callback HTTP/1.1\r\nHost: 127"),
            Judgement::Partial
        );
        for refused in [
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
            assert_eq!(judged(&refused), Judgement::Refused, "{refused}");
        }
    }
}
