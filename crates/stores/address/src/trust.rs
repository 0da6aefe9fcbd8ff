//! The certificates that TLS trusts: the bundled roots, the system's, or those in a file.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use countersign_core::certificates::{Rejected, Verifier, Words};
use countersign_store::Error;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::{Address, read_trusted, rejected};

/// Returns the options of the setting `store` that decide what TLS trusts.
fn words(scheme: &str) -> Words {
    let (ca_file, system_roots) = match scheme.starts_with("postgres") {
        true => (
            "the option sslrootcert of store",
            "the option sslrootcert=system of store",
        ),
        false => (
            "the option ca_file of store",
            "the option roots=system of store",
        ),
    };
    Words {
        setting: "store",
        ca_file,
        system_roots,
        address: "store",
    }
}

/// Explains why a server's certificate was rejected, if that is the error. `made` builds the result
/// from message and hint.
pub fn explain_certificate(
    at: &dyn fmt::Display,
    error: &rustls::Error,
    made: impl FnOnce(String, &str) -> Error,
) -> Option<Error> {
    let rejected = Rejected::of(error)?;
    let message = format!("TLS with {at} failed: {}", rejected.message);
    Some(made(message, &rejected.hint))
}

impl Address {
    /// Builds the TLS configuration. The server's certificate and its name are always checked.
    ///
    /// Trusts the roots in the option `roots`, which are `bundled` (Mozilla's, compiled in; the
    /// default) or `system`. If `ca_file` is set, only that file is trusted. PostgreSQL's own option
    /// `sslrootcert` stands for both.
    ///
    /// # Errors
    ///
    /// [`countersign_store::ErrorKind::Setting`] if the file can't be read or contains no
    /// certificate, or this machine has no roots.
    pub fn tls(&self) -> Result<Arc<ClientConfig>, Error> {
        let mut roots = RootCertStore::empty();
        let named = self.option("sslrootcert");
        let system = self.word("roots", &["bundled", "system"])? == Some("system")
            || named == Some("system");
        let file = self
            .option("ca_file")
            .or(named.filter(|name| *name != "system"));
        match (file, system) {
            (Some(_), true) => {
                return Err(rejected("`store` has both options ca_file and roots")
                    .with_hint("remove roots: if ca_file is set, only that file is trusted"));
            }
            (Some(file), false) => roots = of_file(Path::new(file))?,
            (None, true) => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err(rejected(
                        "`store`: roots=system found no certificates on this machine",
                    )
                    .with_hint("install the system's ca-certificates, or use roots=bundled"));
                }
            }
            (None, false) => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        // Name the provider instead of looking it up: a program may have several compiled in.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let unset = |error: &dyn fmt::Display| rejected(format!("TLS cannot be set up: {error}"));
        let verifier =
            Verifier::new(roots, &provider, words(&self.scheme)).map_err(|error| unset(&error))?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unset(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

impl Address {
    /// Builds the TLS configuration from the current files.
    ///
    /// Returns `None` if they can't be used. The previous configuration stays in use, and
    /// [`Address::warning`] returns the reason.
    pub fn tls_now(&self) -> Option<Arc<ClientConfig>> {
        let read = self.tls();
        self.note("ca_file", read.as_ref().err());
        read.ok()
    }
}

fn of_file(path: &Path) -> Result<RootCertStore, Error> {
    let shown = path.display();
    let unusable = |why: String| rejected(format!("`store`: ca_file {shown} {why}"));
    let text = read_trusted(path, unusable)?;
    let blocks = pem::parse_many(&text).unwrap_or_default();
    let certificates = blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(|block| CertificateDer::from(block.into_contents()));
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(unusable(
            "contains no usable PEM certificate (-----BEGIN CERTIFICATE-----)".into(),
        ));
    }
    Ok(roots)
}
