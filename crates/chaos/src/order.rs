//! The options of a worker.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::failpoint::Failpoints;
use countersign_core::{Client, Store};

use crate::Server;
use crate::tenants::TENANTS;

/// The options of a worker, from its command line.
#[derive(Clone, Debug)]
pub struct Order {
    /// The sandbox's folder.
    pub folder: PathBuf,
    /// The server's policy.
    pub server: Server,
    /// The store's setting.
    pub store: String,
    /// The setting `timeout_ms`.
    pub timeout_ms: u64,
    /// The number of threads that request tokens.
    pub threads: usize,
    /// Whether one of them uses the connection that shares another one's grant.
    pub shares: bool,
}

impl Order {
    /// Builds a client of one of the tenants.
    pub(crate) fn client(
        &self,
        who: usize,
        store: &Arc<dyn Store>,
        failpoints: Option<Arc<dyn Failpoints>>,
    ) -> Client {
        let builder = TENANTS[who].client(&self.folder, self.server, self.timeout_ms);
        let mut builder = builder.store(Arc::clone(store));
        if let Some(failpoints) = failpoints {
            builder = builder.failpoints(failpoints);
        }
        builder.build().expect("build a client")
    }
}
