//! The default transport: ureq 3 over rustls with ring.

mod tls;
mod trust;

use std::fmt;
use std::time::Duration;

use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, TcpConnector,
    Transport as Connection,
};
use ureq::{Agent, Proxy};

use self::tls::Tls;
use crate::connection::Network;
use crate::{Error, ErrorKind, MAX_BODY, Request, Response, SendError, Transport};

/// Posts over HTTP/1.1 with TLS by rustls: status as data, no redirects, no retries, one total
/// time limit, no proxy but the one that is set.
pub struct UreqTransport {
    /// Keeps connections for what may be sent again.
    kept: Agent,
    /// Never reuses a connection: for what must be sent once.
    fresh: Agent,
    timeout: Duration,
}

impl UreqTransport {
    /// A transport by a connection's network settings: `timeout_ms`, `proxy`, `roots`, `ca_file`.
    ///
    /// # Errors
    ///
    /// Where `ca_file` cannot be read or holds no certificate, the system's roots cannot be
    /// loaded, or `proxy` is not a usable URL.
    pub fn new(network: &Network) -> Result<Self, Error> {
        let tls = Tls::new(trust::roots(network)?).map_err(|error| {
            let message = format!("TLS cannot be set up: {error}");
            Error::new(ErrorKind::Tls, message)
        })?;
        let proxy = network
            .proxy
            .as_ref()
            .map(|proxy| read_proxy(proxy.expose()))
            .transpose()?;
        let agent = |idle: usize| {
            let config = Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .timeout_global(Some(network.timeout))
                .max_response_header_size(64 * 1024)
                .max_idle_connections(idle)
                .max_idle_age(Duration::from_secs(15))
                .proxy(proxy.clone())
                .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
                .build();
            Agent::with_parts(
                config,
                Tracked(opening().chain(tls.clone())),
                Tracked(DefaultResolver::default()),
            )
        };
        Ok(Self {
            kept: agent(4),
            fresh: agent(0),
            timeout: network.timeout,
        })
    }
}

impl Transport for UreqTransport {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let agent = if request.is_single_use() {
            &self.fresh
        } else {
            &self.kept
        };
        let fail = |error| self.explain(request, error);
        let builder = request.headers().fold(
            http::Request::builder().uri(request.url().as_str()),
            |builder, (name, value)| builder.header(name, value.expose()),
        );
        let answer = match request.body() {
            None => builder.body(()).map(|request| agent.run(request)),
            Some(body) => builder
                .method(http::Method::POST)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(body.as_bytes())
                .map(|request| agent.run(request)),
        };
        // Only a header that cannot be written gets here: nothing was sent.
        let answer = answer.map_err(|error| {
            let message = format!("the request cannot be written: {error}");
            SendError::NotSent(Error::new(ErrorKind::Setting, message))
        })?;
        let mut answer = answer.map_err(fail)?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_BODY + 1) // ureq's limit is the first length that is too long
            .read_to_vec();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
        Ok(Response {
            status: answer.status().as_u16(),
            headers: answer
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: body.map_err(fail)?.into(),
        })
    }
}

impl UreqTransport {
    /// Says in our words what failed, and whether any of the request can have left.
    fn explain(&self, request: &Request, error: ureq::Error) -> SendError {
        let origin = request.url().origin();
        match error {
            ureq::Error::Other(source) => match source.downcast::<NotConnected>() {
                Ok(why) => SendError::NotSent(self.explain_not_connected(origin, *why)),
                Err(other) => SendError::MaybeSent(interrupted(origin, &other.to_string())),
            },
            ureq::Error::BodyExceedsLimit(_) => SendError::MaybeSent(
                Error::new(
                    ErrorKind::Unreadable,
                    format!("{origin} answered with more than {MAX_BODY} bytes"),
                )
                .with_hint("check base_url and token_url: a token service never answers so much"),
            ),
            ureq::Error::Timeout(_) => {
                let waited = self.timeout.as_millis();
                SendError::MaybeSent(interrupted(
                    origin,
                    &format!("no whole answer within {waited} ms (timeout_ms)"),
                ))
            }
            ureq::Error::Io(error) => SendError::MaybeSent(interrupted(origin, &error.to_string())),
            other => SendError::MaybeSent(interrupted(origin, &other.to_string())),
        }
    }

    fn explain_not_connected(&self, origin: &str, why: NotConnected) -> Error {
        let error = match why {
            NotConnected::Resolve(error) => {
                let error = match error {
                    ureq::Error::HostNotFound => "it is not known".to_owned(),
                    error => error.to_string(),
                };
                let text = format!("its host name does not resolve: {error}");
                let hint = "check the host name in base_url or token_url, and this machine's DNS";
                return unreachable(origin, &text, hint);
            }
            NotConnected::Connect(error) => error,
        };
        let text = match &error {
            ureq::Error::Io(io) => {
                let tls = io
                    .get_ref()
                    .and_then(|inner| inner.downcast_ref::<rustls::Error>());
                if let Some(tls) = tls {
                    return refused_tls(origin, tls);
                }
                io.to_string()
            }
            ureq::Error::Tls(text) => {
                return Error::new(ErrorKind::Tls, format!("TLS with {origin} failed: {text}"));
            }
            ureq::Error::Timeout(_) => {
                format!(
                    "no connection within {} ms (timeout_ms)",
                    self.timeout.as_millis()
                )
            }
            ureq::Error::ConnectProxyFailed(text) => {
                return unreachable(origin, &format!("the proxy refused: {text}"), "check proxy");
            }
            other => other.to_string(),
        };
        let hint =
            "check that the server runs and that a firewall or proxy lets the connection out";
        unreachable(origin, &text, hint)
    }
}

impl fmt::Debug for UreqTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UreqTransport")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

fn unreachable(origin: &str, why: &str, hint: &str) -> Error {
    Error::new(
        ErrorKind::Connect,
        format!("{origin} cannot be reached: {why}"),
    )
    .with_hint(hint)
}

fn interrupted(origin: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::Interrupted,
        format!("{origin} was sent the request and gave no whole answer: {why}"),
    )
}

fn refused_tls(origin: &str, error: &rustls::Error) -> Error {
    use rustls::CertificateError as Bad;
    let refused = Error::new(ErrorKind::Tls, format!("TLS with {origin} failed: {error}"));
    let hint = match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer => {
                return refused.with_setting("ca_file").with_hint(
                    "its certificate comes from an authority that is not trusted: set ca_file to a PEM file with that authority's certificate, or, where this machine trusts it, set roots = \"system\"",
                );
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "its certificate is for another host name: use the name in the certificate in base_url or token_url"
            }
            Bad::Expired
            | Bad::ExpiredContext { .. }
            | Bad::NotValidYet
            | Bad::NotValidYetContext { .. } => {
                "its certificate is outside its dates: check this machine's clock"
            }
            _ => "its certificate is not acceptable",
        },
        _ => "check that base_url and token_url name a TLS port, and that nothing stands between",
    };
    refused.with_hint(hint)
}

/// Opens a connection, through the proxy where one is set. ureq's own chain would speak TLS as well,
/// with roots of its own, in a program that switches on ureq's feature for it.
fn opening() -> impl Connector {
    ().chain(ConnectProxyConnector::default())
        .chain(TcpConnector::default())
}

/// Resolves and connects as ureq does, and marks what fails there: nothing of the request left.
#[derive(Debug)]
struct Tracked<T>(T);

#[derive(Debug)]
enum NotConnected {
    Resolve(ureq::Error),
    Connect(ureq::Error),
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) | Self::Connect(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NotConnected {}

impl Resolver for Tracked<DefaultResolver> {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.0
            .resolve(uri, config, timeout)
            .map_err(|error| ureq::Error::Other(Box::new(NotConnected::Resolve(error))))
    }
}

impl<C: Connector<Out = Box<dyn Connection>>> Connector for Tracked<C> {
    type Out = Box<dyn Connection>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        self.0
            .connect(details, chained)
            .map_err(|error| ureq::Error::Other(Box::new(NotConnected::Connect(error))))
    }
}

fn read_proxy(text: &str) -> Result<Proxy, Error> {
    let refuse = || {
        Error::setting("proxy", "`proxy` is not a usable proxy URL")
            .with_hint("write it as http://host:port or http://user:password@host:port")
    };
    // ureq panics on a SOCKS proxy without its feature: only the kinds we carry get that far.
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err(refuse());
    }
    Proxy::new(text).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_that_is_not_trusted_is_a_matter_of_ca_file() {
        use rustls::CertificateError as Bad;
        let refused =
            |bad| refused_tls("https://a.example", &rustls::Error::InvalidCertificate(bad));
        let error = refused(Bad::UnknownIssuer);
        assert_eq!(error.setting_name(), Some("ca_file"));
        assert!(error.hint().unwrap().contains("set ca_file to a PEM file"));
        assert_eq!(refused(Bad::NotValidForName).setting_name(), None);
    }
}
