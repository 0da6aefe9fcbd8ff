//! The trusted certificate authorities: the selected roots, those of `ca_file`, or both.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::client_certificate::client_certificate;
use super::tls::Tls;
use crate::settings::{FileStamp, read_trusted};
use crate::{Error, Network, Roots};

/// The TLS configuration for one set of authorities and one certificate of the client, rebuilt when
/// a file of theirs changes.
pub(super) struct Trust {
    network: Network,
    current: Mutex<Current>,
}

struct Current {
    /// The stamps of the files when they were last checked.
    stamps: Stamps,
    tls: Tls,
    /// Why a changed file can't be used.
    unusable: Option<Error>,
}

type Stamps = [Option<FileStamp>; 3];

impl Trust {
    /// # Errors
    ///
    /// If a file can't be read or contains no certificate or key, or the system's roots can't be
    /// loaded.
    pub(super) fn new(network: &Network) -> Result<Self, Error> {
        // Taken before the files are read, so that a change in between is noticed next time.
        let stamps = stamps(network);
        Ok(Self {
            network: network.clone(),
            current: Mutex::new(Current {
                stamps,
                tls: tls(network)?,
                unusable: None,
            }),
        })
    }

    /// Returns the configuration for the next connection.
    ///
    /// If a changed file can't be used, for example because it is half written, the previous
    /// certificates stay in use, and [`Trust::warning`] returns the error.
    pub(super) fn tls(&self) -> Tls {
        let mut current = self.lock();
        let stamps = stamps(&self.network);
        if stamps == current.stamps {
            current.unusable = None;
            return current.tls.clone();
        }
        match tls(&self.network) {
            Ok(tls) => {
                *current = Current {
                    stamps,
                    tls,
                    unusable: None,
                }
            }
            Err(error) => {
                current.unusable = Some(error.in_context("the previous certificates stay trusted"));
            }
        }
        current.tls.clone()
    }

    /// Returns why a current file is not in use.
    pub(super) fn warning(&self) -> Option<Error> {
        self.lock().unusable.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamps(network: &Network) -> Stamps {
    network.files().map(|file| file.map(FileStamp::of))
}

fn tls(network: &Network) -> Result<Tls, Error> {
    Tls::new(roots(network)?, |provider| {
        client_certificate(network, provider)
    })
}

fn roots(network: &Network) -> Result<RootCertStore, Error> {
    let mut roots = match network.roots {
        _ if network.ca_only => RootCertStore::empty(),
        Roots::Bundled => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
        Roots::System => system_roots()?,
    };
    if let Some(path) = &network.ca_file {
        add_file(&mut roots, path)?;
    }
    Ok(roots)
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), Error> {
    let shown = path.display();
    let rejection = |why: String| Error::setting("ca_file", format!("`ca_file` {shown} {why}"));
    let text = read_trusted("ca_file", path)?;
    let blocks = pem::parse_many(&text).unwrap_or_default();
    let certificates: Vec<_> = blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(|block| CertificateDer::from(block.into_contents()))
        .collect();
    if certificates.is_empty() {
        return Err(rejection(
            "contains no PEM certificate (-----BEGIN CERTIFICATE-----)".into(),
        ));
    }
    // Invalid certificates are skipped if others are valid: system bundles often contain some.
    match roots.add_parsable_certificates(certificates) {
        (0, _) => Err(rejection("contains no valid certificate".into())),
        _ => Ok(()),
    }
}

fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    match roots.add_parsable_certificates(found.certs) {
        (0, _) => Err(Error::setting(
            "roots",
            "`roots` = \"system\" found no certificates on this machine",
        )
        .with_hint("install the system's ca-certificates, or set roots = \"bundled\"")),
        _ => Ok(roots),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_authority_is_trusted_alone_or_with_the_roots() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        std::fs::write(&path, params.self_signed(&key).unwrap().pem()).unwrap();
        let trusted = |ca_file: Option<&Path>, ca_only| {
            let network = Network {
                ca_file: ca_file.map(Path::to_owned),
                ca_only,
                ..Network::default()
            };
            roots(&network).unwrap().len()
        };
        let public = trusted(None, false);
        assert!(public > 50);
        assert_eq!(trusted(Some(&path), false), public + 1);
        assert_eq!(trusted(Some(&path), true), 1);
    }
}
