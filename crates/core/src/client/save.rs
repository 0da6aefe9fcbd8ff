//! Saves what a response brought, and recovers what the store rejected before.

use super::Inner;
use super::failpoint::Point;
use super::history::What;
use super::journal;
use super::leases::Held;
use super::persistence::Loaded;
use super::record::Record;
use crate::{Error, Secret, Verdict};

/// Where a record was saved.
pub(super) enum Saved {
    Store,
    /// In the fallback store, because the store rejected it.
    Fallback,
    /// In memory only.
    Memory(Error),
}

impl Inner {
    /// Reads the record, after storing what the store rejected before.
    pub(super) fn load_recovered(&self, lease: &Held<'_>) -> Result<Loaded, Error> {
        let loaded = self.recover(lease)?;
        let record = loaded.record.as_ref();
        self.use_registration(record.and_then(|record| record.registration.clone()));
        Ok(loaded)
    }

    fn recover(&self, lease: &Held<'_>) -> Result<Loaded, Error> {
        let persistence = &self.persistence;
        let loaded = match persistence.load()? {
            Loaded { version: None, .. } => self.take_over_from_earlier_key()?,
            loaded => loaded,
        };
        let in_memory = self.single_flight.unsaved_record();
        let in_fallback = persistence.load_fallback()?;
        let waiting = [in_memory, in_fallback].into_iter().flatten();
        let newest = journal::newest_unsaved(loaded.record.as_ref(), waiting);
        let Some(mut newer) = newest else {
            self.single_flight.keep_unsaved(None);
            return Ok(loaded);
        };
        newer
            .history
            .add(self.journal().event(What::Recovered, None, None, None));
        let version = persistence.write(lease.fence, loaded.version, &newer)?;
        self.single_flight.keep_unsaved(None);
        persistence.empty_fallback();
        if let Some(token) = &newer.token {
            self.show(token);
        }
        Ok(Loaded {
            version: Some(version),
            record: Some(newer),
        })
    }

    /// Saves the record of a response. `spent` is the refresh token that was sent.
    pub(super) fn save(
        &self,
        lease: &Held<'_>,
        expected: Option<u64>,
        record: &Record,
        spent: Option<&Secret>,
    ) -> Saved {
        let persistence = &self.persistence;
        let saved = self
            .failpoint(Point::BeforePersist)
            .and_then(|()| persistence.write_successor(lease.fence, expected, record, spent));
        let error = match saved {
            Ok(()) => return Saved::Store,
            Err(error) => error,
        };
        const KEPT: &str = "the new token is kept, and the next refresh tries to store it again";
        let hint = match (error.verdict(), error.hint()) {
            (Verdict::FixConfiguration, Some(remedy)) => format!("{remedy}; {KEPT}"),
            _ => KEPT.to_owned(),
        };
        let error = error.with_hint(hint);
        self.single_flight
            .keep_unsaved(Some((record.clone(), error.clone())));
        let fallback = self
            .failpoint(Point::BeforeFallback)
            .and_then(|()| persistence.write_fallback(record));
        match fallback {
            Ok(true) if self.failpoint(Point::InFallback).is_ok() => Saved::Fallback,
            _ => Saved::Memory(error),
        }
    }
}
