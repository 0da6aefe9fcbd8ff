//! The tables: made once, by whoever of many comes first, and known by a version.

use std::time::Duration;

use countersign_store::Error;
use countersign_store_address::{failed, misconfigured};

use crate::refusal;
use crate::server::{Server, Trouble};
use crate::statement::table;

/// The version that this crate reads and writes.
const VERSION: i32 = 1;

/// The SQL that makes the tables, in the schema named or else in the one the search path begins
/// with: for whoever may create tables, where the store's own user may not. It may be run again.
///
/// # Example
///
/// ```
/// assert!(countersign_postgres::schema_sql(Some("auth")).contains(r#""auth".countersign_records"#));
/// ```
pub fn schema_sql(schema: Option<&str>) -> String {
    let (records, versions) = (
        table(schema, "countersign_records"),
        table(schema, "countersign_schema"),
    );
    format!(
        "CREATE TABLE IF NOT EXISTS {versions} (\
         version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now()); \
         CREATE TABLE IF NOT EXISTS {records} (\
         id bytea PRIMARY KEY CHECK (octet_length(id) = 32), \
         version bigint NOT NULL DEFAULT 0, \
         fence bigint NOT NULL DEFAULT 0, \
         value bytea, \
         write_id text, \
         changed_at timestamptz NOT NULL DEFAULT now(), \
         lease_fence bigint NOT NULL DEFAULT 0, \
         lease_owner text, \
         lease_call text, \
         lease_until timestamptz) WITH (fillfactor = 80); \
         INSERT INTO {versions} (version) VALUES ({VERSION}) ON CONFLICT DO NOTHING;"
    )
}

/// Fails if the tables are missing.
pub(crate) fn check(server: &Server, schema: Option<&str>) -> Result<(), Error> {
    if is_there(server, schema)? {
        return Ok(());
    }
    let at = server.address();
    Err(misconfigured(
        format!("{at} has no tables of countersign"),
        "restore the database, or correct the database or schema in `store`; to begin with an empty store, remove `store_create = false`: the first token that is kept makes them",
    ))
}

/// Makes the tables where they are not there.
pub(crate) fn migrate(server: &Server, schema: Option<&str>) -> Result<(), Error> {
    let at = server.address();
    let mut last = None;
    for _ in 0..50 {
        if is_there(server, schema)? {
            return Ok(());
        }
        // One message of several statements is one transaction, without BEGIN and so without
        // anything that a failure would leave open.
        match server.batch(&schema_sql(schema)) {
            Ok(_) => continue,
            // Many starting at once: IF NOT EXISTS is not proof against that. Look again.
            Err(Trouble::Sql(code, message)) if RACES.contains(&code.as_str()) => {
                last = Some(message);
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(Trouble::Sql(code, message)) if code == "42501" || code == "3F000" => {
                let (role, sql) = (server.user(), schema_sql(schema));
                let (records, versions) = (
                    table(schema, "countersign_records"),
                    table(schema, "countersign_schema"),
                );
                return Err(misconfigured(
                    format!(
                        "{at} has no tables of countersign, and lets `{role}` make none: {message}"
                    ),
                    format!(
                        "have somebody who may run: {sql} GRANT SELECT ON {versions} TO {role}; GRANT SELECT, INSERT, UPDATE ON {records} TO {role};"
                    ),
                ));
            }
            Err(trouble) => return Err(trouble.into_error(at)),
        }
    }
    let last = last.unwrap_or_else(|| "their version stays unknown".to_owned());
    Err(failed(format!("{at}: the tables cannot be made: {last}")).with_hint(refusal::TRY_AGAIN))
}

/// Whether the tables are there, in the version that this crate knows.
fn is_there(server: &Server, schema: Option<&str>) -> Result<bool, Error> {
    let at = server.address();
    let versions = table(schema, "countersign_schema");
    match server.batch(&format!("SELECT max(version) FROM {versions}")) {
        Ok(found) => match found.and_then(|text| text.parse::<i32>().ok()) {
            Some(version) if version > VERSION => Err(misconfigured(
                format!("{at} has tables of version {version}, and this program knows {VERSION}"),
                "a newer countersign has been here: update this program",
            )),
            found => Ok(found == Some(VERSION)),
        },
        Err(Trouble::Sql(code, _)) if code == "42P01" => Ok(false),
        Err(Trouble::Sql(code, message)) if code == "42501" => {
            let role = server.user();
            let records = table(schema, "countersign_records");
            Err(misconfigured(
                format!("{at}: {message}"),
                format!(
                    "have their owner run: GRANT SELECT ON {versions} TO {role}; GRANT SELECT, INSERT, UPDATE ON {records} TO {role};"
                ),
            ))
        }
        Err(trouble) => Err(trouble.into_error(at)),
    }
}

/// Unique violation in the catalog, duplicate table, duplicate object, serialization failure,
/// deadlock, and "tuple concurrently updated".
const RACES: &[&str] = &["23505", "42P07", "42710", "40001", "40P01", "XX000"];
