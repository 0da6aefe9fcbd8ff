//! A certificate authority for tests.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// A new authority, and a certificate it issued for `localhost`, but not for 127.0.0.1.
#[derive(Debug)]
pub struct Authority {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's key.
    pub key: PathBuf,
    /// The folder of the authority's certificate. The server's folder may belong to another user,
    /// whose files a client doesn't trust.
    _folder: TempDir,
}

impl Authority {
    /// Creates both, with the server's files in this folder.
    ///
    /// # Panics
    ///
    /// If they can't be created.
    pub fn new(folder: &Path) -> Self {
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.distinguished_name
            .push(rcgen::DnType::CommonName, "a test's authority");
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &root).unwrap();
        let write = |folder: &Path, name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let own = tempfile::tempdir().unwrap();
        Self {
            ca: write(own.path(), "ca.pem", root.pem()),
            certificate: write(folder, "server.pem", leaf.pem()),
            key: write(folder, "server.key", key.serialize_pem()),
            _folder: own,
        }
    }
}
