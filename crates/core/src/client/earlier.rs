//! Records of the version that did not tell tenants apart, which are kept under another key.
//!
//! Such a record says neither for which tenant nor for which request its token is. Its access
//! token is never used. Its refresh token is, if it can be nobody else's: it descends from the very
//! `refresh_token` of the settings, or the provider has no tenants. See docs/reliability.md.

use super::Inner;
use super::persistence::Loaded;
use super::record::Record;
use crate::{Error, StoreKey};

impl Inner {
    /// Moves the record of an earlier version to this connection's key, under the leases of both.
    pub(super) fn take_over_from_earlier_key(&self) -> Result<Loaded, Error> {
        if self.principal().is_some() {
            // Earlier versions had no principals.
            return Ok(Loaded::default());
        }
        let earlier = self.shared.connection.earlier_record_key();
        if !self.is_from_us(&self.persistence.load_at(&earlier)?) {
            return Ok(Loaded::default());
        }
        let lease = self.lease_of(earlier)?;
        let loaded = self.persistence.load_at(&earlier)?;
        let (Some(version), Some(record)) = (loaded.version, loaded.record) else {
            return Ok(Loaded::default());
        };
        let record = self.newer_in_fallback(&earlier, record);
        // A process of the earlier version must not spend its refresh token as well.
        let moved = self
            .persistence
            .move_here(&earlier, version, lease.fence, &record)?;
        Ok(Loaded {
            version: Some(moved),
            record: Some(record),
        })
    }

    /// Whether there is a record of an earlier version that may be another tenant's.
    pub(super) fn has_doubtful_record(&self) -> bool {
        if self.principal().is_some() {
            return false;
        }
        let earlier = self.shared.connection.earlier_record_key();
        let there = self.persistence.load_at(&earlier);
        there.is_ok_and(|there| there.record.is_some())
    }

    /// The record, or the one that waits in the fallback store because the store did not take it.
    fn newer_in_fallback(&self, earlier: &StoreKey, record: Record) -> Record {
        let in_fallback = self.persistence.load_fallback_at(earlier).ok().flatten();
        let newer = in_fallback.filter(|in_fallback| in_fallback.generation > record.generation);
        newer.unwrap_or(record)
    }

    fn is_from_us(&self, loaded: &Loaded) -> bool {
        let seed = self.seed();
        let from_us = |record: &Record| match &seed {
            Some(_) => record.seed == seed,
            None => record.seed.is_none() && self.shared.connection.has_no_tenants(),
        };
        self.shared.connection.grant().needs_login() && loaded.record.as_ref().is_some_and(from_us)
    }
}
