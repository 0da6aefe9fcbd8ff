//! Leases: the right to refresh a record for a while.

use std::time::Duration;

/// The response to a request for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// The owner holds the lease now.
    Granted {
        /// Greater than every earlier fence of this key and than the record's own, even if the store
        /// has lost its earlier leases.
        fence: u64,
        /// How long it lasts at least, counted from before the call. `None` if the kernel ends it.
        ///
        /// A store whose clock counts whole milliseconds must not end it a part of one early.
        valid_for: Option<Duration>,
    },
    /// Somebody holds the lease.
    Busy {
        /// How long to wait before trying again.
        retry_in: Duration,
    },
}
