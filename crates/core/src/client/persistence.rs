//! The record of a connection in its store, and in the fallback store if the store rejects it.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::history::Event;
use super::journal;
use super::record::Record;
use super::trace;
use crate::secret::fingerprint;
use crate::{
    Clock, Connection, Error, ErrorKind, GrantId, Moment, Secret, Store, StoreKey, Stored, Swap,
    Verdict,
};

/// Reads and writes the record of one connection.
pub(super) struct Persistence {
    store: Arc<dyn Store>,
    fallback: Option<Arc<dyn Store>>,
    key: StoreKey,
    clock: Arc<dyn Clock>,
    connection: Arc<Connection>,
    /// Whose grant it is, if it isn't the connection's own.
    principal: Option<GrantId>,
}

/// A record as it was read, with the version to replace.
#[derive(Clone, Default)]
pub(super) struct Loaded {
    pub(super) version: Option<u64>,
    pub(super) record: Option<Record>,
}

impl Persistence {
    pub(super) fn new(
        store: Arc<dyn Store>,
        fallback: Option<Arc<dyn Store>>,
        clock: Arc<dyn Clock>,
        connection: Arc<Connection>,
    ) -> Self {
        Self {
            store,
            fallback,
            key: connection.record_key(),
            clock,
            connection,
            principal: None,
        }
    }

    /// Returns the same for the record of a principal.
    pub(super) fn of_principal(&self, principal: GrantId) -> Self {
        Self {
            store: Arc::clone(&self.store),
            fallback: self.fallback.clone(),
            key: self.connection.record_key_of(&principal),
            clock: Arc::clone(&self.clock),
            connection: Arc::clone(&self.connection),
            principal: Some(principal),
        }
    }

    pub(super) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    pub(super) fn key(&self) -> &StoreKey {
        &self.key
    }

    /// Reads the record.
    pub(super) fn load(&self) -> Result<Loaded, Error> {
        self.load_at(&self.key)
    }

    /// Reads the record under another key.
    pub(super) fn load_at(&self, key: &StoreKey) -> Result<Loaded, Error> {
        let stored = self.store.load(key).map_err(Error::from);
        let loaded = stored.and_then(|stored| self.loaded(stored));
        self.reported("read", loaded)
    }

    fn loaded(&self, stored: Option<Stored>) -> Result<Loaded, Error> {
        let mut loaded = Loaded::of(stored, self.clock.now())?;
        if let Some(record) = &mut loaded.record {
            if record.principal.as_deref() != self.principal.as_ref().map(GrantId::as_str) {
                return Err(of_somebody_else());
            }
            // The profile may say otherwise than when the token was stored.
            let usage = self.connection.app().usage();
            record.token = record.token.take().map(|token| token.used_by(usage));
        }
        Ok(loaded)
    }

    fn encode(&self, record: &Record) -> Zeroizing<Vec<u8>> {
        record.encode(&self.connection, self.principal.as_ref())
    }

    /// Reports a failure of the store to `tracing`.
    fn reported<T>(&self, operation: &'static str, outcome: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &outcome {
            trace::store_error(&self.connection, operation, error);
        }
        outcome
    }

    /// Reads the record that waits in the fallback store, under any key.
    pub(super) fn load_fallback_at(&self, key: &StoreKey) -> Result<Option<Record>, Error> {
        let Some(fallback) = &self.fallback else {
            return Ok(None);
        };
        let stored = fallback.load(key).map_err(Error::from);
        let loaded = stored.and_then(|stored| self.loaded(stored));
        Ok(self.reported("read_fallback", loaded)?.record)
    }

    /// Reads the record that waits in the fallback store.
    ///
    /// # Errors
    ///
    /// Only if it can't be decrypted. It may have the newest refresh token then, and the store a
    /// spent one.
    pub(super) fn load_fallback(&self) -> Result<Option<Record>, Error> {
        match self.load_fallback_at(&self.key) {
            Err(error) if error.setting_name() == Some("store_key") => {
                Err(error.in_context("the fallback store, which has what the store rejected"))
            }
            waiting => Ok(waiting.unwrap_or_default()),
        }
    }

    /// Writes a record once, under the version that was read and the lease's fence.
    pub(super) fn write(
        &self,
        fence: u64,
        expected: Option<u64>,
        record: &Record,
    ) -> Result<u64, Error> {
        let bytes = self.encode(record);
        let swap = self
            .store
            .compare_and_swap(&self.key, expected, Some(fence), &bytes);
        let written = match swap {
            Swap::Applied(version) => Ok(version),
            // It may have been written: look in the store.
            Swap::Unknown(error) => match self.store.load(&self.key) {
                Ok(Some(now)) if has(&now, &bytes) => Ok(now.version),
                Ok(_) => Err(worth_a_retry(error.into())),
                Err(error) => Err(error.into()),
            },
            other => Err(not_stored(other)),
        };
        self.reported("write", written)
    }

    /// Writes a record without a lease, if nobody else has written since. Ignores failures.
    pub(super) fn try_write(&self, expected: Option<u64>, record: &Record) {
        let bytes = self.encode(record);
        let swap = self
            .store
            .compare_and_swap(&self.key, expected, None, &bytes);
        drop(swap);
    }

    /// Writes a new refresh token. `spent` is the one that it replaces.
    ///
    /// Tries a few times, and also replaces what others have written since, if this record is its
    /// successor.
    pub(super) fn write_successor(
        &self,
        fence: u64,
        expected: Option<u64>,
        record: &Record,
        spent: Option<&Secret>,
    ) -> Result<(), Error> {
        let written = self.try_write_successor(fence, expected, record, spent);
        self.reported("write", written)
    }

    fn try_write_successor(
        &self,
        fence: u64,
        expected: Option<u64>,
        record: &Record,
        spent: Option<&Secret>,
    ) -> Result<(), Error> {
        const TRIES: u32 = 3;
        let spent = spent.map(fingerprint);
        let bytes = self.encode(record);
        let (mut expected, mut fence) = (expected, fence);
        let mut last = Error::new(ErrorKind::Store, "the record keeps changing");
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
            if now.as_ref().is_some_and(|now| has(now, &bytes)) {
                return Ok(());
            }
            let seen_fence = now.as_ref().map_or(0, |now| now.fence);
            let now = self.loaded(now)?;
            if !journal::supersedes(now.record.as_ref(), record, spent.as_deref()) {
                let message = "the store has another successor of the same refresh token; this one is kept as a spare";
                return Err(Error::new(ErrorKind::Store, message));
            }
            (expected, fence) = (now.version, fence.max(seen_fence));
        }
        Err(worth_a_retry(last))
    }

    /// Writes a record into the fallback store. Returns `false` if there is none.
    pub(super) fn write_fallback(&self, record: &Record) -> Result<bool, Error> {
        self.reported("write_fallback", self.try_write_fallback(record))
    }

    fn try_write_fallback(&self, record: &Record) -> Result<bool, Error> {
        let Some(fallback) = &self.fallback else {
            return Ok(false);
        };
        let bytes = self.encode(record);
        let before = fallback.load(&self.key)?.map(|stored| stored.version);
        match fallback.compare_and_swap(&self.key, before, None, &bytes) {
            Swap::Applied(_) => Ok(true),
            other => Err(not_stored(other)),
        }
    }

    /// Deletes the record in the fallback store. If that fails, nothing is lost: the store has a
    /// newer one.
    pub(super) fn empty_fallback(&self) {
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

    /// Moves a record to the connection's key, and returns its new version.
    pub(super) fn move_here(
        &self,
        from: &StoreKey,
        version: u64,
        fence: u64,
        record: &Record,
    ) -> Result<u64, Error> {
        let bytes = self.encode(record);
        let moved = match self.store.compare_and_swap(&self.key, None, None, &bytes) {
            Swap::Applied(version) => version,
            other => return self.reported("write", Err(not_stored(other))),
        };
        self.delete_at(from, version, fence)?;
        Ok(moved)
    }

    /// Deletes the record.
    pub(super) fn delete(&self, version: u64, fence: u64) -> Result<(), Error> {
        self.delete_at(&self.key, version, fence)
    }

    fn delete_at(&self, key: &StoreKey, version: u64, fence: u64) -> Result<(), Error> {
        match self.store.tombstone(key, version, Some(fence)) {
            Swap::Applied(_) => Ok(()),
            other => self.reported("delete", Err(not_stored(other))),
        }
    }

    /// Returns the path of the damaged copy of the record, if there is one.
    pub(super) fn set_aside(&self) -> Result<Option<String>, Error> {
        Ok(self.store.set_aside(&self.key)?)
    }

    /// Deletes the damaged copies of the record, which contain tokens, too.
    pub(super) fn remove_set_aside(&self) -> Result<(), Error> {
        let stores = [Some(&self.store), self.fallback.as_ref()];
        for store in stores.into_iter().flatten() {
            store.remove_set_aside(&self.key)?;
        }
        Ok(())
    }

    /// Returns the time by the store's clock, which several hosts share, in milliseconds since
    /// 1970. Falls back to this host's clock.
    pub(super) fn now_ms(&self) -> i64 {
        let own = self.clock.now().unix_ms;
        match self.store.capabilities().shared {
            true => self.store.now_ms().unwrap_or(own),
            false => own,
        }
    }

    /// Reads the last events of the record.
    pub(super) fn events(&self) -> Result<Vec<Event>, Error> {
        let record = self.load()?.record;
        Ok(record
            .map(|record| record.history.events())
            .unwrap_or_default())
    }
}

impl Loaded {
    fn of(stored: Option<Stored>, now: Moment) -> Result<Self, Error> {
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

    /// Whether the grant was forgotten, or will be once the vendor has revoked it.
    pub(super) fn is_logged_out(&self) -> bool {
        match &self.record {
            Some(record) => record.logged_out,
            None => self.version.is_some(),
        }
    }
}

/// Builds the error for a record under this grant's key that names another principal.
///
/// Only somebody who can write to the store could have put it there.
fn of_somebody_else() -> Error {
    Error::new(
        ErrorKind::Store,
        "the stored record belongs to another principal",
    )
    .with_verdict(Verdict::Unexpected)
    .with_hint("check who copied it in the store, and delete it there")
}

fn has(stored: &Stored, bytes: &[u8]) -> bool {
    stored.value.as_ref().is_some_and(|value| **value == *bytes)
}

/// Returns an error after which the next call tries again, unless a setting must change first.
fn worth_a_retry(error: Error) -> Error {
    match error.verdict() {
        Verdict::FixConfiguration => error,
        _ => error.with_verdict(Verdict::Retry),
    }
}

fn not_stored(swap: Swap) -> Error {
    let error = match swap {
        Swap::Unavailable(error) | Swap::Unknown(error) => error.into(),
        Swap::Conflict(_) | Swap::Applied(_) => {
            Error::new(ErrorKind::Store, "another process has changed the record")
        }
        Swap::Fenced => Error::new(ErrorKind::Store, "the lease was lost to another holder"),
    };
    worth_a_retry(error)
}
