//! The stores under test, with their servers.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use countersign_core::store::{Error, ErrorKind};
use countersign_core::{FileStore, MemoryStore, Store};
use countersign_store_conformance::servers::{PostgresServer, RedisServer};
use tempfile::TempDir;

/// The kind of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// The memory of one process.
    Memory,
    /// A folder.
    File,
    /// A durable Redis server, started by the test.
    Redis,
    /// A PostgreSQL server, started by the test.
    Postgres,
}

impl PlaceKind {
    /// Returns the word for it on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File => "file",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }

    /// Returns why this machine can't run it, if it can't.
    pub fn missing(self) -> Option<String> {
        let found = |program: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|folder| folder.join(program).exists())
        };
        match self {
            Self::Redis if !found("redis-server") => {
                Some("redis-server is not installed; run: sudo apt-get install redis-server".into())
            }
            Self::Postgres if !found("initdb") && !Path::new("/usr/lib/postgresql").exists() => {
                Some("initdb is not installed; run: sudo apt-get install postgresql".into())
            }
            _ => None,
        }
    }
}

impl FromStr for PlaceKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "file" => Ok(Self::File),
            "redis" => Ok(Self::Redis),
            "postgres" => Ok(Self::Postgres),
            _ => Err(format!("`{text}` must be file, redis or postgres")),
        }
    }
}

/// A store that other processes can open by its setting.
#[derive(Debug)]
pub enum Place {
    /// The memory of one process.
    Memory(Arc<MemoryStore>),
    /// A folder, removed on drop.
    File(TempDir),
    /// A server, stopped on drop.
    Redis(Box<RedisServer>),
    /// A server, stopped on drop.
    Postgres(Box<PostgresServer>),
}

impl Place {
    /// Creates a store and starts its server.
    ///
    /// # Panics
    ///
    /// If the server doesn't start.
    pub fn start(kind: PlaceKind) -> Self {
        match kind {
            PlaceKind::Memory => Self::Memory(Arc::default()),
            PlaceKind::File => Self::File(tempfile::tempdir().expect("create a folder")),
            PlaceKind::Redis => Self::Redis(Box::new(RedisServer::durable())),
            PlaceKind::Postgres => Self::Postgres(Box::new(PostgresServer::start(""))),
        }
    }

    /// Returns the setting with which another process opens the store; a folder for each name.
    pub fn setting(&self, name: &str) -> String {
        match self {
            Self::Memory(_) => "memory".into(),
            Self::File(folder) => format!("file:{}", folder.path().join(name).display()),
            Self::Redis(server) => format!("{}?prefix={name}", server.plain_url()),
            Self::Postgres(server) => server.plain_url(),
        }
    }

    /// Opens the store.
    pub fn open(&self, name: &str) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => Arc::clone(store) as Arc<dyn Store>,
            _ => open(&self.setting(name)),
        }
    }
}

/// Opens a store by its setting.
///
/// Retries while the store is unavailable, for example because the disk is busy.
///
/// # Panics
///
/// If it can't be opened.
pub fn open(setting: &str) -> Arc<dyn Store> {
    loop {
        match open_once(setting) {
            Ok(store) => return store,
            Err(error) if error.kind() == ErrorKind::Unavailable => {}
            Err(error) => panic!("{setting}: {error}"),
        }
    }
}

fn open_once(setting: &str) -> Result<Arc<dyn Store>, Error> {
    if let Some(folder) = setting.strip_prefix("file:") {
        return Ok(Arc::new(FileStore::open(folder)?));
    }
    if setting.starts_with("redis") {
        return countersign_redis::open(setting);
    }
    if setting.starts_with("postgres") {
        return countersign_postgres::open(setting);
    }
    panic!("unknown store: {setting}")
}
