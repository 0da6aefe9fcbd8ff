//! The lease of a connection's record: one request at a time among processes and hosts.

use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use crate::store::Patience;
use crate::{Clock, Connection, Error, ErrorKind, Lease, Owner, Store, StoreKey, Verdict};

/// Fails in a forked child of the process that created the client.
///
/// The parent's threads don't exist there, so that their work never ends and the locks they held
/// stay locked.
pub(crate) fn check_process(connection: &Connection, process: u32) -> Result<(), Error> {
    if process == std::process::id() {
        return Ok(());
    }
    let connection = connection.label();
    let message = format!("{connection}: the client was created before this process was forked");
    Err(Error::new(ErrorKind::Busy, message)
        .with_verdict(Verdict::FixConfiguration)
        .with_hint("create the client in the child, after the fork"))
}

/// Takes leases for one client.
pub(super) struct Leases {
    store: Arc<dyn Store>,
    owner: Owner,
    clock: Arc<dyn Clock>,
    /// How long a request may take.
    timeout: Duration,
    /// Names the connection in errors.
    label: String,
    /// The process that created the client.
    process: u32,
}

/// A lease that is released when it is dropped.
pub(super) struct Held<'a> {
    leases: &'a Leases,
    key: StoreKey,
    pub(super) fence: u64,
    ttl: Duration,
    /// When the lease expires, by our boot clock. `None` if the kernel ends it.
    until_boot_ms: Option<u64>,
}

impl Leases {
    /// Creates the leases of a client of this process.
    pub(super) fn new(
        store: Arc<dyn Store>,
        owner: Owner,
        clock: Arc<dyn Clock>,
        connection: &Connection,
    ) -> Self {
        Self {
            store,
            owner,
            clock,
            timeout: connection.network().timeout,
            label: connection.label().to_string(),
            process: std::process::id(),
        }
    }

    /// Waits for the lease of a record, for at most a little longer than another holder's request
    /// can take. Stops waiting with the error that `give_up` returns.
    pub(super) fn take(
        &self,
        key: StoreKey,
        give_up: impl Fn() -> Option<Error>,
    ) -> Result<Held<'_>, Error> {
        let timeout = self.timeout;
        let ttl = timeout * 2 + Duration::from_secs(10);
        let longest = timeout * 2 + Duration::from_secs(15);
        let patience = Patience::new(longest);
        loop {
            let asked = self.clock.now().boot_ms;
            match self.store.lease(&key, &self.owner, ttl)? {
                Lease::Granted { fence, valid_for } => {
                    return Ok(Held {
                        leases: self,
                        key,
                        fence,
                        ttl,
                        until_boot_ms: valid_for.map(|span| asked + span.as_millis() as u64),
                    });
                }
                Lease::Busy { retry_in } => {
                    if let Some(error) = give_up() {
                        return Err(error);
                    }
                    if !patience.pause(retry_in) {
                        let store = self.store.as_ref();
                        return Err(patience.busy(store, &key, &self.label).into());
                    }
                }
            }
        }
    }
}

impl Held<'_> {
    /// Renews the lease right before a request is sent. It must last for the whole request.
    fn renew(&self) -> Result<(), Error> {
        let leases = self.leases;
        let needed = leases.timeout + Duration::from_secs(5);
        let enough = self.until_boot_ms.is_none_or(|until| {
            let left = until.saturating_sub(leases.clock.now().boot_ms);
            Duration::from_millis(left) > needed
        });
        let ours = leases
            .store
            .renew(&self.key, &leases.owner, self.fence, self.ttl)?;
        if enough && ours {
            return Ok(());
        }
        let label = &leases.label;
        let message = format!("{label}: its lease was lost before the request was sent");
        Err(Error::new(ErrorKind::Busy, message).with_hint("try again; nothing was sent"))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let leases = self.leases;
        // If a transport, signer or listener forks during a refresh, the child has a copy of this
        // guard. The lease still belongs to the parent.
        if leases.process != std::process::id() {
            return;
        }
        // A lease that can't be released expires or ends with the process.
        let _ = leases.store.release(&self.key, &leases.owner, self.fence);
    }
}

impl Inner {
    /// Fails in a forked child.
    pub(super) fn check_process(&self) -> Result<(), Error> {
        check_process(&self.shared.connection, self.shared.leases.process)
    }

    /// Waits for the lease of the connection's record. Stops waiting when the client drains.
    pub(super) fn lease(&self) -> Result<Held<'_>, Error> {
        self.lease_of(*self.persistence.key())
    }

    /// Waits for the lease of the record under another key. Stops waiting when the client drains.
    pub(super) fn lease_of(&self, key: StoreKey) -> Result<Held<'_>, Error> {
        let give_up = || self.is_draining().then(|| self.drained());
        self.shared.leases.take(key, give_up)
    }

    /// Checks that a request may be sent now, under this lease.
    pub(super) fn may_send(&self, lease: &Held<'_>) -> Result<(), Error> {
        self.check_process()?;
        if self.is_draining() {
            return Err(self.drained());
        }
        lease.renew()
    }
}
