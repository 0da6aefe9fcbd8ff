//! Selects stores by connection, by record key or with `--store`, and reads their records.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign::Configuration;
use countersign::environment::variable;
use countersign::stores::{open_existing_store, open_store, place};
use countersign_core::{
    Clock, Error, ErrorKind, KeyRing, RecordSummary, SealedStore, Secret, Settings, Store,
    StoreKey, StoreSetting, Stored, SystemClock, Verdict,
};
use zeroize::Zeroizing;

use super::record_key::{brief, is_key};
use crate::args::{Global, StoreArgs};
use crate::config;
use crate::input;
use crate::output::Output;

/// A selected store, not opened yet.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) setting: StoreSetting,
    /// The connections that use it, with their keys. The name is `None` for `--store`.
    users: Vec<(Option<String>, Option<KeyRing>)>,
    /// Whether one of them has `store_create = false`.
    must_exist: bool,
}

/// An open store.
#[derive(Debug)]
pub(super) struct Opened<'a> {
    pub(super) shelf: &'a Shelf,
    pub(super) below: Arc<dyn Store>,
}

/// A record of a store.
pub(super) struct Entry {
    pub(super) key: StoreKey,
    pub(super) version: u64,
    pub(super) encrypted: bool,
    /// The record's bytes, decrypted.
    pub(super) value: Zeroizing<Vec<u8>>,
    pub(super) summary: RecordSummary,
}

/// A record's key, and the record or why it can't be read.
pub(super) type Found = (StoreKey, Result<Entry, Error>);

impl Shelf {
    /// Selects the store of `--store` or of the connection, or all stores of the configuration.
    pub(super) fn select(
        global: &Global,
        args: &StoreArgs,
        name: Option<&str>,
        output: &mut Output,
    ) -> Result<Vec<Self>, Error> {
        if let Some(text) = &args.store {
            let user = (None, ring_of_args(args)?);
            let setting = StoreSetting::parse(text)
                .and_then(persistent)
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

    /// Like [`Shelf::select`], for a word that may also be the beginning of a record's key, which
    /// may be in any store.
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

    /// Selects the store of one connection, with all connections that use it.
    pub(super) fn of_connection(
        config: &Configuration,
        name: &str,
        output: &mut Output,
    ) -> Result<Self, Error> {
        let named = |e: Error| e.in_context(format_args!("connection `{name}`"));
        // An error about an unknown name needs no context.
        config.settings(name)?;
        let used = setting_of(config, name).map_err(named)?;
        let setting = persistent(used.store).map_err(named)?;
        let all = Self::all(config, output)?;
        let found = all.into_iter().find(|shelf| shelf.setting == setting);
        found.ok_or_else(|| Error::new(ErrorKind::Internal, "the store is not in the list"))
    }

    /// Selects every persistent store of the configuration, once.
    ///
    /// Skips an invalid connection with a warning, because the others' stores may be valid.
    fn all(config: &Configuration, output: &mut Output) -> Result<Vec<Self>, Error> {
        let mut shelves: Vec<Self> = Vec::new();
        for name in config.names() {
            let used = match setting_of(config, name) {
                Ok(used) => used,
                Err(error) => {
                    output.warn_of(&format!("connection `{name}` is skipped"), &error);
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
                "{}: no connection has a persistent store",
                config.path().display()
            );
            return Err(Error::new(ErrorKind::Setting, message)
                .with_setting("store")
                .with_hint("set store = \"file:FOLDER\", or use --store"));
        }
        Ok(shelves)
    }

    pub(super) fn place(&self) -> String {
        place(&self.setting)
    }

    /// Returns the names of the connections that use it.
    pub(super) fn users(&self) -> Vec<&str> {
        let names = self.users.iter().filter_map(|(name, _)| name.as_deref());
        names.collect()
    }

    /// Returns whether the store is a folder that doesn't exist. Reading must not create it.
    pub(super) fn is_missing(&self) -> bool {
        match &self.setting {
            StoreSetting::File(folder) => !folder.exists(),
            _ => false,
        }
    }

    /// Opens it for writing. Creates what is missing, unless `store_create` is false.
    pub(super) fn open(&self) -> Result<Opened<'_>, Error> {
        let below = match self.must_exist {
            true => open_existing_store(&self.setting)?,
            false => open_store(&self.setting)?,
        };
        Ok(Opened { shelf: self, below })
    }

    /// Opens it for reading, if it exists. Creates nothing.
    pub(super) fn open_existing(&self) -> Result<Opened<'_>, Error> {
        self.check_present()?;
        // Opening a store on a Redis server never creates anything.
        let is_redis =
            matches!(&self.setting, StoreSetting::Server(url) if url.starts_with("redis"));
        let below = match is_redis && !self.must_exist {
            true => open_store(&self.setting)?,
            false => open_existing_store(&self.setting)?,
        };
        Ok(Opened { shelf: self, below })
    }

    /// Opens it for a test. Creates tables, as the first token would, but no folder.
    pub(super) fn open_to_try(&self) -> Result<Opened<'_>, Error> {
        self.check_present()?;
        self.open()
    }

    fn check_present(&self) -> Result<(), Error> {
        if !self.is_missing() {
            return Ok(());
        }
        let message = format!("the store {} does not exist", self.place());
        Err(Error::new(ErrorKind::Store, message)
            .with_setting("store")
            .with_verdict(Verdict::FixConfiguration)
            .with_hint(match self.must_exist {
                true => "mount its disk, or correct the folder's name; `store_create` is false, so it is not created",
                false => "check the folder's name; storing the first token creates it",
            }))
    }

    /// Returns the keys that all users of the store share.
    ///
    /// Fails if they differ: a connection couldn't read what is encrypted with another one's keys.
    pub(super) fn common_ring(&self) -> Result<Option<&KeyRing>, Error> {
        let mut by_ring: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, ring) in &self.users {
            let names = by_ring.entry(format!("{ring:?}")).or_default();
            names.push(name.as_deref().unwrap_or("--store"));
        }
        if by_ring.len() > 1 {
            let groups: Vec<_> = by_ring.values().map(|names| names.join(", ")).collect();
            let message = format!(
                "the connections that use {} have different values of `store_key`: {}",
                self.place(),
                groups.join(" / ")
            );
            return Err(Error::setting("store_key", message)
                .with_hint("set the same store_key for all of them, or give each its own store"));
        }
        Ok(self.users.first().and_then(|(_, ring)| ring.as_ref()))
    }

    fn rings(&self) -> impl Iterator<Item = &KeyRing> {
        self.users.iter().filter_map(|(_, ring)| ring.as_ref())
    }
}

/// Opens the selected stores for reading.
///
/// A store that was `named` must exist. Of the configuration's, some may not have been used yet.
pub(super) fn open_existing<'a>(
    shelves: &'a [Shelf],
    named: bool,
    output: &mut Output,
) -> Result<Vec<Opened<'a>>, Error> {
    let mut opened = Vec::new();
    for shelf in shelves {
        if !named && shelf.is_missing() {
            output.trace(&format!("the store {} does not exist yet", shelf.place()));
            continue;
        }
        opened.push(shelf.open_existing()?);
    }
    Ok(opened)
}

impl Opened<'_> {
    /// Reads all records. Also returns an error for each damaged record that was set aside.
    pub(super) fn records(&self) -> Result<(Vec<Found>, Vec<Error>), Error> {
        let (keys, damaged) = self.keys()?;
        let mut found = Vec::new();
        for key in keys {
            match self.read(&key) {
                Ok(Some(entry)) => found.push((key, Ok(entry))),
                // Deleted since its key was listed.
                Ok(None) => {}
                Err(error) => found.push((key, Err(error))),
            }
        }
        Ok((found, damaged))
    }

    /// Lists the keys of all records. A file store reports one damaged record per call.
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
            let repeated = damaged.iter().any(|e| e.message() == error.message());
            if error.verdict() != Verdict::Unexpected || repeated {
                return Err(error);
            }
            damaged.push(error);
        }
    }

    /// Reads a record, decrypted with the keys of any user.
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
        if RecordSummary::is_metadata(&value) {
            return Ok(None);
        }
        let summary = RecordSummary::read(&value, SystemClock::new().now())?;
        Ok(Some(Entry {
            key: *key,
            version,
            encrypted,
            value,
            summary,
        }))
    }

    /// Returns whether a value is encrypted, whatever it is.
    pub(super) fn is_encrypted(&self, key: &StoreKey) -> Result<bool, Error> {
        let value = self.below.load(key)?.and_then(|raw| raw.value);
        Ok(value.is_some_and(|value| RecordSummary::is_encrypted(&value)))
    }

    /// Removes a value that is no record and not encrypted. Clients create it again.
    pub(super) fn remove_plain_other(&self, key: &StoreKey) -> Result<(), Error> {
        let Some(raw) = self.below.load(key)? else {
            return Ok(());
        };
        let is_other = |value: &[u8]| RecordSummary::is_metadata(value);
        if raw.value.as_ref().is_some_and(|value| is_other(value)) {
            drop(self.below.tombstone(key, raw.version, None));
        }
        Ok(())
    }

    /// Returns the store with the encryption of this connection, or else of all users.
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

    fn load_sealed(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        let mut failure = None;
        for ring in self.shelf.rings() {
            match self.sealed(ring).load(key) {
                Ok(stored) => return Ok(stored),
                Err(error) => failure = Some(Error::from(error)),
            }
        }
        Err(failure.unwrap_or_else(|| {
            let message = format!("record {}… is encrypted, but no key is set", brief(key));
            Error::new(ErrorKind::Store, message)
                .with_setting("store_key")
                .with_verdict(Verdict::FixConfiguration)
                .with_hint("set store_key, or use --store with --store-key-env or --store-key-file")
        }))
    }
}

/// Returns the key of the record that `store doctor` writes.
///
/// It is always the same, so interrupted runs leave no more than one.
pub(crate) fn scratch() -> StoreKey {
    StoreKey::of(["countersign", "store doctor"])
}

/// A connection's store settings.
struct Used {
    store: StoreSetting,
    ring: Option<KeyRing>,
    create: bool,
}

/// Reads a connection's store settings, even if other settings are invalid.
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
    // Other commands reject a value that is neither `true` nor `false`.
    let create = settings
        .value("store_create")
        .is_none_or(|word| word == "true");
    Ok(Used {
        store,
        ring,
        create,
    })
}

/// Returns whether a connection of the configuration, if there is one, has this store and
/// `store_create = false`. It applies to `--store`, too.
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

/// Rejects `memory`.
fn persistent(setting: StoreSetting) -> Result<StoreSetting, Error> {
    if setting != StoreSetting::Memory {
        return Ok(setting);
    }
    let message = "`store` is memory, whose content is lost when a command ends";
    Err(Error::setting("store", message).with_hint("set store = \"file:FOLDER\""))
}

fn ring_of_args(args: &StoreArgs) -> Result<Option<KeyRing>, Error> {
    let (option, keys) = match (&args.store_key_file, &args.store_key_env) {
        (Some(path), _) => ("--store-key-file", input::secret(path, "--store-key-file")?),
        (None, Some(name)) => {
            let missing = || {
                let message = format!("--store-key-env: environment variable {name} is not set");
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
