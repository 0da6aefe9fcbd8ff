//! The certificate authorities that are trusted: the chosen set, and what `ca_file` adds to it.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::Error;
use crate::connection::{Network, Roots};
use crate::settings::read_trusted;

pub(super) fn roots(network: &Network) -> Result<RootCertStore, Error> {
    let mut roots = match network.roots {
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
    let refuse = |why: String| Error::setting("ca_file", format!("`ca_file` {shown} {why}"));
    let text = read_trusted("ca_file", path)?;
    let blocks = pem::parse_many(&text).unwrap_or_default();
    let certificates: Vec<_> = blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(|block| CertificateDer::from(block.into_contents()))
        .collect();
    if certificates.is_empty() {
        return Err(refuse(
            "holds no PEM certificate (-----BEGIN CERTIFICATE-----)".into(),
        ));
    }
    // One that cannot be read among others is passed over: bundles of a machine hold all kinds.
    match roots.add_parsable_certificates(certificates) {
        (0, _) => Err(refuse("holds no certificate that can be read".into())),
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
