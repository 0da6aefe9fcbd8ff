//! TLS for ureq. ureq's own TLS can't combine bundled roots with others, and builds a configuration
//! for each agent. Here, agents that trust the same roots share a configuration and its sessions.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, RootCertStore, SignatureScheme, StreamOwned,
};
use ureq::unversioned::transport::time::{Duration, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

use crate::certificates::{Verifier, Words};
use crate::{Error, ErrorKind};

/// Starts TLS on the connection that the previous connector opened, if the URL is https.
#[derive(Clone)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    requests: Arc<CertificateRequests>,
}

impl Tls {
    /// Builds a configuration for TLS 1.2 and 1.3 that trusts these roots and presents this
    /// certificate. Uses the process's default crypto provider if one is installed, or ring.
    pub(super) fn new(
        roots: RootCertStore,
        certificate: impl FnOnce(&CryptoProvider) -> Result<Option<Arc<CertifiedKey>>, Error>,
    ) -> Result<Self, Error> {
        let failed = |error: &dyn fmt::Display| {
            let message = format!("TLS cannot be set up: {error}");
            Error::new(ErrorKind::Tls, message)
        };
        let provider = CryptoProvider::get_default().cloned();
        let provider = provider.unwrap_or_else(|| Arc::new(ring::default_provider()));
        let verifier =
            Verifier::new(roots, &provider, Words::VENDOR).map_err(|error| failed(&error))?;
        let requests = Arc::new(CertificateRequests {
            certificate: certificate(&provider)?,
            threads: Mutex::default(),
        });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::clone(&requests) as Arc<dyn ResolvesClientCert>);
        Ok(Self {
            config: Arc::new(config),
            requests,
        })
    }

    /// Whether both share one configuration.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }

    fn handshake(
        &self,
        details: &ConnectionDetails<'_>,
        plain: Box<dyn Transport>,
    ) -> Result<Box<dyn Transport>, ureq::Error> {
        // An IPv6 address has brackets in a URL, but not in a certificate.
        let host = details.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| ureq::Error::Tls("the host name is not valid in a certificate"))?;
        let mut conn =
            ClientConnection::new(self.config.clone(), name).map_err(io::Error::other)?;
        let mut sock = TransportAdapter::new(plain, details.current_time.clone());
        sock.set_timeout(remaining(details));
        self.requests.forget();
        let completed = conn.complete_io(&mut sock);
        let certificate_requested = self.requests.forget();
        completed.map_err(|error| CertificateDemanded::mark(error, certificate_requested))?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        let stream = StreamOwned::new(conn, sock);
        Ok(Box::new(TlsTransport {
            buffers,
            stream,
            certificate_requested,
        }))
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(plain) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() || plain.is_tls() {
            return Ok(Some(Box::new(plain)));
        }
        self.handshake(details, Box::new(plain)).map(Some)
    }
}

/// Returns the time that the previous connectors left for the handshake.
fn remaining(details: &ConnectionDetails<'_>) -> NextTimeout {
    let mut timeout = details.timeout;
    if let (Duration::Exact(limit), Instant::Exact(began), Instant::Exact(now)) =
        (timeout.after, details.now, (details.current_time)())
    {
        let spent = now.saturating_duration_since(began);
        timeout.after = Duration::Exact(limit.saturating_sub(spent));
    }
    timeout
}

/// Presents the client's certificate, if there is one, and remembers which handshakes requested it. A
/// handshake runs on one thread, so the thread identifies it. All connections use one resolver,
/// because rustls resumes a session only with the resolver that started it.
#[derive(Debug)]
struct CertificateRequests {
    certificate: Option<Arc<CertifiedKey>>,
    threads: Mutex<Vec<ThreadId>>,
}

impl CertificateRequests {
    /// Returns whether the server requested a certificate in this thread's handshake, and forgets
    /// it.
    fn forget(&self) -> bool {
        let this = std::thread::current().id();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let before = threads.len();
        threads.retain(|thread| *thread != this);
        threads.len() < before
    }
}

impl ResolvesClientCert for CertificateRequests {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.push(std::thread::current().id());
        self.certificate.clone()
    }

    fn has_certs(&self) -> bool {
        self.certificate.is_some()
    }
}

/// The server ended the handshake because the client sent no certificate, or one that it rejects.
#[derive(Debug)]
pub(super) struct CertificateDemanded(io::Error);

impl CertificateDemanded {
    pub(super) fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }

    /// Marks an alert that follows a certificate request. Servers send different alerts: only TLS
    /// 1.3 has one for this case.
    fn mark(error: io::Error, requested: bool) -> io::Error {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
        let demanded = match tls {
            Some(rustls::Error::AlertReceived(alert)) => match alert {
                AlertDescription::CertificateRequired => true,
                AlertDescription::HandshakeFailure
                | AlertDescription::BadCertificate
                | AlertDescription::NoCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::AccessDenied => requested,
                _ => false,
            },
            _ => false,
        };
        match demanded {
            true => io::Error::new(error.kind(), Self(error)),
            false => error,
        }
    }
}

impl fmt::Display for CertificateDemanded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for CertificateDemanded {}

struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
    certificate_requested: bool,
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        let requested = self.certificate_requested;
        let sent = self.stream.write_all(output);
        Ok(sent.map_err(|error| CertificateDemanded::mark(error, requested))?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let requested = self.certificate_requested;
        let read = self.stream.read(self.buffers.input_append_buf());
        let amount = read.map_err(|error| CertificateDemanded::mark(error, requested))?;
        if amount > 0 {
            // The handshake succeeded, so later alerts have other causes.
            self.certificate_requested = false;
        }
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}
