//! Issued codes, refresh tokens and access tokens.

use std::collections::{HashMap, HashSet};

use crate::Provider;

/// The grant that a code, its refresh tokens and their access tokens share.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) provider: Provider,
    pub(crate) client_id: String,
    /// The user's id; empty if the app acts for itself.
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    /// The number of the sign-in, which all its tokens share.
    pub(crate) family: u64,
}

/// An authorization code.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    /// The S256 challenge, if one was sent.
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) issued_at: i64,
    pub(crate) spent: bool,
}

/// A login on another device.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) grant: Grant,
    pub(crate) user_code: String,
    pub(crate) issued_at: i64,
    /// What the person has decided, if anything.
    pub(crate) allowed: Option<bool>,
    pub(crate) interval_s: i64,
    pub(crate) polled_at_ms: i64,
}

/// A refresh token.
#[derive(Debug, Clone)]
pub(crate) struct Refresh {
    pub(crate) grant: Grant,
    /// When the first token of its family was issued.
    pub(crate) born: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) state: State,
}

/// The state of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Live,
    /// Replaced by a newer one.
    Spent,
    Revoked,
}

/// An access token.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) grant: Grant,
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) revoked: bool,
}

/// Everything issued since the start or the last reset.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) codes: HashMap<String, Code>,
    /// By device code.
    pub(crate) devices: HashMap<String, Device>,
    pub(crate) refresh: HashMap<String, Refresh>,
    pub(crate) access: HashMap<String, Access>,
    assertions: HashSet<String>,
    families: u64,
}

impl Tokens {
    pub(crate) fn family(&mut self) -> u64 {
        self.families += 1;
        self.families
    }

    /// Records an assertion's `jti`; `false` if it was used before.
    pub(crate) fn first_use(&mut self, client_id: &str, jti: &str) -> bool {
        self.assertions.insert(format!("{client_id} {jti}"))
    }

    pub(crate) fn revoke_family(&mut self, family: u64) {
        for token in self
            .refresh
            .values_mut()
            .filter(|t| t.grant.family == family)
        {
            token.state = State::Revoked;
        }
        for token in self
            .access
            .values_mut()
            .filter(|t| t.grant.family == family)
        {
            token.revoked = true;
        }
    }

    /// Revokes the refresh tokens of a family that are in this state.
    pub(crate) fn revoke_in_state(&mut self, family: u64, state: State) {
        let those = |t: &&mut Refresh| t.grant.family == family && t.state == state;
        for token in self.refresh.values_mut().filter(those) {
            token.state = State::Revoked;
        }
    }

    /// Revokes a user's refresh tokens at an app, and with `access_too` the access tokens.
    pub(crate) fn withdraw(&mut self, client_id: &str, user: &str, access_too: bool) {
        let hit = |grant: &Grant| grant.client_id == client_id && grant.user == user;
        for token in self.refresh.values_mut().filter(|t| hit(&t.grant)) {
            token.state = State::Revoked;
        }
        for token in self
            .access
            .values_mut()
            .filter(|t| access_too && hit(&t.grant))
        {
            token.revoked = true;
        }
    }

    /// Keeps the newest `max` sign-ins of a user at an app and revokes the others.
    pub(crate) fn evict(&mut self, client_id: &str, user: &str, max: usize) {
        let mut families: Vec<u64> = self
            .refresh
            .values()
            .filter(|t| {
                t.state == State::Live && t.grant.client_id == client_id && t.grant.user == user
            })
            .map(|t| t.grant.family)
            .collect();
        families.sort_unstable();
        families.dedup();
        let surplus = families.len().saturating_sub(max);
        for family in &families[..surplus] {
            self.revoke_family(*family);
        }
    }

    pub(crate) fn live_access(&self, token: &str, now: i64) -> Option<&Access> {
        self.access
            .get(token)
            .filter(|t| !t.revoked && now < t.expires_at)
    }
}
