//! Opens the store that the setting `store` names, and the fallback store.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::store::{Error, ErrorKind};
use countersign_core::{Connection, FileStore, MemoryStore, SpentSeeds, Store, StoreSetting};

use crate::environment::path_variable;
use crate::private_folder::create_private_folder;
pub use crate::seeds::SeedFolder;
use crate::shared::shared;

/// Opens the store that a `store` setting names. Creates a missing folder or missing tables.
///
/// All clients of this process with the same setting share one store and its connections, as long
/// as any of them uses it. But each client has its own memory store.
///
/// # Errors
///
/// If the folder or server can't be used, or this build doesn't include support for the server.
/// Clients that wait for the same store to open receive the same error.
///
/// # Example
///
/// ```
/// use countersign::core::StoreSetting;
///
/// let store = countersign::stores::open_store(&StoreSetting::Memory)?;
/// # Ok::<(), countersign::core::store::Error>(())
/// ```
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

/// Opens the store as [`open_store`] does, but creates nothing: for `store_create = false`.
///
/// # Errors
///
/// The errors of [`open_store`]. Also if the folder or the tables are missing, and always for
/// Redis, which can't tell an empty store from a lost one.
///
/// # Example
///
/// ```
/// use countersign::core::StoreSetting;
///
/// let folder = tempfile::tempdir().unwrap();
/// let missing = StoreSetting::File(folder.path().join("tokens"));
/// assert!(countersign::stores::open_existing_store(&missing).is_err());
/// ```
pub fn open_existing_store(setting: &StoreSetting) -> Result<Arc<dyn Store>, Error> {
    shared().existing_store(setting, || open_existing(setting))
}

fn open_existing(setting: &StoreSetting) -> Result<Arc<dyn Store>, Error> {
    match setting {
        StoreSetting::Memory => Ok(Arc::new(MemoryStore::new())),
        StoreSetting::File(folder) => Ok(Arc::new(FileStore::open_existing(folder)?)),
        StoreSetting::Server(url) if url.starts_with("redis") => {
            let message = "`store_create` is false, but a Redis server cannot tell an empty store from a lost one";
            Err(Error::setting("store_create", message)
                .with_hint("remove store_create, or use PostgreSQL or files as the store"))
        }
        StoreSetting::Server(url) => existing_postgres(url),
    }
}

/// Formats a store's address for display, without username and password.
///
/// # Example
///
/// ```
/// use countersign::core::StoreSetting;
///
/// let setting = StoreSetting::Server("postgres://app:s3cret@db.example/tokens".into());
/// assert_eq!(countersign::stores::place(&setting), "postgres://db.example/tokens");
/// ```
pub fn place(setting: &StoreSetting) -> String {
    let StoreSetting::Server(url) = setting else {
        return format!("{setting:?}");
    };
    let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
    // What follows the last @ contains no password, even if that wasn't percent-encoded.
    let after_login = rest.rsplit_once('@').map(|(_, after)| after);
    let at = after_login.unwrap_or(rest);
    let at = at.split(['?', '#']).next().unwrap_or_default();
    let port = at.split(['/', ',']).next().and_then(|host| {
        let after_bracket = host.rsplit(']').next()?;
        after_bracket.split_once(':').map(|(_, port)| port)
    });
    // Without an @, what looks like a port may be a password that isn't followed by a host.
    let doubtful = after_login.is_none() && port.is_some_and(|port| port.parse::<u16>().is_err());
    match doubtful {
        true => format!("{scheme}://…"),
        false => format!("{scheme}://{at}"),
    }
}

/// Opens the fallback store, where a new refresh token goes if the store rejects it.
///
/// It is a folder of the user's. Only grants that need a person's login have one.
///
/// # Errors
///
/// If the folder can't be used. A client works without it, but may lose a refresh token if the
/// store fails.
///
/// # Example
///
/// ```
/// use countersign::Settings;
/// use countersign::stores::fallback_store;
///
/// # let settings = Settings::from_pairs([
/// #     ("provider", "boldsign"), ("environment", "us"), ("grant", "client-credentials"),
/// #     ("client_id", "app"), ("client_secret", "s3cret"),
/// # ])?;
/// # let connection = countersign::connection("work", &settings, &countersign::registry()?, None)?;
/// // A grant that needs no login can't lose anything.
/// assert!(fallback_store(&connection)?.is_none());
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn fallback_store(connection: &Connection) -> Result<Option<Arc<dyn Store>>, Error> {
    if !connection.grant().needs_login() || *connection.store() == StoreSetting::Memory {
        return Ok(None);
    }
    let no_home = || {
        let message = "no fallback store: neither XDG_STATE_HOME nor HOME is set";
        Error::new(ErrorKind::Unavailable, message)
    };
    let state = state_folder().ok_or_else(no_home)?;
    let folder = state.join("fallback");
    let fallback = shared().store(&StoreSetting::File(folder.clone()), || {
        create_private_folder(&state).map_err(|why| {
            let message = format!("{} cannot be created: {why}", state.display());
            Error::new(ErrorKind::Unavailable, message)
        })?;
        Ok(Arc::new(FileStore::open(&folder)?))
    });
    fallback
        .map(Some)
        .map_err(|error| error.in_context("no fallback store"))
}

/// Returns the notes on configured refresh tokens that may be spent.
///
/// With them, a lost store doesn't lead to presenting such a token again. A connection with a
/// memory store has none: it presents its `refresh_token` in each process.
///
/// # Example
///
/// ```
/// use countersign::Settings;
/// use countersign::stores::spent_seeds;
///
/// # let settings = Settings::from_pairs([
/// #     ("provider", "boldsign"), ("environment", "us"), ("grant", "client-credentials"),
/// #     ("client_id", "app"), ("client_secret", "s3cret"),
/// # ])?;
/// # let connection = countersign::connection("work", &settings, &countersign::registry()?, None)?;
/// // A grant that needs no login has no refresh token.
/// assert!(spent_seeds(&connection).is_none());
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn spent_seeds(connection: &Connection) -> Option<Arc<dyn SpentSeeds>> {
    if !connection.grant().needs_login() || *connection.store() == StoreSetting::Memory {
        return None;
    }
    Some(Arc::new(SeedFolder::new(state_folder()?.join("seeds"))))
}

/// Returns the folder of the fallback store.
pub fn fallback_folder() -> Option<PathBuf> {
    state_folder().map(|state| state.join("fallback"))
}

/// Returns the folder for state that isn't worth a backup (XDG Base Directory Specification).
fn state_folder() -> Option<PathBuf> {
    let state = match cfg!(windows) {
        true => path_variable("LOCALAPPDATA"),
        false => {
            let xdg = path_variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
            xdg.or_else(|| path_variable("HOME").map(|home| home.join(".local").join("state")))
        }
    };
    state.map(|state| state.join("countersign"))
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

#[cfg(feature = "postgres")]
fn existing_postgres(url: &str) -> Result<Arc<dyn Store>, Error> {
    countersign_postgres::open_existing(url)
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str) -> Result<Arc<dyn Store>, Error> {
    Err(left_out("PostgreSQL", "postgres"))
}

#[cfg(not(feature = "postgres"))]
fn existing_postgres(url: &str) -> Result<Arc<dyn Store>, Error> {
    postgres(url)
}

#[cfg_attr(all(feature = "redis", feature = "postgres"), allow(dead_code))]
fn left_out(server: &str, feature: &str) -> Error {
    let message = format!("`store` names a {server} server, which this build does not support");
    Error::setting("store", message).with_hint(format!(
        "build with the feature `{feature}` (libcountersign: `fleet`), or set store = \"file:FOLDER\""
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(feature = "postgres"))]
    #[test]
    fn a_server_without_support_is_an_error_that_names_its_feature() {
        let url = "postgres://app:s3cret@db.example/tokens";
        let error = open_store(&StoreSetting::Server(url.into())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting);
        assert!(
            error.hint().unwrap().contains("`postgres`") && !error.to_string().contains("s3cret")
        );
    }

    #[test]
    fn place_omits_the_password() {
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

    /// `sudo -E` runs as root with another user's home.
    #[cfg(unix)]
    #[test]
    fn no_folder_is_created_in_another_users_home() {
        if !rustix::process::geteuid().is_root() {
            // Only root can give a folder away.
            return;
        }
        let home = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(home.path(), Some(65534), None).unwrap();
        let state = home.path().join(".local/state/countersign");
        let error = create_private_folder(&state).unwrap_err();
        assert!(
            error.to_string().contains("belongs to user 65534"),
            "{error}"
        );
        assert!(!home.path().join(".local").exists());
    }
}
