//! Cancels calls from any thread.

use std::fmt;
use std::sync::Arc;

use super::Inner;
use super::gate::Gate;
use crate::{Error, ErrorKind};

/// Cancels calls from any thread. Clones are handles to the same signal.
///
/// Pass it to [`Pending::cancel_with`](crate::Pending::cancel_with).
#[derive(Clone, Default)]
pub struct Cancel(pub(super) Arc<Gate>);

impl Cancel {
    /// Creates a signal that is not set yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels every call that was given this signal, and every later one.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Cancel, ErrorKind, testing};
    ///
    /// let client = testing::client([Ok(testing::token_response("t1", 3600))]).client;
    /// let cancel = Cancel::new();
    /// cancel.cancel();
    /// let error = client.token_async().cancel_with(&cancel).wait().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Cancelled);
    /// ```
    pub fn cancel(&self) {
        self.0.open();
    }

    /// Returns whether the signal is set.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_open()
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

impl Inner {
    /// Builds the error for a caller that cancelled its call.
    pub(super) fn cancelled(&self, what: &str) -> Error {
        let label = self.label();
        let message = format!("{label}: the wait for {what} was cancelled");
        Error::new(ErrorKind::Cancelled, message)
            .with_provider(&self.shared.connection.profile().id)
            .with_hint("call again: work that had started continues, and its outcome is kept")
    }
}
