#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod connect;
mod refusal;
mod schema;
mod server;
mod statement;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_store::{
    Capabilities, Durability, Error, ErrorKind, Holder, Lease, LeaseKind, Owner, Store, StoreKey,
    Stored, Swap,
};
use countersign_store_address::{
    Address, Ids, MOST_PATIENCE, Unanswered, conflict, countable, failed, forked, granted_ms,
    misconfigured,
};
use tokio_postgres::Row;
use zeroize::Zeroizing;

pub use crate::schema::schema_sql;
use crate::server::{Answer, Server};
use crate::statement::{Param, Statements};

/// Opens the store at a `postgres://` URL; see the crate's page for its options.
///
/// # Errors
///
/// As [`PostgresStore::open`].
///
/// # Example
///
/// ```no_run
/// let store = countersign_postgres::open("postgres://app:s3cret@db.example/tokens")?;
/// println!("{:?}", store.capabilities().durability);
/// # Ok::<(), countersign_store::Error>(())
/// ```
pub fn open(url: &str) -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(PostgresStore::open(url)?))
}

/// As [`PostgresStore::open_existing`], as the setting `store` with `store_create = false` wants it.
///
/// # Errors
///
/// As [`PostgresStore::open_existing`].
pub fn open_existing(url: &str) -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(PostgresStore::open_existing(url)?))
}

/// Keeps each record in a row of a PostgreSQL table, changed by one statement at a time.
pub struct PostgresStore {
    server: Server,
    statements: Statements,
    ids: Ids,
    /// Whether the settings say that records may be lost with a crash.
    ephemeral: bool,
}

impl PostgresStore {
    /// Connects, checks what the server promises, and makes the tables where they are not there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if the URL isn't usable, or would send tokens to another machine
    /// unencrypted. [`ErrorKind::Unavailable`] or [`ErrorKind::Unusable`] if the server can't be
    /// reached, rejects the login, is a standby, or has no tables and doesn't let us create them: the
    /// hint then has the SQL to run.
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::connect(url, schema::migrate)
    }

    /// As [`PostgresStore::open`], but creates no tables: a database that was restored empty must
    /// not look like a store that was never used.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::open`], and if the tables are missing.
    pub fn open_existing(url: &str) -> Result<Self, Error> {
        Self::connect(url, schema::check)
    }

    fn connect(
        url: &str,
        prepare: impl FnOnce(&Server, Option<&str>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let address = Address::parse(url, &["postgres", "postgresql"], connect::OPTIONS)?;
        let ephemeral = address.word("ephemeral", &["allow"])?.is_some();
        let schema = address.option("schema").map(str::to_owned);
        let server = Server::open(address)?;
        prepare(&server, schema.as_deref())?;
        Ok(Self {
            server,
            statements: Statements::new(schema.as_deref()),
            ids: Ids::default(),
            ephemeral,
        })
    }

    fn change(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: Option<&[u8]>,
    ) -> Swap {
        let id = match self.ids.fresh() {
            Ok(id) => id,
            Err(error) => return Swap::Unavailable(error),
        };
        let mut params = vec![
            Param::key(key),
            Param::Number(fence.map(as_number)),
            Param::Bytes(value.map(|value| Zeroizing::new(value.to_vec()))),
            Param::Text(id.clone()),
        ];
        let sql = match expected {
            None => &self.statements.create,
            Some(version) => {
                params.push(Param::Number(Some(as_number(version))));
                &self.statements.replace
            }
        };
        let answer = match self.server.run(sql, params) {
            Ok(answer) => answer,
            Err(unanswered) => return unanswered.into(),
        };
        if let Some(row) = answer.rows.first() {
            return match number(row, 0) {
                Ok(version) => Swap::Applied(version),
                Err(error) => Swap::Unknown(error),
            };
        }
        self.why_not(key, expected, fence, &id, answer.resent)
    }

    /// Nothing was changed, the last time it was asked for. Reads what stands there instead.
    fn why_not(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        id: &str,
        resent: bool,
    ) -> Swap {
        let give_up = |error| match resent {
            true => Swap::Unknown(error),
            false => Swap::Unavailable(error),
        };
        let (current, written_by) = match self.read(key) {
            Ok(read) => read,
            Err(error) => return give_up(error),
        };
        let version = current.as_ref().map(|record| record.version);
        if written_by.as_deref() == Some(id) {
            // The answer that was lost was a yes.
            return Swap::Applied(version.unwrap_or(1));
        }
        let at = self.server.address();
        if version != expected {
            return conflict(at, expected, current, resent);
        }
        let seen = current.map_or(0, |record| record.fence);
        if fence.is_some_and(|fence| fence < seen) {
            return Swap::Fenced;
        }
        // Somebody removed or put back the row between the two statements: not this crate.
        give_up(failed(format!(
            "{at}: the record changed under the change, without a version"
        )))
    }

    fn read(&self, key: &StoreKey) -> Result<(Option<Stored>, Option<String>), Error> {
        let rows = self.ask(&self.statements.load, vec![Param::key(key)])?.rows;
        let Some(row) = rows.first() else {
            return Ok((None, None));
        };
        let value: Option<Vec<u8>> = column(row, 2)?;
        let stored = Stored {
            version: number(row, 0)?,
            fence: number(row, 1)?,
            value: value.map(Zeroizing::new),
        };
        Ok(((stored.version > 0).then_some(stored), column(row, 3)?))
    }

    fn ask(&self, sql: &Arc<str>, params: Vec<Param>) -> Result<Answer, Error> {
        self.server.run(sql, params).map_err(Unanswered::into_error)
    }
}

impl Store for PostgresStore {
    fn warning(&self) -> Option<Error> {
        self.server.address().warning()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: self.server.durability(),
            lease: LeaseKind::Timed,
            shared: true,
        }
    }

    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        self.read(key).map(|(record, _)| record)
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

    fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<Lease, Error> {
        if self.server.is_a_parents() {
            return Err(forked(self.server.address()));
        }
        let ttl = countable(ttl);
        let answer = self.ids.lease(key, owner, |id| {
            let params = vec![
                Param::key(key),
                Param::Text(owner.as_str().to_owned()),
                Param::Text(id.to_owned()),
                Param::micros(ttl),
            ];
            self.ask(&self.statements.lease, params)
        })?;
        match answer.rows.first() {
            Some(row) => Ok(Lease::Granted {
                fence: number(row, 0)?,
                valid_for: Some(ttl),
            }),
            None => Ok(Lease::Busy {
                retry_in: MOST_PATIENCE.min(ttl),
            }),
        }
    }

    fn renew(
        &self,
        key: &StoreKey,
        owner: &Owner,
        fence: u64,
        ttl: Duration,
    ) -> Result<bool, Error> {
        // Whatever it is asked, a forked child has none of its parent's leases.
        if self.server.is_a_parents() {
            return Ok(false);
        }
        let mut params = holder(key, owner, fence);
        params.push(Param::micros(countable(ttl)));
        let answer = self.ask(&self.statements.renew, params)?;
        Ok(!answer.rows.is_empty())
    }

    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, Error> {
        if self.server.is_a_parents() {
            return Ok(false);
        }
        let answer = self.ask(&self.statements.release, holder(key, owner, fence))?;
        if answer.rows.is_empty() && answer.resent {
            // Given back by this very call, where its first answer was lost.
            let given_back = self.ask(&self.statements.released, holder(key, owner, fence))?;
            return Ok(!given_back.rows.is_empty());
        }
        Ok(!answer.rows.is_empty())
    }

    fn holder(&self, key: &StoreKey) -> Result<Option<Holder>, Error> {
        let rows = self
            .ask(&self.statements.holder, vec![Param::key(key)])?
            .rows;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let owner: String = column(row, 0)?;
        Ok(Some(Holder::new(
            Owner::new(owner),
            granted_ms(number(row, 1)?),
        )))
    }

    fn keys(&self) -> Result<Vec<StoreKey>, Error> {
        let rows = self.ask(&self.statements.keys, Vec::new())?.rows;
        let key = |row: &Row| {
            let hex: String = column(row, 0)?;
            StoreKey::from_hex(&hex).ok_or_else(|| strange("a key is not one"))
        };
        rows.iter().map(key).collect()
    }

    fn fit_for_rotation(&self) -> Result<(), Error> {
        if self.ephemeral || self.server.durability() > Durability::Ephemeral {
            return Ok(());
        }
        let at = self.server.address();
        Err(misconfigured(
            format!(
                "{at} runs with fsync or full_page_writes off: a grant by login would be lost with a crash"
            ),
            "set at the server: fsync = on, full_page_writes = on; or, to take that risk, add ephemeral=allow to `store`",
        ))
    }

    fn now_ms(&self) -> Result<i64, Error> {
        let rows = self.ask(&self.statements.now, Vec::new())?.rows;
        column(rows.first().ok_or_else(|| strange("no time"))?, 0)
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("at", &self.server.address().to_string())
            .field("durability", &self.server.durability())
            .finish_non_exhaustive()
    }
}

fn holder(key: &StoreKey, owner: &Owner, fence: u64) -> Vec<Param> {
    vec![
        Param::key(key),
        Param::Text(owner.as_str().to_owned()),
        Param::Number(Some(as_number(fence))),
    ]
}

/// What no record can have is as good as what it does not have.
fn as_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(row: &Row, index: usize) -> Result<u64, Error> {
    let number: i64 = column(row, index)?;
    u64::try_from(number).map_err(|_| strange("a count is negative"))
}

fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    index: usize,
) -> Result<T, Error> {
    row.try_get(index)
        .map_err(|error| strange(&error.to_string()))
}

fn strange(why: &str) -> Error {
    let message =
        format!("the table countersign_records holds what this store does not write: {why}");
    Error::new(ErrorKind::Damaged, message).with_setting("store")
}

#[cfg(test)]
mod tests {
    use countersign_store_conformance::servers::PostgresServer;

    use super::*;

    #[test]
    fn a_child_of_fork_has_none_of_its_parents_leases() {
        let server = PostgresServer::start("");
        let mut store = PostgresStore::open(&server.url()).unwrap();
        let (key, owner) = (StoreKey::of(["mine"]), Owner::new("parent"));
        let long = Duration::from_secs(60);
        let Lease::Granted { fence, .. } = store.lease(&key, &owner, long).unwrap() else {
            panic!("busy");
        };
        // As the child sees it.
        store.server.pretend_to_be_of(0);
        assert!(!store.renew(&key, &owner, fence, long).unwrap());
        assert!(!store.release(&key, &owner, fence).unwrap());
        for error in [
            store.lease(&key, &owner, long).unwrap_err(),
            store.load(&key).unwrap_err(),
        ] {
            assert!(error.hint().unwrap().contains("in the child"), "{error}");
        }
        let swap = store.compare_and_swap(&key, None, None, b"child");
        assert!(matches!(swap, Swap::Unavailable(_)), "{swap:?}");
        // As the parent does, still.
        store.server.pretend_to_be_of(std::process::id());
        assert!(store.renew(&key, &owner, fence, long).unwrap());
        assert!(store.release(&key, &owner, fence).unwrap());
    }
}
