//! The lease of a connection's record, held while a request is made.

use std::time::Duration;

use super::Inner;
use crate::store::Patience;
use crate::{Connection, Error, ErrorKind, Lease, StoreKey, Verdict};

/// Fails in a forked child of the process that created the client.
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

/// A lease that is released when it is dropped.
pub(super) struct Held<'a> {
    inner: &'a Inner,
    key: StoreKey,
    pub(super) fence: u64,
    ttl: Duration,
    /// When the lease expires, by our boot clock. `None` if the kernel ends it.
    until_boot_ms: Option<u64>,
}

impl Inner {
    /// Fails in a forked child.
    ///
    /// The parent's threads don't exist there, so that their work never ends and the locks they
    /// held stay locked.
    pub(super) fn check_process(&self) -> Result<(), Error> {
        check_process(&self.connection, self.process)
    }

    /// Waits for the lease, for at most a little longer than another holder's request can take.
    ///
    /// Gives up early if `give_up` returns `true`.
    pub(super) fn lease(&self, give_up: impl Fn() -> bool) -> Result<Held<'_>, Error> {
        self.lease_of(*self.persistence.key(), give_up)
    }

    /// Like [`Inner::lease`], for the record under another key.
    pub(super) fn lease_of(
        &self,
        key: StoreKey,
        give_up: impl Fn() -> bool,
    ) -> Result<Held<'_>, Error> {
        let timeout = self.connection.network().timeout;
        let ttl = timeout * 2 + Duration::from_secs(10);
        let patience = Patience::new(timeout * 2 + Duration::from_secs(15));
        loop {
            let asked = self.clock.now().boot_ms;
            match self.persistence.store().lease(&key, &self.owner, ttl)? {
                Lease::Granted { fence, valid_for } => {
                    return Ok(Held {
                        inner: self,
                        key,
                        fence,
                        ttl,
                        until_boot_ms: valid_for.map(|span| asked + span.as_millis() as u64),
                    });
                }
                Lease::Busy { retry_in } => {
                    if give_up() {
                        return Err(self.drained());
                    }
                    if !patience.pause(retry_in) {
                        let label = self.connection.label();
                        let busy =
                            patience.busy(self.persistence.store(), &key, &label.to_string());
                        return Err(busy.into());
                    }
                }
            }
        }
    }
}

impl Held<'_> {
    /// Checks, right before a request is sent, that the lease lasts for the whole request.
    pub(super) fn still_ours(&self) -> Result<(), Error> {
        let inner = self.inner;
        inner.check_process()?;
        if inner.is_draining() {
            return Err(inner.drained());
        }
        let needed = inner.connection.network().timeout + Duration::from_secs(5);
        let enough = self.until_boot_ms.is_none_or(|until| {
            let left = until.saturating_sub(inner.clock.now().boot_ms);
            Duration::from_millis(left) > needed
        });
        let ours =
            inner
                .persistence
                .store()
                .renew(&self.key, &inner.owner, self.fence, self.ttl)?;
        if enough && ours {
            return Ok(());
        }
        let connection = inner.connection.label();
        let message = format!("{connection}: its lease was lost before the request was sent");
        Err(Error::new(ErrorKind::Busy, message).with_hint("try again; nothing was sent"))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let inner = self.inner;
        // If a transport, a signer or a listener forks during a refresh, the child has a copy of
        // this guard. The lease stays the parent's.
        if inner.check_process().is_err() {
            return;
        }
        // A lease that can't be released expires or ends with the process.
        let _ = inner
            .persistence
            .store()
            .release(&self.key, &inner.owner, self.fence);
    }
}
