//! Explains what failed, and whether any part of the request may have been sent.

use std::io;
use std::time::Duration;

use ureq::Proxy;

use super::connect::{NotConnected, Step};
use super::tls::CertificateDemanded;
use crate::certificates::Rejected;
use crate::{Error, ErrorKind, MAX_BODY, Request, SendError, Verdict};

/// The request that failed and how it was sent.
pub(super) struct Explain<'a> {
    pub(super) request: &'a Request,
    pub(super) timeout: Duration,
    pub(super) proxy: Option<&'a Proxy>,
}

impl Explain<'_> {
    pub(super) fn error(&self, error: ureq::Error) -> SendError {
        match error {
            ureq::Error::Other(source) => match source.downcast::<NotConnected>() {
                Ok(why) if why.at_proxy => SendError::NotSent(self.proxy_failed(&why)),
                Ok(why) => SendError::NotSent(self.not_connected(&why)),
                Err(other) => SendError::MaybeSent(self.interrupted(&other.to_string())),
            },
            ureq::Error::BodyExceedsLimit(_) => SendError::MaybeSent(self.too_long()),
            ureq::Error::Timeout(_) => {
                let text = format!("no complete response within {}", self.limit());
                SendError::MaybeSent(self.interrupted(&text))
            }
            // With TLS 1.3 the server reports this only after the client has finished its part of
            // the handshake. It has not read the request.
            ureq::Error::Io(error) if CertificateDemanded::is(&error) => {
                SendError::NotSent(self.demands_certificate())
            }
            ureq::Error::Io(error) => SendError::MaybeSent(self.interrupted(&error.to_string())),
            other => SendError::MaybeSent(self.interrupted(&other.to_string())),
        }
    }

    /// The error for a body over the limit, decoded or not.
    pub(super) fn too_long(&self) -> Error {
        let message = format!(
            "the response of {} is longer than {MAX_BODY} bytes",
            self.origin()
        );
        Error::new(ErrorKind::Unreadable, message)
            .with_hint("check base_url and token_url: token responses are never that long")
    }

    fn not_connected(&self, why: &NotConnected) -> Error {
        let origin = self.origin();
        if let Some(error) = out_of_descriptors(origin, &why.error, why.step) {
            return error;
        }
        if why.step == Step::Resolve {
            let text = format!("its host name does not resolve: {}", unknown(&why.error));
            let hint = "check the host name in base_url or token_url, and this machine's DNS";
            return unreachable(origin, &text).with_hint(hint);
        }
        match self.tls_failed(origin, &why.error) {
            Some(error) => error,
            None => unreachable(origin, &self.words(&why.error)).with_hint(
                "check that the server is running, and that no firewall blocks the connection",
            ),
        }
    }

    /// The error for a proxy that can't be reached or doesn't let the request through.
    fn proxy_failed(&self, why: &NotConnected) -> Error {
        let proxy = self.proxy.map_or_else(String::new, |proxy| {
            format!("{}:{}", proxy.host(), proxy.port())
        });
        let name = format!("the proxy {proxy}");
        let named = |error: Error| error.with_setting("proxy");
        if let Some(error) = out_of_descriptors(&name, &why.error, why.step) {
            return error;
        }
        match (why.step, &why.error) {
            (Step::Resolve, error) => named(
                unreachable(
                    &name,
                    &format!("its host name does not resolve: {}", unknown(error)),
                )
                .with_hint("check the host name in proxy, and this machine's DNS"),
            ),
            (Step::Connect, error) => named(self.tls_failed(&name, error).unwrap_or_else(|| {
                unreachable(&name, &self.words(error))
                    .with_hint("check that the proxy is running, or set proxy to another one")
            })),
            (Step::Tunnel, ureq::Error::ConnectProxyFailed(text)) => {
                named(self.tunnel_rejected(&name, text))
            }
            (Step::Tunnel, ureq::Error::Protocol(_)) => named(
                unreachable(&name, "its response is not HTTP")
                    .with_verdict(Verdict::FixConfiguration)
                    .with_hint("set proxy to the address of an HTTP proxy"),
            ),
            (Step::Tunnel, error) => {
                let text = format!("no tunnel to {}: {}", self.origin(), self.words(error));
                named(unreachable(&name, &text).with_hint("check that proxy names an HTTP proxy"))
            }
        }
    }

    /// The error for the status of the proxy's response to CONNECT.
    fn tunnel_rejected(&self, name: &str, text: &str) -> Error {
        let origin = self.origin();
        // ureq only returns it as text: "proxy server responded 407/407".
        let status = text
            .rsplit('/')
            .next()
            .and_then(|word| word.parse::<u16>().ok());
        let has_login = self.proxy.is_some_and(|proxy| proxy.username().is_some());
        let (text, verdict, hint) = match (status, has_login) {
            (Some(407), false) => (
                format!("{name} requires a user name and password (407)"),
                Verdict::FixConfiguration,
                "set proxy to http://user:password@host:port".to_owned(),
            ),
            (Some(407), true) => (
                format!("{name} rejected the user name or password in `proxy` (407)"),
                Verdict::FixConfiguration,
                "correct them in proxy, and percent-encode special characters: @ is %40".to_owned(),
            ),
            (Some(status @ (408 | 429 | 500..)), _) => (
                format!("{name} could not reach {origin} ({status})"),
                Verdict::Retry,
                format!("check that {origin} can be reached from the proxy"),
            ),
            (Some(status), _) => (
                format!("{name} rejected the connection to {origin} ({status})"),
                Verdict::FixConfiguration,
                format!("allow {origin} in the proxy, or set proxy to another one"),
            ),
            (None, _) => (
                format!("{name} closed the connection without a response"),
                Verdict::Retry,
                "check that proxy names an HTTP proxy".to_owned(),
            ),
        };
        let error = Error::new(ErrorKind::Connect, text)
            .with_verdict(verdict)
            .with_hint(hint);
        match status {
            Some(status) => error.with_http_status(status),
            None => error,
        }
    }

    fn tls_failed(&self, whom: &str, error: &ureq::Error) -> Option<Error> {
        let text = match error {
            ureq::Error::Io(io) if CertificateDemanded::is(io) => {
                return Some(self.demands_certificate());
            }
            ureq::Error::Io(io) => {
                let tls = io.get_ref()?.downcast_ref::<rustls::Error>()?;
                return Some(tls_rejected(whom, tls));
            }
            ureq::Error::Tls(text) => (*text).to_owned(),
            _ => return None,
        };
        Some(Error::new(
            ErrorKind::Tls,
            format!("TLS with {whom} failed: {text}"),
        ))
    }

    fn demands_certificate(&self) -> Error {
        let origin = self.origin();
        Error::new(
            ErrorKind::Tls,
            format!("{origin} accepts only clients that have a TLS certificate (mutual TLS)"),
        )
        .with_setting("client_certificate_file")
        .with_hint(
            "set client_certificate_file and client_certificate_key_file to a certificate that the vendor has accepted, or base_url or token_url to its endpoint without mutual TLS",
        )
    }

    fn words(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::Timeout(_) => format!("no connection within {}", self.limit()),
            ureq::Error::Io(io) => io.to_string(),
            other => other.to_string(),
        }
    }

    fn limit(&self) -> String {
        format!("{} ms (timeout_ms)", self.timeout.as_millis())
    }

    fn origin(&self) -> &str {
        self.request.url().origin()
    }

    fn interrupted(&self, why: &str) -> Error {
        let origin = self.origin();
        Error::new(
            ErrorKind::Interrupted,
            format!("{origin} was sent the request but returned no complete response: {why}"),
        )
    }
}

fn unreachable(whom: &str, why: &str) -> Error {
    let message = format!("{whom} cannot be reached: {why}");
    Error::new(ErrorKind::Connect, message)
}

fn unknown(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "unknown host".to_owned(),
        error => error.to_string(),
    }
}

/// Whether the process or the machine has run out of file descriptors. Retrying doesn't fix that.
fn out_of_descriptors(whom: &str, error: &ureq::Error, step: Step) -> Option<Error> {
    let exhausted = match (step, error) {
        // The resolver reports this as some other error, so try to open a socket.
        (Step::Resolve, _) => std::net::UdpSocket::bind(("127.0.0.1", 0)).err()?,
        (_, ureq::Error::Io(io)) => io::Error::from_raw_os_error(io.raw_os_error()?),
        _ => return None,
    };
    if !is_out_of_descriptors(&exhausted) {
        return None;
    }
    Some(
        unreachable(whom, &exhausted.to_string())
            .with_verdict(Verdict::FixConfiguration)
            .with_hint(
                "raise the limit on open files (ulimit -n, or LimitNOFILE= in a systemd unit), or find the files that this program leaves open",
            ),
    )
}

/// EMFILE and ENFILE, the same numbers on every Unix; WSAEMFILE.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(code) if cfg!(windows) => code == 10_024,
        Some(code) => code == 24 || code == 23,
        None => false,
    }
}

fn tls_rejected(whom: &str, error: &rustls::Error) -> Error {
    if let Some(rejected) = Rejected::of(error) {
        let message = format!("TLS with {whom} failed: {}", rejected.message);
        let error = Error::new(ErrorKind::Tls, message).with_hint(rejected.hint.clone());
        return match rejected.setting {
            Some(setting) => error.with_setting(setting),
            None => error,
        };
    }
    Error::new(ErrorKind::Tls, format!("TLS with {whom} failed: {error}")).with_hint(match error {
        rustls::Error::InvalidCertificate(_) => "have the server's certificate renewed",
        _ => "check that base_url and token_url name a TLS port, and that no proxy intercepts the connection",
    })
}
