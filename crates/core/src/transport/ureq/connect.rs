//! Connects as ureq does, and marks what fails there: nothing of the request left.

use std::fmt;

use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, TcpConnector,
    Transport as Connection,
};

use super::tls::Tls;

/// Resolves, connects, through the proxy if one is set, and speaks TLS. ureq's own chain would
/// speak TLS with roots of its own, in a program that enables ureq's feature for it.
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
    /// Whether it was the proxy that could not be used.
    pub(super) at_proxy: bool,
    pub(super) error: ureq::Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A host name does not resolve.
    Resolve,
    /// TCP or TLS failed.
    Connect,
    /// The proxy did not open a tunnel to the server.
    Tunnel,
}

impl NotConnected {
    /// Marks an error, unless it is marked already: the connection to a proxy is made by the same
    /// chain, within the connection to the server.
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

/// Marks the errors of what is inside.
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

/// Marks what fails on the way to and at the proxy.
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
