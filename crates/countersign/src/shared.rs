//! Transports and stores that all clients of a process share.
//!
//! There is one transport per set of network settings, and one store per address.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use countersign_core::{
    Error, MemoryStore, Network, Store, StoreSetting, Transports, UreqTransport, store,
};

/// The transports and stores of this process.
pub(crate) fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(Shared::new).here()
}

pub(crate) struct Shared {
    process: u32,
    transports: Transports,
    stores: Mutex<Vec<(Address, Arc<Opening>)>>,
    /// Used by a forked child instead. If both processes read a socket, each may get the other's
    /// response, and a mutex that was locked during the fork stays locked in the child.
    child: OnceLock<Box<Shared>>,
}

/// A store's setting, and whether the store must exist already.
///
/// A caller that may create the store doesn't share the result of an attempt that must not.
type Address = (StoreSetting, bool);

/// One attempt to open a store.
///
/// Callers that need the store in the meantime wait for this attempt and share its result. It
/// doesn't keep the store open.
type Opening = OnceLock<Result<Weak<dyn Store>, store::Error>>;

impl Shared {
    fn new() -> Self {
        Self {
            process: std::process::id(),
            transports: Transports::new(),
            stores: Mutex::default(),
            child: OnceLock::new(),
        }
    }

    fn here(&self) -> &Self {
        match self.process == std::process::id() {
            true => self,
            false => self.child.get_or_init(|| Box::new(Self::new())).here(),
        }
    }

    pub(crate) fn transport(&self, network: &Network) -> Result<UreqTransport, Error> {
        self.transports.get(network)
    }

    /// Returns the open store at this address, or opens it.
    pub(crate) fn store(
        &self,
        setting: &StoreSetting,
        open: impl Fn() -> Result<Arc<dyn Store>, store::Error>,
    ) -> Result<Arc<dyn Store>, store::Error> {
        self.one_store(setting, false, open)
    }

    /// Like [`Shared::store`], but never creates the store.
    pub(crate) fn existing_store(
        &self,
        setting: &StoreSetting,
        open: impl Fn() -> Result<Arc<dyn Store>, store::Error>,
    ) -> Result<Arc<dyn Store>, store::Error> {
        self.one_store(setting, true, open)
    }

    fn one_store(
        &self,
        setting: &StoreSetting,
        must_exist: bool,
        open: impl Fn() -> Result<Arc<dyn Store>, store::Error>,
    ) -> Result<Arc<dyn Store>, store::Error> {
        if *setting == StoreSetting::Memory {
            return Ok(Arc::new(MemoryStore::new()));
        }
        let address = (setting.clone(), must_exist);
        loop {
            let opening = self.opening(&address);
            let mut opened = None;
            let outcome = opening.get_or_init(|| {
                let store = open()?;
                let weak = Arc::downgrade(&store);
                opened = Some(store);
                Ok(weak)
            });
            let store = match outcome {
                Ok(weak) => opened.or_else(|| weak.upgrade()),
                Err(error) => {
                    self.forget(&address, &opening);
                    return Err(error.clone());
                }
            };
            match store {
                Some(store) => return Ok(store),
                // Its last user dropped it.
                None => self.forget(&address, &opening),
            }
        }
    }

    fn opening(&self, address: &Address) -> Arc<Opening> {
        let mut stores = self.stores();
        if let Some((_, opening)) = stores.iter().find(|(known, _)| known == address) {
            return Arc::clone(opening);
        }
        stores.retain(|(_, opening)| match opening.get() {
            Some(Ok(store)) => store.strong_count() > 0,
            Some(Err(_)) => false,
            None => true,
        });
        let opening = Arc::new(Opening::new());
        stores.push((address.clone(), Arc::clone(&opening)));
        opening
    }

    fn forget(&self, address: &Address, opening: &Arc<Opening>) {
        self.stores()
            .retain(|(known, other)| known != address || !Arc::ptr_eq(other, opening));
    }

    fn stores(&self) -> MutexGuard<'_, Vec<(Address, Arc<Opening>)>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use countersign_core::FileStore;

    use super::*;

    fn setting() -> StoreSetting {
        StoreSetting::Server("postgres://app:s3cret@db.example/tokens".into())
    }

    fn memory() -> Result<Arc<dyn Store>, store::Error> {
        Ok(Arc::new(MemoryStore::new()))
    }

    #[test]
    fn a_store_is_shared_while_it_is_in_use() {
        let shared = Shared::new();
        let one = shared.store(&setting(), memory).unwrap();
        let another = shared.store(&setting(), memory).unwrap();
        assert!(Arc::ptr_eq(&one, &another));
        let weak = Arc::downgrade(&one);
        drop((one, another));
        assert_eq!(weak.strong_count(), 0);
        shared.store(&setting(), memory).unwrap();
        let file = StoreSetting::File("tokens".into());
        shared.store(&file, memory).unwrap();
        assert_eq!(shared.stores().len(), 1, "an unused store is removed");
        // Each client has its own memory store.
        let own = || shared.store(&StoreSetting::Memory, memory).unwrap();
        assert!(!Arc::ptr_eq(&own(), &own()));
    }

    #[test]
    fn callers_that_wait_share_one_failed_attempt_to_open_a_store() {
        const CLIENTS: usize = 20;
        let shared = Shared::new();
        let attempts = AtomicUsize::new(0);
        let all_started = Barrier::new(CLIENTS);
        let failure =
            || store::Error::new(store::ErrorKind::Unavailable, "db.example cannot be used");
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    all_started.wait();
                    let opened = shared.store(&setting(), || {
                        attempts.fetch_add(1, Ordering::Relaxed);
                        // Gives the others time to start waiting.
                        for _ in 0..1000 {
                            std::thread::yield_now();
                        }
                        Err(failure())
                    });
                    assert_eq!(opened.unwrap_err().message(), failure().message());
                });
            }
        });
        assert!(attempts.load(Ordering::Relaxed) < CLIENTS);
        // The next one tries again.
        shared.store(&setting(), memory).unwrap();
    }

    #[test]
    fn a_forked_child_opens_its_own_store() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("tokens");
        let parent = Shared {
            process: std::process::id() + 1,
            ..Shared::new()
        };
        let setting = StoreSetting::File(folder.clone());
        let open =
            || -> Result<Arc<dyn Store>, store::Error> { Ok(Arc::new(FileStore::open(&folder)?)) };
        let inherited = parent.store(&setting, open).unwrap();
        let own = parent.here().store(&setting, open).unwrap();
        assert!(!Arc::ptr_eq(&inherited, &own));
        let again = parent.here().store(&setting, open).unwrap();
        assert!(Arc::ptr_eq(&own, &again));
    }
}
