//! Making a record durable, whatever the store does; and finding again what it did not take.

use std::time::Duration;

use super::Inner;
use super::failpoint::Point;
use super::history::{Event, What};
use super::journal;
use super::lease::Held;
use super::record::Record;
use crate::secret::fingerprint;
use crate::{Error, ErrorKind, Moment, Secret, Store, StoreKey, Stored, Swap, Verdict};

/// The record as it was read, with the version to replace.
#[derive(Clone, Default)]
pub(super) struct Loaded {
    pub(super) version: Option<u64>,
    pub(super) record: Option<Record>,
}

/// Where a record ended up.
pub(super) enum Saved {
    Store,
    /// The store did not take it, but it is durable elsewhere.
    Fallback,
    /// It is in memory only.
    Memory(Error),
}

impl Inner {
    pub(super) fn load(&self) -> Result<Loaded, Error> {
        let stored = self.store.load(&self.key)?;
        Loaded::of(stored, self.clock.now())
    }

    /// What the store has, once everything that it did not take before is in it.
    pub(super) fn load_recovered(&self, lease: &Held<'_>) -> Result<Loaded, Error> {
        let loaded = match self.load()? {
            Loaded { version: None, .. } => self.take_over_from_earlier_key()?,
            loaded => loaded,
        };
        let in_memory = self.single_flight.unsaved_record();
        let in_fallback = match self.in_fallback() {
            Ok(in_fallback) => in_fallback.record,
            // What cannot be opened may be the newest refresh token, and the store's a spent one.
            Err(error) if error.setting_name() == Some("store_key") => {
                return Err(
                    error.in_context("the fallback store, which has what the store did not take")
                );
            }
            Err(_) => None,
        };
        let waiting = [in_memory, in_fallback].into_iter().flatten();
        let newest = journal::newest_unsaved(loaded.record.as_ref(), waiting);
        let Some(mut newer) = newest else {
            self.single_flight.keep_unsaved(None);
            return Ok(loaded);
        };
        newer
            .history
            .add(self.event(What::Recovered, None, None, None));
        let version = self.write(lease, loaded.version, &newer)?;
        self.single_flight.keep_unsaved(None);
        self.empty_fallback();
        if let Some(token) = &newer.token {
            self.show(token);
        }
        Ok(Loaded {
            version: Some(version),
            record: Some(newer),
        })
    }

    /// Writes a record, once: the store must take it under this version and fence.
    pub(super) fn write(
        &self,
        lease: &Held<'_>,
        expected: Option<u64>,
        record: &Record,
    ) -> Result<u64, Error> {
        let bytes = record.encode(&self.connection);
        let swap = self
            .store
            .compare_and_swap(&self.key, expected, Some(lease.fence), &bytes);
        match swap {
            Swap::Applied(version) => Ok(version),
            Swap::Unknown(error) => {
                // It may have been written: what is there now tells.
                let now = self.store.load(&self.key)?;
                match now.filter(|now| now.value.as_ref().is_some_and(|v| **v == *bytes)) {
                    Some(now) => Ok(now.version),
                    None => Err(worth_a_retry(error.into())),
                }
            }
            other => Err(not_stored(other)),
        }
    }

    /// Makes what an answer brought durable. `spent` is the refresh token it was got with.
    pub(super) fn save(
        &self,
        lease: &Held<'_>,
        expected: Option<u64>,
        record: &Record,
        spent: Option<&Secret>,
    ) -> Saved {
        let spent = spent.map(fingerprint);
        let first = self.failpoint(Point::BeforePersist);
        let saved =
            first.and_then(|()| self.save_forward(lease, expected, record, spent.as_deref()));
        let error = match saved {
            Ok(()) => return Saved::Store,
            Err(error) => error,
        };
        const KEPT: &str = "the new token is kept, and every call tries to store it again";
        let hint = match (error.verdict(), error.hint()) {
            (Verdict::FixConfiguration, Some(remedy)) => format!("{remedy}; {KEPT}"),
            _ => KEPT.to_owned(),
        };
        let error = error.with_hint(hint);
        self.single_flight
            .keep_unsaved(Some((record.clone(), error.clone())));
        let fallback = self
            .failpoint(Point::BeforeFallback)
            .and_then(|()| self.put_in_fallback(record));
        match fallback {
            Ok(true) if self.failpoint(Point::InFallback).is_ok() => Saved::Fallback,
            _ => Saved::Memory(error),
        }
    }

    /// Tries a few times, and past what others wrote meanwhile, as long as ours is the successor
    /// of what is there.
    fn save_forward(
        &self,
        lease: &Held<'_>,
        expected: Option<u64>,
        record: &Record,
        spent: Option<&str>,
    ) -> Result<(), Error> {
        const TRIES: u32 = 3;
        let bytes = record.encode(&self.connection);
        let (mut expected, mut fence) = (expected, lease.fence);
        let mut last = Error::new(ErrorKind::Store, "the store kept changing under us");
        for attempt in 0..TRIES {
            let swap = self
                .store
                .compare_and_swap(&self.key, expected, Some(fence), &bytes);
            match swap {
                Swap::Applied(_) => return Ok(()),
                Swap::Unavailable(error) | Swap::Unknown(error) => {
                    last = error.into();
                    if attempt + 1 < TRIES {
                        std::thread::sleep(Duration::from_millis(20 << (2 * attempt)));
                    }
                }
                Swap::Conflict(_) | Swap::Fenced => {}
            }
            let Ok(now) = self.store.load(&self.key) else {
                continue;
            };
            if now
                .as_ref()
                .is_some_and(|now| now.value.as_ref().is_some_and(|v| **v == *bytes))
            {
                return Ok(());
            }
            let seen_fence = now.as_ref().map_or(0, |now| now.fence);
            let now = Loaded::of(now, self.clock.now())?;
            if !journal::supersedes(now.record.as_ref(), record, spent) {
                let message = "another successor of the same refresh token is stored; ours is kept as a spare";
                return Err(Error::new(ErrorKind::Store, message));
            }
            (expected, fence) = (now.version, fence.max(seen_fence));
        }
        Err(worth_a_retry(last))
    }

    fn in_fallback(&self) -> Result<Loaded, Error> {
        match &self.fallback {
            Some(fallback) => Loaded::of(fallback.load(&self.key)?, self.clock.now()),
            None => Ok(Loaded::default()),
        }
    }

    /// Puts a record into the fallback store; `false` where there is none.
    fn put_in_fallback(&self, record: &Record) -> Result<bool, Error> {
        let Some(fallback) = &self.fallback else {
            return Ok(false);
        };
        let bytes = record.encode(&self.connection);
        let before = fallback.load(&self.key)?;
        match fallback.compare_and_swap(
            &self.key,
            before.map(|stored| stored.version),
            None,
            &bytes,
        ) {
            Swap::Applied(_) => Ok(true),
            other => Err(not_stored(other)),
        }
    }

    /// What is left in the fallback store is older than the store: merging it again would do nothing.
    fn empty_fallback(&self) {
        let Some(fallback) = &self.fallback else {
            return;
        };
        if let Ok(Some(Stored {
            version,
            value: Some(_),
            ..
        })) = fallback.load(&self.key)
        {
            drop(fallback.tombstone(&self.key, version, None));
        }
    }

    /// Removes the damaged records that were set aside: they hold tokens as well.
    pub(super) fn remove_set_aside(&self) -> Result<(), Error> {
        for store in [Some(&self.store), self.fallback.as_ref()]
            .into_iter()
            .flatten()
        {
            store.remove_set_aside(&self.key)?;
        }
        Ok(())
    }

    pub(super) fn event(
        &self,
        what: What,
        attempt: Option<&str>,
        spent: Option<&str>,
        got: Option<&Secret>,
    ) -> Event {
        self.journal().event(what, attempt, spent, got)
    }

    /// The store's clock, by which a fleet agrees; ours where it does not tell.
    pub(super) fn store_ms(&self) -> i64 {
        let own = self.clock.now().unix_ms;
        match self.store.capabilities().shared {
            true => self.store.now_ms().unwrap_or(own),
            false => own,
        }
    }
}

impl Loaded {
    pub(super) fn of(stored: Option<Stored>, now: Moment) -> Result<Self, Error> {
        let Some(stored) = stored else {
            return Ok(Self::default());
        };
        let record = stored
            .value
            .as_ref()
            .map(|value| Record::decode(value, now));
        Ok(Self {
            version: Some(stored.version),
            record: record.transpose()?,
        })
    }

    /// Whether the grant was forgotten, or was to be.
    pub(super) fn is_logged_out(&self) -> bool {
        match &self.record {
            Some(record) => record.logged_out,
            None => self.version.is_some(),
        }
    }
}

/// An error after which the next call tries again, unless a person has to change something first.
fn worth_a_retry(error: Error) -> Error {
    match error.verdict() {
        Verdict::FixConfiguration => error,
        _ => error.with_verdict(Verdict::Retry),
    }
}

pub(super) fn not_stored(swap: Swap) -> Error {
    let error = match swap {
        Swap::Unavailable(error) | Swap::Unknown(error) => error.into(),
        Swap::Conflict(_) | Swap::Applied(_) => Error::new(
            ErrorKind::Store,
            "the record was changed by somebody else meanwhile",
        ),
        Swap::Fenced => Error::new(
            ErrorKind::Store,
            "the lease was lost to another holder meanwhile",
        ),
    };
    worth_a_retry(error)
}

/// Reads the last events of a record, for a person who asks what happened.
pub(super) fn events(store: &dyn Store, key: &StoreKey, now: Moment) -> Result<Vec<Event>, Error> {
    let loaded = Loaded::of(store.load(key)?, now)?;
    Ok(loaded
        .record
        .map(|record| record.history.events())
        .unwrap_or_default())
}

/// Reads when a record's refresh token expires, in seconds since 1970.
pub(super) fn refresh_token_expires_at(
    store: &dyn Store,
    key: &StoreKey,
    now: Moment,
) -> Result<Option<i64>, Error> {
    let loaded = Loaded::of(store.load(key)?, now)?;
    Ok(loaded
        .record
        .and_then(|record| record.refresh_token_expires_at()))
}
