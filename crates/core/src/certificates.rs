//! Verifies a server's certificate with rustls, and explains rejections.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use countersign_jose::x509::{self, CertificateParts, common_name};

use crate::date::iso_date;

/// rustls's own verifier. Rejections are explained here, because only here is the chain available:
/// the error doesn't carry it.
#[derive(Debug)]
pub struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    words: Words,
}

/// The names of the TLS settings and the server's address in hints.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// The setting that errors about trust are about.
    pub setting: &'static str,
    /// The setting for a file with further authorities.
    pub ca_file: &'static str,
    /// The setting that trusts the system's authorities.
    pub system_roots: &'static str,
    /// The setting with the server's host.
    pub address: &'static str,
}

impl Words {
    /// The settings of connections to vendors.
    pub const VENDOR: Self = Self {
        setting: "ca_file",
        ca_file: "ca_file",
        system_roots: "roots = \"system\"",
        address: "base_url or token_url",
    };
}

impl Verifier {
    /// Builds a verifier that trusts these roots.
    ///
    /// # Errors
    ///
    /// If there are no roots.
    pub fn new(
        roots: RootCertStore,
        provider: &Arc<CryptoProvider>,
        words: Words,
    ) -> Result<Self, rustls::client::VerifierBuilderError> {
        let roots = Arc::new(roots);
        let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
        Ok(Self {
            inner: inner.build()?,
            words,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| {
                let chain = std::iter::once(end_entity).chain(intermediates);
                let chain: Vec<_> = chain
                    .filter_map(|der| x509::certificate(der).ok())
                    .collect();
                match explain(&error, &chain, server_name, self.words) {
                    Some(rejected) => {
                        CertificateError::Other(OtherError(Arc::new(rejected))).into()
                    }
                    None => error,
                }
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Why a certificate was rejected, and what to do about it.
#[derive(Debug)]
pub struct Rejected {
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// The setting to change, if the cause is a setting.
    pub setting: Option<&'static str>,
}

impl Rejected {
    /// Returns the rejection in an error of [`Verifier`], if it has one.
    pub fn of(error: &rustls::Error) -> Option<&Self> {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
                other.0.downcast_ref()
            }
            _ => None,
        }
    }

    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
            setting: None,
        }
    }

    fn about(self, setting: &'static str) -> Self {
        Self {
            setting: Some(setting),
            ..self
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Rejected {}

/// Explains what is wrong with a chain. The server's own certificate comes first.
fn explain(
    error: &rustls::Error,
    chain: &[CertificateParts<'_>],
    server_name: &ServerName<'_>,
    words: Words,
) -> Option<Rejected> {
    use CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else {
        return None;
    };
    let server = chain.first()?;
    Some(match bad {
        Bad::Expired
        | Bad::ExpiredContext { .. }
        | Bad::NotValidYet
        | Bad::NotValidYetContext { .. } => outside_validity(bad, chain),
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            wrong_name(bad, server_name, words)
        }
        Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => Rejected::new(
            "its certificate is not for servers (extendedKeyUsage lacks serverAuth)",
            "have a certificate with extendedKeyUsage = serverAuth issued to the server",
        ),
        _ if chain.iter().any(|certificate| certificate.version < 3) => Rejected::new(
            "a certificate it sent is X.509 version 1, which names no hosts or purposes",
            "have it issued again as version 3, with subjectAltName = the host name",
        ),
        Bad::UnknownIssuer | Bad::Other(_) if server.is_self_issued() => self_signed(server, words),
        Bad::Other(_) if server.is_authority() => Rejected::new(
            "its certificate is that of an authority (CA:TRUE), not of a server",
            "have the authority issue a certificate with basicConstraints = CA:FALSE to the server",
        ),
        // A trusted authority of the same name has another key.
        Bad::UnknownIssuer | Bad::BadSignature => unknown_issuer(chain, words),
        _ => return None,
    })
}

fn self_signed(server: &CertificateParts<'_>, words: Words) -> Rejected {
    let ca_file = words.ca_file;
    let message = "its certificate is self-signed";
    match server.is_authority() {
        true => Rejected::new(
            format!("{message} and marked as that of an authority (CA:TRUE)"),
            format!("create one with basicConstraints = CA:FALSE and subjectAltName = the host name (openssl req -x509 has -addext for both), and set {ca_file} to it"),
        ),
        false => Rejected::new(message, format!("if you trust this server, set {ca_file} to a PEM file with that certificate")),
    }
    .about(words.setting)
}

fn unknown_issuer(chain: &[CertificateParts<'_>], words: Words) -> Rejected {
    let issuer_of = |below: &CertificateParts<'_>| {
        let above = |other: &&CertificateParts<'_>| other.subject == below.issuer;
        chain
            .iter()
            .filter(above)
            .find(|other| !other.is_self_issued())
    };
    // Private authorities often issue server certificates directly; public ones don't.
    let alone = issuer_of(&chain[0]).is_none();
    let mut top = &chain[0];
    // Ends even if the chain is circular.
    for _ in chain {
        top = issuer_of(top).unwrap_or(top);
    }
    let issuer = name(top.issuer);
    let trust = format!(
        "set {} to a PEM file with the certificate of {issuer}, or set {} if this machine trusts it",
        words.ca_file, words.system_roots
    );
    match alone {
        true => Rejected::new(
            format!(
                "its certificate was issued by {issuer}, which is not trusted, and it sent no intermediate certificate"
            ),
            format!(
                "if {issuer} is an intermediate authority, have the server send its whole chain; otherwise {trust}"
            ),
        ),
        false => Rejected::new(
            format!("its certificate comes from the authority {issuer}, which is not trusted"),
            trust,
        ),
    }
    .about(words.setting)
}

fn outside_validity(bad: &CertificateError, chain: &[CertificateParts<'_>]) -> Rejected {
    use CertificateError as Bad;
    let now = match bad {
        Bad::ExpiredContext { time, .. } | Bad::NotValidYetContext { time, .. } => time.as_secs(),
        _ => 0,
    };
    let outside = |facts: &CertificateParts<'_>| now > facts.not_after || now < facts.not_before;
    let whose = match chain.iter().position(outside) {
        Some(0) | None => "its certificate".to_owned(),
        Some(index) => format!(
            "the certificate of its authority {}",
            name(chain[index].subject)
        ),
    };
    let check = format!("check this machine's clock, which says {}", iso_date(now));
    match bad {
        Bad::ExpiredContext { not_after, .. } => Rejected::new(
            format!("{whose} expired on {}", iso_date(not_after.as_secs())),
            format!("have the server's certificate renewed, or {check}"),
        ),
        Bad::NotValidYetContext { not_before, .. } => Rejected::new(
            format!(
                "{whose} is valid only from {}",
                iso_date(not_before.as_secs())
            ),
            check,
        ),
        _ => Rejected::new(
            format!("{whose} is outside its validity period"),
            "check this machine's clock",
        ),
    }
}

fn wrong_name(bad: &CertificateError, server_name: &ServerName<'_>, words: Words) -> Rejected {
    let names = match bad {
        CertificateError::NotValidForNameContext { presented, .. } => presented.as_slice(),
        _ => &[],
    };
    // rustls formats them with `Debug`: `DnsName("a.example")`.
    let plain = |name: &String| match name.split('"').nth(1) {
        Some(inner) => inner.to_owned(),
        None => name.clone(),
    };
    let host = server_name.to_str();
    if names.is_empty() {
        return Rejected::new(
            format!(
                "its certificate names no host (subjectAltName), so it is not valid for {host}"
            ),
            format!("have it issued again with subjectAltName = {host}"),
        );
    }
    let shown: Vec<_> = names
        .iter()
        .take(5)
        .map(plain)
        .map(|name| printable(&name))
        .collect();
    let more = if names.len() > 5 { ", …" } else { "" };
    Rejected::new(
        format!(
            "its certificate is for {}{more}, not for {host}",
            shown.join(", ")
        ),
        format!("use a name from the certificate in {}", words.address),
    )
}

/// Returns a certificate's subject or issuer, for messages.
fn name(der: &[u8]) -> String {
    match common_name(der) {
        Some(name) => format!("\"{}\"", printable(&name)),
        None => "an authority without a name".to_owned(),
    }
}

/// Returns a server's text, shortened and without control characters.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
