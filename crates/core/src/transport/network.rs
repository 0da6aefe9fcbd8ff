//! The network settings of a connection.

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
            proxy: None,
        }
    }
}

#[cfg(feature = "ureq")]
impl Network {
    /// Whether both trust the same authorities.
    pub(crate) fn same_trust(&self, other: &Self) -> bool {
        (self.roots, self.ca_only) == (other.roots, other.ca_only) && self.ca_file == other.ca_file
    }

    /// Whether both use the same trust and proxy. Their time limits may differ.
    pub(crate) fn same_route(&self, other: &Self) -> bool {
        self.same_trust(other) && self.proxy == other.proxy
    }
}
