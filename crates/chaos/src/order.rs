//! The orders that a worker carries out.

use std::path::PathBuf;
use std::sync::Arc;

use countersign::probe::Probe;
use countersign::{Keeper, Store};

use crate::Server;
use crate::tenants::TENANTS;

/// An order for a worker.
#[derive(Clone, Debug)]
pub struct Order {
    /// The sandbox's folder.
    pub folder: PathBuf,
    /// Its policy.
    pub server: Server,
    /// The store's setting.
    pub store: String,
    /// The request's timeout.
    pub timeout_ms: u64,
    /// How many threads want a token.
    pub threads: usize,
    /// Whether one of them wants tokens of the connection that shares another one's grant.
    pub shares: bool,
}

impl Order {
    /// A client of one of the tenants.
    pub(crate) fn keeper(
        &self,
        who: usize,
        store: &Arc<dyn Store>,
        probe: Option<Arc<dyn Probe>>,
    ) -> Keeper {
        let builder = TENANTS[who].client(&self.folder, self.server, self.timeout_ms);
        let mut builder = builder.store(Arc::clone(store));
        if let Some(probe) = probe {
            builder = builder.probe(probe);
        }
        builder.build().expect("a keeper")
    }
}
