//! Where the tokens survive: the stores under test, with the servers behind them.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use countersign::store::{Error, ErrorKind};
use countersign::{FileStore, MemoryStore, Store};
use countersign_store_conformance::servers::{PostgresServer, RedisServer};
use tempfile::TempDir;

/// The kind of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// In one process.
    Memory,
    /// A folder.
    File,
    /// A Redis server of the test's own, durable.
    Redis,
    /// A PostgreSQL server of the test's own.
    Postgres,
}

impl PlaceKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File => "file",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }

    /// Why it cannot be had on this machine, if so.
    pub fn missing(self) -> Option<String> {
        let found = |program: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|folder| folder.join(program).exists())
        };
        match self {
            Self::Redis if !found("redis-server") => {
                Some("redis-server is missing; run: sudo apt-get install redis-server".into())
            }
            Self::Postgres if !found("initdb") && !Path::new("/usr/lib/postgresql").exists() => {
                Some("initdb is missing; run: sudo apt-get install postgresql".into())
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
            _ => Err(format!("`{text}` is not one of file, redis, postgres")),
        }
    }
}

/// A store that other processes can open by its setting.
#[derive(Debug)]
pub enum Place {
    /// In one process.
    Memory(Arc<MemoryStore>),
    /// A folder, removed at the end.
    File(TempDir),
    /// A server, ended at the end.
    Redis(Box<RedisServer>),
    /// A server, ended at the end.
    Postgres(Box<PostgresServer>),
}

impl Place {
    /// Makes one, with its server.
    ///
    /// # Panics
    ///
    /// Where the server does not start.
    pub fn start(kind: PlaceKind) -> Self {
        match kind {
            PlaceKind::Memory => Self::Memory(Arc::default()),
            PlaceKind::File => Self::File(tempfile::tempdir().expect("a folder")),
            PlaceKind::Redis => Self::Redis(Box::new(RedisServer::durable())),
            PlaceKind::Postgres => Self::Postgres(Box::new(PostgresServer::start(""))),
        }
    }

    /// What another process opens; a folder of its own for each name.
    pub fn setting(&self, name: &str) -> String {
        match self {
            Self::Memory(_) => "memory".into(),
            Self::File(folder) => format!("file:{}", folder.path().join(name).display()),
            Self::Redis(server) => format!("{}?prefix={name}", server.url()),
            Self::Postgres(server) => server.url(),
        }
    }

    /// A handle.
    pub fn open(&self, name: &str) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => Arc::clone(store) as Arc<dyn Store>,
            _ => open(&self.setting(name)),
        }
    }
}

/// Opens a store by its setting. Tries again as long as the store asks for that, as on a machine
/// whose disk does not answer for a while.
///
/// # Panics
///
/// Where it cannot be opened.
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
    panic!("no store for {setting}")
}
