//! A certificate authority of the test's own.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// Writes a new authority's certificate, and what it issued to `localhost` and 127.0.0.1.
#[derive(Debug)]
pub struct Authority {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's key.
    pub key: PathBuf,
}

impl Authority {
    /// Makes both in this folder.
    ///
    /// # Panics
    ///
    /// Where they cannot be made.
    pub fn new(folder: &Path) -> Self {
        Self::for_names(folder, &["localhost", "127.0.0.1"])
    }

    /// Makes both in this folder, for these names.
    ///
    /// # Panics
    ///
    /// Where they cannot be made.
    pub fn for_names(folder: &Path, names: &[&str]) -> Self {
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.distinguished_name
            .push(rcgen::DnType::CommonName, "a test's authority");
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
        let leaf = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &root)
            .unwrap();
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        Self {
            ca: write("ca.pem", root.pem()),
            certificate: write("server.pem", leaf.pem()),
            key: write("server.key", key.serialize_pem()),
        }
    }
}
