//! One browser connection: hears one small request without ever blocking, and answers it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::page;
use crate::Url;

/// The longest request that is heard.
const MOST_BYTES: usize = 16 * 1024;
/// The longest that one may take to say it.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Visitor {
    stream: TcpStream,
    heard: Vec<u8>,
    deadline: Instant,
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
        Some(Self {
            stream,
            heard: Vec::new(),
            deadline: Instant::now() + PATIENCE,
        })
    }

    /// Reads what is there, and judges it once it is whole.
    pub(super) fn hear(&mut self, redirect_uri: &Url) -> Visit {
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Visit::Over,
                Ok(count) => self.heard.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Visit::Over,
            }
            if self.heard.len() > MOST_BYTES {
                return Visit::Over;
            }
        }
        match judge(&self.heard, redirect_uri) {
            Judgement::Partial if Instant::now() < self.deadline => Visit::Unfinished,
            Judgement::Partial => Visit::Over,
            Judgement::Refused => {
                self.say(page::NOT_FOUND);
                Visit::Over
            }
            Judgement::Query(query) => Visit::Asks(query),
        }
    }

    /// Sends a page and closes. A browser that does not listen misses only the page.
    pub(super) fn say(&mut self, page: &str) {
        let _ = self.stream.set_nonblocking(false);
        let _ = self.stream.set_write_timeout(Some(PATIENCE));
        let _ = self.stream.write_all(page.as_bytes());
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Partial,
    Refused,
    Query(String),
}

/// A request is ours if it is a GET for our path, to our host and port, sent by no other site's page.
fn judge(heard: &[u8], redirect_uri: &Url) -> Judgement {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(heard) {
        Ok(httparse::Status::Partial) => return Judgement::Partial,
        Ok(httparse::Status::Complete(_)) => {}
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
