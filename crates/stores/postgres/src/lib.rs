#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod connect;
mod schema;
mod server;
mod sqlstate;
mod statement;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_store::{
    Capabilities, Durability, Error, ErrorKind, Holder, Lease, LeaseKind, Owner, Store, StoreKey,
    Stored, Swap,
};
use countersign_store_address::{
    Address, Ids, MAX_RETRY_WAIT, NoResponse, conflict, countable, failed, forked, granted_ms,
    misconfigured,
};
use tokio_postgres::Row;
use zeroize::Zeroizing;

pub use crate::schema::schema_sql;
use crate::server::{Response, Server};
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

/// Opens the store at a `postgres://` URL, but creates no tables, as for `store_create = false`.
///
/// # Errors
///
/// As [`PostgresStore::open_existing`].
pub fn open_existing(url: &str) -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(PostgresStore::open_existing(url)?))
}

/// Keeps each record in a row of a PostgreSQL table, which single statements change.
pub struct PostgresStore {
    server: Server,
    statements: Statements,
    ids: Ids,
    /// Whether the settings allow that a crash loses records.
    ephemeral: bool,
}

impl PostgresStore {
    /// Connects, checks the server and its durability, and creates the tables unless they exist.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if the URL isn't usable, or would send tokens to another machine
    /// unencrypted. [`ErrorKind::Unavailable`] or [`ErrorKind::Unusable`] if the server can't be
    /// reached, rejects the login, is a standby, or has no tables and the user may not create them. In
    /// that case the hint contains the SQL to run.
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::connect(url, schema::migrate)
    }

    /// Like [`PostgresStore::open`], but creates no tables, so that a database that was restored
    /// empty doesn't look like a new store.
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
        let response = match self.server.run(sql, params) {
            Ok(response) => response,
            Err(no_response) => return no_response.into(),
        };
        if let Some(row) = response.rows.first() {
            return match number(row, 0) {
                Ok(version) => Swap::Applied(version),
                Err(error) => Swap::Unknown(error),
            };
        }
        self.explain_no_change(key, expected, fence, &id, response.resent)
    }

    /// Reads the record to find out why the statement, when last sent, changed nothing.
    fn explain_no_change(
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
            // It was applied before, and the response was lost.
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
        // Something other than this crate removed or replaced the row between the two statements.
        give_up(failed(format!(
            "{at}: another program changed the record without changing its version"
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

    fn ask(&self, sql: &Arc<str>, params: Vec<Param>) -> Result<Response, Error> {
        self.server.run(sql, params).map_err(NoResponse::into_error)
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
        if self.server.is_forked() {
            return Err(forked(self.server.address()));
        }
        let ttl = countable(ttl);
        let response = self.ids.lease(key, owner, |id| {
            let params = vec![
                Param::key(key),
                Param::Text(owner.as_str().to_owned()),
                Param::Text(id.to_owned()),
                Param::micros(ttl),
            ];
            self.ask(&self.statements.lease, params)
        })?;
        match response.rows.first() {
            Some(row) => Ok(Lease::Granted {
                fence: number(row, 0)?,
                valid_for: Some(ttl),
            }),
            None => Ok(Lease::Busy {
                retry_in: MAX_RETRY_WAIT.min(ttl),
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
        // A forked child doesn't hold its parent's leases.
        if self.server.is_forked() {
            return Ok(false);
        }
        let mut params = lease_params(key, owner, fence);
        params.push(Param::micros(countable(ttl)));
        let response = self.ask(&self.statements.renew, params)?;
        Ok(!response.rows.is_empty())
    }

    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, Error> {
        if self.server.is_forked() {
            return Ok(false);
        }
        let response = self.ask(&self.statements.release, lease_params(key, owner, fence))?;
        if response.rows.is_empty() && response.resent {
            // This call may have released it before, if the first response was lost.
            let released = self.ask(&self.statements.released, lease_params(key, owner, fence))?;
            return Ok(!released.rows.is_empty());
        }
        Ok(!response.rows.is_empty())
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
            StoreKey::from_hex(&hex).ok_or_else(|| damaged("a key is malformed"))
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
                "{at} runs with fsync or full_page_writes off: a crash could lose a grant by login"
            ),
            "set on the server: fsync = on, full_page_writes = on; or accept that: add ephemeral=allow to `store`",
        ))
    }

    fn now_ms(&self) -> Result<i64, Error> {
        let rows = self.ask(&self.statements.now, Vec::new())?.rows;
        let row = rows
            .first()
            .ok_or_else(|| damaged("the server returned no time"))?;
        column(row, 0)
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

fn lease_params(key: &StoreKey, owner: &Owner, fence: u64) -> Vec<Param> {
    vec![
        Param::key(key),
        Param::Text(owner.as_str().to_owned()),
        Param::Number(Some(as_number(fence))),
    ]
}

/// Converts a version or fence. One that is too large matches no record, like the maximum.
fn as_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(row: &Row, index: usize) -> Result<u64, Error> {
    let number: i64 = column(row, index)?;
    u64::try_from(number).map_err(|_| damaged("a number is negative"))
}

fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    index: usize,
) -> Result<T, Error> {
    row.try_get(index)
        .map_err(|error| damaged(&error.to_string()))
}

fn damaged(why: &str) -> Error {
    let message = format!("the table countersign_records contains unexpected data: {why}");
    Error::new(ErrorKind::Damaged, message).with_setting("store")
}

#[cfg(test)]
mod tests {
    use countersign_store_conformance::servers::PostgresServer;

    use super::*;

    #[test]
    fn a_forked_child_holds_no_leases_of_its_parent() {
        let server = PostgresServer::start("");
        let mut store = PostgresStore::open(&server.url()).unwrap();
        let (key, owner) = (StoreKey::of(["mine"]), Owner::new("parent"));
        let long = Duration::from_secs(60);
        let Lease::Granted { fence, .. } = store.lease(&key, &owner, long).unwrap() else {
            panic!("busy");
        };
        // In the child.
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
        // In the parent, nothing has changed.
        store.server.pretend_to_be_of(std::process::id());
        assert!(store.renew(&key, &owner, fence, long).unwrap());
        assert!(store.release(&key, &owner, fence).unwrap());
    }
}
