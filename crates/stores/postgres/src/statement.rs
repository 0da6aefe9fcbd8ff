//! The SQL statements. Each operation is a single statement in its own transaction and leaves no
//! state in the session, so a pooler may run the next one in another session.

use std::sync::Arc;
use std::time::Duration;

use countersign_store::StoreKey;
use tokio_postgres::types::{ToSql, Type};
use zeroize::Zeroizing;

/// A parameter. It is owned, because it moves to the thread that handles the connections.
pub(crate) enum Param {
    Bytes(Option<Zeroizing<Vec<u8>>>),
    Number(Option<i64>),
    Text(String),
}

impl Param {
    pub(crate) fn key(key: &StoreKey) -> Self {
        Self::Text(key.to_hex())
    }

    pub(crate) fn micros(duration: Duration) -> Self {
        Self::Number(Some(duration.as_micros() as i64))
    }

    /// Returns the value and its type, so that the server needn't be asked for the type.
    pub(crate) fn typed(&self) -> (Box<dyn ToSql + Sync + Send + '_>, Type) {
        match self {
            Self::Bytes(bytes) => (
                Box::new(bytes.as_ref().map(|bytes| bytes.as_slice())),
                Type::BYTEA,
            ),
            Self::Number(number) => (Box::new(*number), Type::INT8),
            Self::Text(text) => (Box::new(text.as_str()), Type::TEXT),
        }
    }
}

/// The statements for one schema.
pub(crate) struct Statements {
    /// $1 key.
    pub(crate) load: Arc<str>,
    /// $1 key, $2 fence, $3 value, $4 ID of this write.
    pub(crate) create: Arc<str>,
    /// As `create`, and $5 expected version.
    pub(crate) replace: Arc<str>,
    /// $1 key, $2 owner, $3 ID of this call, $4 microseconds.
    pub(crate) lease: Arc<str>,
    /// $1 key, $2 owner, $3 fence, $4 microseconds.
    pub(crate) renew: Arc<str>,
    /// $1 key, $2 owner, $3 fence.
    pub(crate) release: Arc<str>,
    /// Whether the lease has been released. Parameters as in `release`.
    pub(crate) released: Arc<str>,
    /// $1 key.
    pub(crate) holder: Arc<str>,
    pub(crate) keys: Arc<str>,
    pub(crate) now: Arc<str>,
}

/// Makes this transaction wait for the disk even if the session wouldn't.
///
/// `true` limits it to this transaction, because the session may be shared. The statements must use
/// `durable.level`, or the server would skip the subquery.
const DURABLE: &str = "(SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
     WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true) AS level) AS durable";

impl Statements {
    pub(crate) fn new(schema: Option<&str>) -> Self {
        let records = table(schema, "countersign_records");
        let sql = |text: String| Arc::from(text.as_str());
        let held = "r.id = decode($1, 'hex') AND r.lease_owner = $2 AND r.lease_fence = $3";
        Self {
            load: sql(format!(
                "SELECT version, fence, value, write_id FROM {records} WHERE id = decode($1, 'hex')"
            )),
            create: sql(format!(
                "INSERT INTO {records} AS r (id, version, fence, value, write_id) \
                 SELECT decode($1, 'hex'), 1, coalesce($2, 0), $3, $4 FROM {DURABLE} WHERE durable.level IS NOT NULL \
                 ON CONFLICT (id) DO UPDATE SET version = 1, fence = excluded.fence, value = excluded.value, \
                 write_id = excluded.write_id, changed_at = clock_timestamp() WHERE r.version = 0 \
                 RETURNING r.version"
            )),
            replace: sql(format!(
                "UPDATE {records} AS r SET version = r.version + 1, fence = coalesce($2, r.fence), value = $3, \
                 write_id = $4, changed_at = clock_timestamp() FROM {DURABLE} \
                 WHERE durable.level IS NOT NULL AND r.id = decode($1, 'hex') AND r.version = $5 AND r.version > 0 \
                 AND ($2 IS NULL OR r.fence <= $2) RETURNING r.version"
            )),
            // At least the current time, so that fences grow even if a standby took over without the
            // last leases.
            lease: sql(format!(
                "INSERT INTO {records} AS r (id, lease_fence, lease_owner, lease_call, lease_until) \
                 SELECT decode($1, 'hex'), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, $2, $3, \
                 clock_timestamp() + $4 * interval '1 microsecond' FROM {DURABLE} WHERE durable.level IS NOT NULL \
                 ON CONFLICT (id) DO UPDATE SET \
                 lease_fence = greatest(excluded.lease_fence, r.lease_fence + 1, r.fence + 1), \
                 lease_owner = excluded.lease_owner, lease_call = excluded.lease_call, \
                 lease_until = clock_timestamp() + $4 * interval '1 microsecond' \
                 WHERE r.lease_until IS NULL OR r.lease_until <= clock_timestamp() \
                 OR r.lease_call = excluded.lease_call RETURNING r.lease_fence"
            )),
            renew: sql(format!(
                "UPDATE {records} AS r SET lease_until = clock_timestamp() + $4 * interval '1 microsecond' \
                 FROM {DURABLE} WHERE durable.level IS NOT NULL AND {held} AND r.lease_until > clock_timestamp() \
                 RETURNING r.lease_fence"
            )),
            release: sql(format!(
                "UPDATE {records} AS r SET lease_until = NULL, lease_call = NULL \
                 WHERE {held} AND r.lease_until > clock_timestamp() RETURNING r.lease_fence"
            )),
            released: sql(format!(
                "SELECT r.lease_fence FROM {records} AS r WHERE {held} AND r.lease_until IS NULL"
            )),
            holder: sql(format!(
                "SELECT lease_owner, lease_fence FROM {records} \
                 WHERE id = decode($1, 'hex') AND lease_until > clock_timestamp()"
            )),
            keys: sql(format!(
                "SELECT encode(id, 'hex') FROM {records} WHERE value IS NOT NULL ORDER BY id"
            )),
            now: sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint".to_owned()),
        }
    }
}

/// Returns a table's name in SQL.
pub(crate) fn table(schema: Option<&str>, name: &str) -> String {
    match schema {
        Some(schema) => format!("\"{}\".{name}", schema.replace('"', "\"\"")),
        None => name.to_owned(),
    }
}
