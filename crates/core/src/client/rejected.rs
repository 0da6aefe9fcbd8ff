//! Access tokens that an API rejected, and how soon the next one may be replaced.

use std::time::Duration;

use crate::secret::fingerprint;
use crate::{Secret, Token};

/// The most recent access tokens that an API rejected.
#[derive(Default)]
pub(super) struct Rejected(Vec<Entry>);

struct Entry {
    fingerprint: String,
    /// The token, if it was the cached one.
    token: Option<Token>,
}

impl Rejected {
    /// More than one, so that a late report of an old token doesn't evict the newest.
    const LENGTH: usize = 4;

    pub(super) fn add(&mut self, access_token: &Secret, token: Option<Token>) {
        let fingerprint = fingerprint(access_token);
        self.0.retain(|entry| entry.fingerprint != fingerprint);
        if self.0.len() >= Self::LENGTH {
            self.0.remove(0);
        }
        self.0.push(Entry { fingerprint, token });
    }

    pub(super) fn has(&self, access_token: &Secret) -> bool {
        // Usually there are none: then skip the digest.
        !self.0.is_empty() && {
            let fingerprint = fingerprint(access_token);
            self.0.iter().any(|entry| entry.fingerprint == fingerprint)
        }
    }

    /// Returns the most recent one, if it was the cached token.
    pub(super) fn last(&self) -> Option<&Token> {
        self.0.last()?.token.as_ref()
    }

    pub(super) fn forgive(&mut self, access_token: &Secret) {
        let fingerprint = fingerprint(access_token);
        self.0.retain(|entry| entry.fingerprint != fingerprint);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// How long a token that replaced a rejected one is kept, even if it is rejected too.
///
/// Otherwise an API that rejects every token would cost one token request per call.
pub(crate) const YOUNG: Duration = Duration::from_secs(60);
