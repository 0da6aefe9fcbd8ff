//! The network settings of a connection.

#[cfg(feature = "ureq")]
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Roots, Secret};

/// The network settings of a connection, which a transport is built from.
#[derive(Clone, Debug)]
pub struct Network {
    /// The total time limit of a request, setting `timeout_ms`. The default is 30 seconds.
    pub timeout: Duration,
    /// The trusted roots, setting `roots`.
    pub roots: Roots,
    /// A PEM file with further trusted authorities, setting `ca_file`.
    pub ca_file: Option<PathBuf>,
    /// Whether only `ca_file` is trusted, not the roots, setting `ca_only`.
    pub ca_only: bool,
    /// A PEM file with the client's certificate for mutual TLS and those of its issuers, setting
    /// `client_certificate_file`.
    pub client_certificate_file: Option<PathBuf>,
    /// A PEM file with the private key of that certificate, setting `client_certificate_key_file`.
    pub client_certificate_key_file: Option<PathBuf>,
    /// The proxy, setting `proxy`. May contain a password. There is no default proxy.
    pub proxy: Option<Secret>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            roots: Roots::Bundled,
            ca_file: None,
            ca_only: false,
            client_certificate_file: None,
            client_certificate_key_file: None,
            proxy: None,
        }
    }
}

#[cfg(feature = "ureq")]
impl Network {
    /// Whether both trust the same authorities and present the same certificate.
    pub(crate) fn same_trust(&self, other: &Self) -> bool {
        (self.roots, self.ca_only) == (other.roots, other.ca_only) && self.files() == other.files()
    }

    /// Returns the files that TLS depends on.
    pub(crate) fn files(&self) -> [Option<&Path>; 3] {
        [
            &self.ca_file,
            &self.client_certificate_file,
            &self.client_certificate_key_file,
        ]
        .map(|file| file.as_deref())
    }

    /// Whether both use the same trust and proxy. Their time limits may differ.
    pub(crate) fn same_route(&self, other: &Self) -> bool {
        self.same_trust(other) && self.proxy == other.proxy
    }
}
