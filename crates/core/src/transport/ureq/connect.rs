//! ureq's chain of connectors, with errors marked as having happened before the request was sent.

use std::fmt;

use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, TcpConnector,
    Transport as Connection,
};

use super::tls::Tls;

/// Resolves the name, connects (through the proxy if one is set), and starts TLS. ureq's default
/// chain is not used: if the program enables ureq's own TLS feature, it would trust other roots.
pub(super) fn connector(tls: Tls) -> impl Connector {
    Marked(
        ().chain(Tunnel(ConnectProxyConnector::default()))
            .chain(TcpConnector::default())
            .chain(tls),
    )
}

pub(super) fn resolver() -> impl Resolver {
    Marked(DefaultResolver::default())
}

/// Why no connection was made.
#[derive(Debug)]
pub(super) struct NotConnected {
    pub(super) step: Step,
    /// Whether the proxy is at fault.
    pub(super) at_proxy: bool,
    pub(super) error: ureq::Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The host name doesn't resolve.
    Resolve,
    /// TCP or TLS failed.
    Connect,
    /// The proxy did not open a tunnel to the server.
    Tunnel,
}

impl NotConnected {
    /// Marks an error unless it is marked already. The connection to a proxy goes through this
    /// chain too, nested in the connection to the server.
    fn mark(step: Step, at_proxy: bool, error: ureq::Error) -> ureq::Error {
        let marked = match error {
            ureq::Error::Other(inner) => match inner.downcast::<Self>() {
                Ok(inner) => Self {
                    at_proxy: inner.at_proxy || at_proxy,
                    ..*inner
                },
                Err(inner) => Self {
                    step,
                    at_proxy,
                    error: ureq::Error::Other(inner),
                },
            },
            error => Self {
                step,
                at_proxy,
                error,
            },
        };
        ureq::Error::Other(Box::new(marked))
    }
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for NotConnected {}

/// Marks the errors of the inner connector.
#[derive(Debug)]
struct Marked<T>(T);

impl Resolver for Marked<DefaultResolver> {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.0
            .resolve(uri, config, timeout)
            .map_err(|error| NotConnected::mark(Step::Resolve, false, error))
    }
}

impl<C: Connector<Out = Box<dyn Connection>>> Connector for Marked<C> {
    type Out = Box<dyn Connection>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        self.0
            .connect(details, chained)
            .map_err(|error| NotConnected::mark(Step::Connect, false, error))
    }
}

/// Marks errors of connecting to the proxy and of the proxy itself.
#[derive(Debug)]
struct Tunnel(ConnectProxyConnector);

impl<In: Connection> Connector<In> for Tunnel {
    type Out = <ConnectProxyConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        self.0
            .connect(details, chained)
            .map_err(|error| NotConnected::mark(Step::Tunnel, true, error))
    }
}
