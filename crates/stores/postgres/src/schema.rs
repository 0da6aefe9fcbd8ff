//! Creates the tables, and checks their version.

use std::time::Duration;

use countersign_store::Error;
use countersign_store_address::{failed, misconfigured};

use crate::server::{Server, Trouble};
use crate::sqlstate;
use crate::statement::table;

/// The version of the tables that this crate supports.
const VERSION: i32 = 1;

/// Returns the SQL that creates the tables, if the store's user may not create them itself.
///
/// Without `schema`, they are created in the first schema of the search path. Running the SQL again
/// does nothing.
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
    if exists(server, schema)? {
        return Ok(());
    }
    let at = server.address();
    Err(misconfigured(
        format!("{at} has no countersign tables"),
        "restore the database, or correct the database or schema in `store`; to start with an empty store, remove `store_create = false`",
    ))
}

/// Creates the tables unless they exist.
pub(crate) fn migrate(server: &Server, schema: Option<&str>) -> Result<(), Error> {
    let at = server.address();
    let mut last = None;
    for _ in 0..50 {
        if exists(server, schema)? {
            return Ok(());
        }
        // Several statements in one message are one transaction. There is no BEGIN, so a failure
        // leaves no transaction open.
        match server.batch(&schema_sql(schema)) {
            Ok(_) => continue,
            // IF NOT EXISTS fails if several processes create the tables at once. Check again.
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
                        "{at} has no countersign tables, and `{role}` may not create them: {message}"
                    ),
                    format!(
                        "ask a user who may create tables to run: {sql} GRANT SELECT ON {versions} TO {role}; GRANT SELECT, INSERT, UPDATE ON {records} TO {role};"
                    ),
                ));
            }
            Err(trouble) => return Err(trouble.into_error(at)),
        }
    }
    let last = last.unwrap_or_else(|| "their version is unknown".to_owned());
    Err(failed(format!("{at}: cannot create the tables: {last}")).with_hint(sqlstate::TRY_AGAIN))
}

/// Returns whether the tables exist in the version that this crate supports.
fn exists(server: &Server, schema: Option<&str>) -> Result<bool, Error> {
    let at = server.address();
    let versions = table(schema, "countersign_schema");
    match server.batch(&format!("SELECT max(version) FROM {versions}")) {
        Ok(found) => match found.and_then(|text| text.parse::<i32>().ok()) {
            Some(version) if version > VERSION => Err(misconfigured(
                format!(
                    "{at} has tables of version {version}, and this program supports {VERSION}"
                ),
                "update this program: a newer countersign has updated the tables",
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
                    "ask the owner of the tables to run: GRANT SELECT ON {versions} TO {role}; GRANT SELECT, INSERT, UPDATE ON {records} TO {role};"
                ),
            ))
        }
        Err(trouble) => Err(trouble.into_error(at)),
    }
}

/// Unique violation in the catalog, duplicate table, duplicate object, serialization failure,
/// deadlock, and "tuple concurrently updated".
const RACES: &[&str] = &["23505", "42P07", "42710", "40001", "40P01", "XX000"];
