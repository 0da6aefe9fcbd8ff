//! Keeps tokens in a store of your own, such as a table of your database.
//!
//! Try it with the sandbox:
//!
//! ```text
//! cargo xtask sandbox --dir /tmp/sandbox
//! COUNTERSIGN_CONFIG=/tmp/sandbox/connections.toml \
//!     cargo run -p countersign --example custom_store -- salesforce-refresh
//! ```
//!
//! `cargo test -p countersign custom_store` runs the tests that every store must pass.

#![allow(clippy::print_stdout, reason = "a program")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use countersign::core::store::Error as StoreError;
use countersign::core::{
    Capabilities, Durability, Holder, Lease, LeaseKind, Owner, Store, StoreKey, Stored, Swap,
};
use countersign::{Configuration, Error};

fn main() -> Result<(), Error> {
    let name = std::env::args()
        .nth(1)
        .unwrap_or("salesforce-refresh".to_owned());
    let settings = countersign::resolve(&name, Configuration::find()?.settings(&name)?)?;
    let connection = countersign::connection(&name, &settings, &countersign::registry()?, None)?;
    let store = Arc::new(TableStore::default());
    // Two clients that share the store: the second one finds the token of the first.
    for _ in 0..2 {
        let builder = countersign::client_builder(connection.clone(), |_| ())?;
        let client = builder.store(store.clone()).build()?;
        println!("token from {}", client.token()?.source());
    }
    Ok(())
}

/// A table with one row per grant.
///
/// Here it is in memory. In a database, each function below is one transaction.
#[derive(Debug, Default)]
struct TableStore(Mutex<BTreeMap<StoreKey, Row>>);

#[derive(Debug, Default)]
struct Row {
    /// `None` until the first write. `Debug` doesn't print its value, which contains tokens.
    record: Option<Stored>,
    /// The fence of the last lease.
    fence: u64,
    /// Who holds the lease, and until when: to the end of that millisecond, because the clock counts
    /// whole ones and a lease must not end early.
    holder: Option<(Holder, i64)>,
}

impl Row {
    /// Reports whether this is the lease in progress.
    fn is_held_by(&self, owner: &Owner, fence: u64, now_ms: i64) -> bool {
        let held = (self.holder.as_ref())
            .is_some_and(|(by, until)| by.owner == *owner && *until >= now_ms);
        held && self.fence == fence
    }
}

impl TableStore {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<StoreKey, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a record if nobody else has changed it.
    ///
    /// `UPDATE … SET version = version + 1, … WHERE key = … AND version = … AND fence <= …`
    fn change(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: Option<&[u8]>,
    ) -> Swap {
        let mut rows = self.rows();
        let row = rows.entry(*key).or_default();
        if row.record.as_ref().map(|record| record.version) != expected {
            return Swap::Conflict(row.record.clone());
        }
        let seen = row.record.as_ref().map_or(0, |record| record.fence);
        if fence.is_some_and(|fence| fence < seen) {
            return Swap::Fenced;
        }
        let version = expected.unwrap_or(0) + 1;
        row.record = Some(Stored {
            version,
            fence: fence.unwrap_or(seen),
            value: value.map(|value| value.to_vec().into()),
        });
        Swap::Applied(version)
    }
}

impl Store for TableStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: Durability::Ephemeral,
            lease: LeaseKind::Timed,
            shared: false,
        }
    }

    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        Ok(self.rows().get(key).and_then(|row| row.record.clone()))
    }

    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap {
        self.change(key, expected, fence, Some(value))
    }

    fn tombstone(&self, key: &StoreKey, expected: u64, fence: Option<u64>) -> Swap {
        self.change(key, Some(expected), fence, None)
    }

    fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<Lease, StoreError> {
        let now = self.now_ms()?;
        let mut rows = self.rows();
        let row = rows.entry(*key).or_default();
        if row.holder.as_ref().is_some_and(|(_, until)| *until >= now) {
            let retry_in = Duration::from_millis(20);
            return Ok(Lease::Busy { retry_in });
        }
        let seen = row.record.as_ref().map_or(0, |record| record.fence);
        row.fence = row.fence.max(seen) + 1;
        let holder = Holder::new(owner.clone(), Some(now));
        row.holder = Some((holder, now + ttl.as_millis() as i64));
        Ok(Lease::Granted {
            fence: row.fence,
            valid_for: Some(ttl),
        })
    }

    fn renew(
        &self,
        key: &StoreKey,
        owner: &Owner,
        fence: u64,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        let now = self.now_ms()?;
        let mut rows = self.rows();
        let row = rows.entry(*key).or_default();
        let holds = row.is_held_by(owner, fence, now);
        if let Some((_, until)) = row.holder.as_mut().filter(|_| holds) {
            *until = now + ttl.as_millis() as i64;
        }
        Ok(holds)
    }

    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, StoreError> {
        let now = self.now_ms()?;
        let mut rows = self.rows();
        let row = rows.entry(*key).or_default();
        let holds = row.is_held_by(owner, fence, now);
        if holds {
            row.holder = None;
        }
        Ok(holds)
    }

    /// For errors about a lease that is busy for long.
    fn holder(&self, key: &StoreKey) -> Result<Option<Holder>, StoreError> {
        let now = self.now_ms()?;
        let rows = self.rows();
        let held = rows.get(key).and_then(|row| row.holder.as_ref());
        let held = held.filter(|(_, until)| *until >= now);
        Ok(held.map(|(holder, _)| holder.clone()))
    }

    fn keys(&self) -> Result<Vec<StoreKey>, StoreError> {
        let has_value = |row: &Row| row.record.as_ref().is_some_and(|it| it.value.is_some());
        let rows = self.rows();
        let full = rows.iter().filter(|(_, row)| has_value(row));
        Ok(full.map(|(key, _)| *key).collect())
    }

    /// The database's clock, which is the same for all its users.
    fn now_ms(&self) -> Result<i64, StoreError> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(since.unwrap_or_default().as_millis() as i64)
    }
}

#[cfg(test)]
mod tests {
    use countersign_store_conformance::{Backend, run};

    use super::*;

    #[test]
    fn the_store_passes_the_tests_of_every_store() {
        let store = Arc::new(TableStore::default());
        run(&Backend::of_one_process(move || store.clone()));
    }
}
