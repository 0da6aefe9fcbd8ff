//! Which store is meant, and how its records are read: by the connections that use it, or as the
//! command line says.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign::{
    Clock, Error, ErrorKind, KeyRing, RecordSummary, SealedStore, Secret, Settings, Store,
    StoreKey, StoreSetting, Stored, SystemClock, Verdict,
};
use countersign_builtin::{Configuration, open_existing_store, open_store, place, variable};
use zeroize::Zeroizing;

use super::record_key::{brief, is_key};
use crate::args::{Global, StoreArgs};
use crate::config;
use crate::input;
use crate::output::Output;

/// A store that somebody named, not opened yet.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) setting: StoreSetting,
    /// Who uses it, and with which keys: connections of the configuration by name, and `None` for
    /// the command line.
    users: Vec<(Option<String>, Option<KeyRing>)>,
    /// Whether one of them has `store_create = false`.
    must_exist: bool,
}

/// A store that is open.
#[derive(Debug)]
pub(super) struct Opened<'a> {
    pub(super) shelf: &'a Shelf,
    pub(super) below: Arc<dyn Store>,
}

/// A record that was read.
pub(super) struct Entry {
    pub(super) key: StoreKey,
    pub(super) version: u64,
    pub(super) encrypted: bool,
    /// In plain, whatever it was in the store.
    pub(super) value: Zeroizing<Vec<u8>>,
    pub(super) summary: RecordSummary,
}

/// What is found where a record should be.
pub(super) type Found = (StoreKey, Result<Entry, Error>);

impl Shelf {
    /// The store of `--store`, or of the connection, or all that the configuration has.
    pub(super) fn select(
        global: &Global,
        args: &StoreArgs,
        name: Option<&str>,
        output: &mut Output,
    ) -> Result<Vec<Self>, Error> {
        if let Some(text) = &args.store {
            let user = (None, ring_of_args(args)?);
            let setting = StoreSetting::parse(text)
                .and_then(kept_somewhere)
                .map_err(|e| e.in_context("--store"))?;
            return Ok(vec![Self {
                must_exist: must_exist(global, &setting),
                setting,
                users: vec![user],
            }]);
        }
        let config = config::configuration(global)?;
        match name {
            Some(name) => Ok(vec![Self::of_connection(&config, name, output)?]),
            None => Self::all(&config, output),
        }
    }

    /// As [`Shelf::select`], for a word that may also be the beginning of a record's key, which is
    /// looked for in all stores.
    pub(super) fn select_by_word(
        global: &Global,
        args: &StoreArgs,
        word: &str,
        output: &mut Output,
    ) -> Result<Vec<Self>, Error> {
        let is_name = || {
            let configuration = config::configuration(global)?;
            Ok::<_, Error>(configuration.names().any(|name| name == word))
        };
        let name = match args.store.is_none() && (!is_key(word) || is_name()?) {
            true => Some(word),
            false => None,
        };
        Self::select(global, args, name, output)
    }

    /// The store of one connection, with all that use it.
    pub(super) fn of_connection(
        config: &Configuration,
        name: &str,
        output: &mut Output,
    ) -> Result<Self, Error> {
        let named = |e: Error| e.in_context(format_args!("connection `{name}`"));
        // That there is none of this name says so by itself.
        config.settings(name)?;
        let used = setting_of(config, name).map_err(named)?;
        let setting = kept_somewhere(used.store).map_err(named)?;
        let all = Self::all(config, output)?;
        let found = all.into_iter().find(|shelf| shelf.setting == setting);
        found.ok_or_else(|| Error::new(ErrorKind::Internal, "the store was there and is not"))
    }

    /// Every store of the configuration that outlives a process, once.
    ///
    /// A connection that is wrong does not keep anybody from the others' stores: it is told.
    fn all(config: &Configuration, output: &mut Output) -> Result<Vec<Self>, Error> {
        let mut shelves: Vec<Self> = Vec::new();
        for name in config.names() {
            let used = match setting_of(config, name) {
                Ok(used) => used,
                Err(error) => {
                    output.warn_of(&format!("connection `{name}` is left out"), &error);
                    continue;
                }
            };
            if used.store == StoreSetting::Memory {
                continue;
            }
            let user = (Some(name.to_owned()), used.ring);
            let known = shelves.iter_mut().find(|shelf| shelf.setting == used.store);
            match known {
                Some(shelf) => {
                    shelf.users.push(user);
                    shelf.must_exist |= !used.create;
                }
                None => shelves.push(Self {
                    setting: used.store,
                    users: vec![user],
                    must_exist: !used.create,
                }),
            }
        }
        if shelves.is_empty() {
            let message = format!(
                "{}: no connection has a store that outlives a command",
                config.path().display()
            );
            return Err(Error::new(ErrorKind::Setting, message)
                .with_setting("store")
                .with_hint("set store = \"file:FOLDER\", or name a store with --store"));
        }
        Ok(shelves)
    }

    pub(super) fn place(&self) -> String {
        place(&self.setting)
    }

    /// The connections of the configuration that use it, for a person.
    pub(super) fn users(&self) -> Vec<&str> {
        let names = self.users.iter().filter_map(|(name, _)| name.as_deref());
        names.collect()
    }

    /// A folder that nothing was ever kept in. Looking at it must not make it.
    pub(super) fn is_missing(&self) -> bool {
        match &self.setting {
            StoreSetting::File(folder) => !folder.exists(),
            _ => false,
        }
    }

    /// Opens it to change what is there, making what is missing, unless `store_create` is false.
    pub(super) fn open(&self) -> Result<Opened<'_>, Error> {
        let below = match self.must_exist {
            true => open_existing_store(&self.setting)?,
            false => open_store(&self.setting)?,
        };
        Ok(Opened { shelf: self, below })
    }

    /// Opens it to look, if there is something to look at. Nothing is made.
    pub(super) fn open_existing(&self) -> Result<Opened<'_>, Error> {
        self.check_present()?;
        // A Redis server has nothing that could be missing, and nothing is made there.
        let is_redis =
            matches!(&self.setting, StoreSetting::Server(url) if url.starts_with("redis"));
        let below = match is_redis && !self.must_exist {
            true => open_store(&self.setting)?,
            false => open_existing_store(&self.setting)?,
        };
        Ok(Opened { shelf: self, below })
    }

    /// Opens it to try out whether it can be written: tables are made, as for the first token.
    pub(super) fn open_to_try(&self) -> Result<Opened<'_>, Error> {
        self.check_present()?;
        self.open()
    }

    fn check_present(&self) -> Result<(), Error> {
        if !self.is_missing() {
            return Ok(());
        }
        let message = format!("the store {} is not there", self.place());
        Err(Error::new(ErrorKind::Store, message)
            .with_setting("store")
            .with_verdict(Verdict::FixConfiguration)
            .with_hint(match self.must_exist {
                true => "mount its disk, or correct the folder's name; `store_create` is false, so that nothing makes it",
                false => "check the folder's name; the first token that is kept makes it",
            }))
    }

    /// The keys that all users of the store have in common; a store that is sealed with one
    /// connection's keys would be lost to another.
    pub(super) fn common_ring(&self) -> Result<Option<&KeyRing>, Error> {
        let mut by_ring: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, ring) in &self.users {
            let names = by_ring.entry(format!("{ring:?}")).or_default();
            names.push(name.as_deref().unwrap_or("--store"));
        }
        if by_ring.len() > 1 {
            let groups: Vec<_> = by_ring.values().map(|names| names.join(", ")).collect();
            let message = format!(
                "the connections that keep in {} have different values of `store_key`: {}",
                self.place(),
                groups.join(" / ")
            );
            return Err(Error::setting("store_key", message)
                .with_hint("give them all the same store_key, or stores of their own"));
        }
        Ok(self.users.first().and_then(|(_, ring)| ring.as_ref()))
    }

    fn rings(&self) -> impl Iterator<Item = &KeyRing> {
        self.users.iter().filter_map(|(_, ring)| ring.as_ref())
    }
}

/// Opens what there is to look at, of everything that is meant. What was named must be there;
/// of what merely stands in the configuration, some may never have been used.
pub(super) fn open_existing<'a>(
    shelves: &'a [Shelf],
    named: bool,
    output: &mut Output,
) -> Result<Vec<Opened<'a>>, Error> {
    let mut opened = Vec::new();
    for shelf in shelves {
        if !named && shelf.is_missing() {
            output.trace(&format!("nothing was ever kept in {}", shelf.place()));
            continue;
        }
        opened.push(shelf.open_existing()?);
    }
    Ok(opened)
}

impl Opened<'_> {
    /// Every record there is, or why it cannot be read; and what was found damaged and set aside
    /// while looking.
    pub(super) fn records(&self) -> Result<(Vec<Found>, Vec<Error>), Error> {
        let (keys, damaged) = self.keys()?;
        let mut found = Vec::new();
        for key in keys {
            match self.read(&key) {
                Ok(Some(entry)) => found.push((key, Ok(entry))),
                // Forgotten between the two looks.
                Ok(None) => {}
                Err(error) => found.push((key, Err(error))),
            }
        }
        Ok((found, damaged))
    }

    /// The keys of all records. A store of files tells one damaged record at a time.
    pub(super) fn keys(&self) -> Result<(Vec<StoreKey>, Vec<Error>), Error> {
        let mut damaged: Vec<Error> = Vec::new();
        loop {
            let error = match self.below.keys() {
                Ok(mut keys) => {
                    keys.retain(|key| *key != scratch());
                    return Ok((keys, damaged));
                }
                Err(error) => Error::from(error),
            };
            let told = damaged.iter().any(|e| e.message() == error.message());
            if error.verdict() != Verdict::Unexpected || told {
                return Err(error);
            }
            damaged.push(error);
        }
    }

    /// A record, decrypted with whichever keys open it.
    pub(super) fn read(&self, key: &StoreKey) -> Result<Option<Entry>, Error> {
        let Some(raw) = self.below.load(key)? else {
            return Ok(None);
        };
        let encrypted = raw
            .value
            .as_ref()
            .is_some_and(|value| RecordSummary::is_encrypted(value));
        let stored = match encrypted {
            true => self.load_sealed(key)?,
            false => Some(raw),
        };
        let Some((version, value)) = stored.and_then(|s| Some((s.version, s.value?))) else {
            return Ok(None);
        };
        let summary = RecordSummary::read(&value, SystemClock::new().now())?;
        Ok(Some(Entry {
            key: *key,
            version,
            encrypted,
            value,
            summary,
        }))
    }

    /// The store as a connection of this name, or else everybody, writes it.
    pub(super) fn as_written_by(&self, name: &str) -> Result<Arc<dyn Store>, Error> {
        let users = &self.shelf.users;
        let own = users.iter().find(|(user, _)| user.as_deref() == Some(name));
        let ring = match own {
            Some((_, ring)) => ring.as_ref(),
            None => self.shelf.common_ring()?,
        };
        Ok(match ring {
            Some(ring) => Arc::new(self.sealed(ring)),
            None => Arc::clone(&self.below),
        })
    }

    pub(super) fn sealed(&self, ring: &KeyRing) -> SealedStore {
        SealedStore::new(Arc::clone(&self.below), ring.clone())
    }

    /// What opens with the keys of any user.
    fn load_sealed(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        let mut refusal = None;
        for ring in self.shelf.rings() {
            match self.sealed(ring).load(key) {
                Ok(stored) => return Ok(stored),
                Err(error) => refusal = Some(Error::from(error)),
            }
        }
        Err(refusal.unwrap_or_else(|| {
            let message = format!("record {}… is encrypted, and no key is given", brief(key));
            Error::new(ErrorKind::Store, message)
                .with_setting("store_key")
                .with_verdict(Verdict::FixConfiguration)
                .with_hint(
                    "set store_key, or give --store-key-env or --store-key-file with --store",
                )
        }))
    }
}

/// Where `store doctor` tries things out: always the same, so that a run that was cut off leaves
/// nothing that piles up.
pub(crate) fn scratch() -> StoreKey {
    StoreKey::of(["countersign", "store doctor"])
}

/// What a connection says of its store.
struct Used {
    store: StoreSetting,
    ring: Option<KeyRing>,
    create: bool,
}

/// A connection's store and its keys, whatever else is wrong with the connection.
fn setting_of(config: &Configuration, name: &str) -> Result<Used, Error> {
    let written = config.settings(name)?;
    let wanted = [
        "store",
        "store_create",
        "store_key",
        "store_key_file",
        "store_key_env",
    ];
    let given = wanted.map(|key| (key, written.value(key).map(str::to_owned)));
    let given = given
        .iter()
        .filter_map(|(key, value)| Some((*key, value.as_deref()?)));
    let settings = Settings::from_pairs(given)?.relative_to(config.folder());
    let settings = settings.resolve(variable)?;
    let store = match settings.value("store") {
        None => StoreSetting::Memory,
        Some(text) => match StoreSetting::parse(text)? {
            StoreSetting::File(folder) => StoreSetting::File(config.folder().join(folder)),
            other => other,
        },
    };
    let ring = settings.secret("store_key");
    let ring = ring.map(|keys| KeyRing::parse(keys.expose())).transpose()?;
    // Anything but `true` creates nothing; what else is wrong with it, the connection says.
    let create = settings
        .value("store_create")
        .is_none_or(|word| word == "true");
    Ok(Used {
        store,
        ring,
        create,
    })
}

/// Whether a connection of the configuration, if there is one, has this store and `store_create =
/// false`: naming the store by --store does not make it be created.
fn must_exist(global: &Global, setting: &StoreSetting) -> bool {
    let Ok(config) = config::configuration(global) else {
        return false;
    };
    let place = |setting: &StoreSetting| match setting {
        StoreSetting::File(folder) => {
            StoreSetting::File(std::path::absolute(folder).unwrap_or_else(|_| folder.clone()))
        }
        other => other.clone(),
    };
    config.names().any(|name| {
        let used = setting_of(&config, name);
        used.is_ok_and(|used| !used.create && place(&used.store) == place(setting))
    })
}

fn kept_somewhere(setting: StoreSetting) -> Result<StoreSetting, Error> {
    if setting != StoreSetting::Memory {
        return Ok(setting);
    }
    let message = "`store` is memory: nothing of it is left when a command ends";
    Err(Error::setting("store", message).with_hint("set store = \"file:FOLDER\""))
}

fn ring_of_args(args: &StoreArgs) -> Result<Option<KeyRing>, Error> {
    let (option, keys) = match (&args.store_key_file, &args.store_key_env) {
        (Some(path), _) => ("--store-key-file", input::secret(path, "--store-key-file")?),
        (None, Some(name)) => {
            let missing = || {
                let message = format!("--store-key-env: the environment has no variable {name}");
                Error::new(ErrorKind::Setting, message)
            };
            let value = variable(name).ok_or_else(missing)?;
            ("--store-key-env", Secret::new(value))
        }
        (None, None) => return Ok(None),
    };
    let ring = KeyRing::parse(keys.expose()).map_err(|e| e.in_context(option))?;
    Ok(Some(ring))
}
