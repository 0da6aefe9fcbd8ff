//! A certificate authority of the test's own.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// A new authority, and what it issued to `localhost`: 127.0.0.1 is another name.
#[derive(Debug)]
pub struct Authority {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's key.
    pub key: PathBuf,
    /// Where the authority's certificate is: the server's folder may belong to another user, whom a
    /// client does not trust with what it trusts.
    _folder: TempDir,
}

impl Authority {
    /// Makes both, the server's files in this folder.
    ///
    /// # Panics
    ///
    /// Where they cannot be made.
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
