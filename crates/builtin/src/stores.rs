//! Opening stores: what the setting `store` names, with the servers that this build knows, and the
//! spool that stands in for a store that fails.

use std::path::PathBuf;
use std::sync::Arc;

use countersign::{
    Connection, Error, ErrorKind, FileStore, GrantKind, MemoryStore, Store, StoreSetting, Verdict,
};

use crate::environment::path_variable;
use crate::shared::shared;

/// Opens the store that a connection's setting `store` names. All clients of this process with the
/// same setting share one store and its connections, as long as any of them uses it; a memory store
/// is each client's own.
///
/// # Errors
///
/// If the folder or server cannot be used, or this build was made without that server. Clients that
/// wait for the same store to open get the same error.
pub fn open_store(setting: &StoreSetting) -> Result<Arc<dyn Store>, Error> {
    shared().store(setting, || open(setting))
}

fn open(setting: &StoreSetting) -> Result<Arc<dyn Store>, Error> {
    match setting {
        StoreSetting::Memory => Ok(Arc::new(MemoryStore::new())),
        StoreSetting::File(folder) => Ok(Arc::new(FileStore::open(folder)?)),
        StoreSetting::Server(url) if url.starts_with("redis") => redis(url),
        StoreSetting::Server(url) => postgres(url),
    }
}

/// A store as people may see it: where it is, without who logs in and with what.
pub fn place(setting: &StoreSetting) -> String {
    let StoreSetting::Server(url) = setting else {
        return format!("{setting:?}");
    };
    let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
    // Only what follows the last @ can hold no password, however badly that was encoded.
    let after_login = rest.rsplit_once('@').map(|(_, after)| after);
    let at = after_login.unwrap_or(rest);
    let at = at.split(['?', '#']).next().unwrap_or_default();
    let port = at.split(['/', ',']).next().and_then(|host| {
        let after_bracket = host.rsplit(']').next()?;
        after_bracket.split_once(':').map(|(_, port)| port)
    });
    // Without an @, what looks like a port may be a password whose host was forgotten.
    let doubtful = after_login.is_none() && port.is_some_and(|port| port.parse::<u16>().is_err());
    match doubtful {
        true => format!("{scheme}://…"),
        false => format!("{scheme}://{at}"),
    }
}

/// Where a new refresh token goes that the store does not take: a folder of the user's, for
/// grants that only a person can renew. Others need none.
///
/// # Errors
///
/// Where it is needed and cannot be had; a keeper works without it, with one chance less.
pub fn spool(connection: &Connection) -> Result<Option<Arc<dyn Store>>, Error> {
    let by_a_person = matches!(
        connection.grant(),
        GrantKind::AuthorizationCode | GrantKind::RefreshToken | GrantKind::DeviceCode
    );
    if !by_a_person || *connection.store() == StoreSetting::Memory {
        return Ok(None);
    }
    let homeless = || {
        let message = "no spool: neither XDG_STATE_HOME nor HOME is set";
        Error::new(ErrorKind::Store, message)
    };
    let folder = spool_folder().ok_or_else(homeless)?;
    let spool = shared().store(&StoreSetting::File(folder.clone()), || {
        Ok(Arc::new(FileStore::open(&folder)?))
    });
    spool
        .map(Some)
        .map_err(|error| error.in_context("no spool"))
}

/// The spool's folder (XDG Base Directory Specification: state that is not worth a backup).
pub fn spool_folder() -> Option<PathBuf> {
    let state = match cfg!(windows) {
        true => path_variable("LOCALAPPDATA"),
        false => {
            let xdg = path_variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
            xdg.or_else(|| path_variable("HOME").map(|home| home.join(".local").join("state")))
        }
    };
    state.map(|state| state.join("countersign").join("spool"))
}

#[cfg(feature = "redis")]
fn redis(url: &str) -> Result<Arc<dyn Store>, Error> {
    countersign_redis::open(url)
}

#[cfg(not(feature = "redis"))]
fn redis(_: &str) -> Result<Arc<dyn Store>, Error> {
    Err(left_out("Redis", "redis"))
}

#[cfg(feature = "postgres")]
fn postgres(url: &str) -> Result<Arc<dyn Store>, Error> {
    countersign_postgres::open(url)
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str) -> Result<Arc<dyn Store>, Error> {
    Err(left_out("PostgreSQL", "postgres"))
}

#[cfg_attr(all(feature = "redis", feature = "postgres"), allow(dead_code))]
fn left_out(server: &str, feature: &str) -> Error {
    let message = format!("`store` names a {server} server, and this build is without it");
    Error::new(ErrorKind::Setting, message)
        .with_setting("store")
        .with_verdict(Verdict::FixConfiguration)
        .with_hint(format!(
            "build it with the feature `{feature}` (libcountersign: `fleet`), or set store = \"file:FOLDER\""
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(feature = "postgres"))]
    #[test]
    fn a_server_that_was_left_out_is_named() {
        let url = "postgres://app:s3cret@db.example/tokens";
        let error = open_store(&StoreSetting::Server(url.into())).unwrap_err();
        assert_eq!(error.verdict(), Verdict::FixConfiguration);
        assert!(
            error.hint().unwrap().contains("`postgres`") && !error.to_string().contains("s3cret")
        );
    }

    #[test]
    fn a_place_has_no_login_in_it() {
        for (url, shown) in [
            (
                "postgres://app:s3cret@db.example:5432/tokens?pool=2",
                "postgres://db.example:5432/tokens",
            ),
            (
                "postgres://app:s3c@r/e?t@db.example/tokens",
                "postgres://db.example/tokens",
            ),
            ("postgres://app:s3cret", "postgres://…"),
            ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
            (
                "redis://localhost:6379/?password_file=s3cret",
                "redis://localhost:6379/",
            ),
        ] {
            assert_eq!(place(&StoreSetting::Server(url.into())), shown, "{url}");
        }
    }
}
