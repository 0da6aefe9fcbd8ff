//! How requests reach the network, as settings have it.

use std::path::PathBuf;
use std::time::Duration;

use crate::{Roots, Secret};

/// How a connection reaches the network; what a transport is made from.
#[derive(Clone, Debug)]
pub struct Network {
    /// The total time for one request, setting `timeout_ms`; 30 seconds by default.
    pub timeout: Duration,
    /// The roots to trust, setting `roots`.
    pub roots: Roots,
    /// Certificates to trust besides the roots, setting `ca_file`.
    pub ca_file: Option<PathBuf>,
    /// Whether `ca_file` alone is trusted, without the roots, setting `ca_only`.
    pub ca_only: bool,
    /// The proxy, setting `proxy`. None is used unless set. It may hold a password.
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

    /// Whether both reach servers in the same way; they may differ in their time limits.
    pub(crate) fn same_route(&self, other: &Self) -> bool {
        self.same_trust(other) && self.proxy == other.proxy
    }
}
