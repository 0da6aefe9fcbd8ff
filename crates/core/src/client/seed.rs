//! The configured refresh token, which must not be sent again once it is spent.

use std::fmt;

use super::record::Record;
use super::{Inner, login_needed};
use crate::secret::fingerprint;
use crate::{Error, Secret, StoreKey, Url};

/// Remembers, apart from the store, which configured refresh tokens may be spent.
///
/// A store can be lost: a volume isn't mounted, a server was flushed, a backup was empty. Then only
/// the setting `refresh_token` is left, and a strict server ends the grant if it receives that
/// token a second time. A client with [`crate::ClientBuilder::spent_seeds`] doesn't send it again.
pub trait SpentSeeds: Send + Sync + fmt::Debug {
    /// Records durably that this refresh token may be spent.
    ///
    /// `connection` is for people who read the note.
    ///
    /// # Errors
    ///
    /// If the note can't be written.
    ///
    /// # Example
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use std::sync::Mutex;
    /// use countersign_core::{Error, SpentSeeds, StoreKey};
    ///
    /// /// Notes in a table that is never flushed.
    /// #[derive(Debug, Default)]
    /// struct Table(Mutex<BTreeMap<String, String>>);
    ///
    /// impl SpentSeeds for Table {
    ///     fn note(&self, seed: &StoreKey, connection: &str) -> Result<(), Error> {
    ///         self.0.lock().unwrap().insert(seed.to_hex(), connection.to_owned());
    ///         Ok(())
    ///     }
    ///
    ///     fn withdraw(&self, seed: &StoreKey) -> Result<(), Error> {
    ///         self.0.lock().unwrap().remove(&seed.to_hex());
    ///         Ok(())
    ///     }
    ///
    ///     fn find(&self, seed: &StoreKey) -> Result<Option<String>, Error> {
    ///         let noted = self.0.lock().unwrap().contains_key(&seed.to_hex());
    ///         Ok(noted.then(|| format!("row {}", seed.to_hex())))
    ///     }
    /// }
    /// let (table, seed) = (Table::default(), StoreKey::of(["the digest of a refresh token"]));
    /// table.note(&seed, "sales")?;
    /// assert!(table.find(&seed)?.is_some());
    /// table.withdraw(&seed)?;
    /// assert!(table.find(&seed)?.is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    fn note(&self, seed: &StoreKey, connection: &str) -> Result<(), Error>;

    /// Removes the note, because the refresh token is still valid.
    ///
    /// # Errors
    ///
    /// If the note can't be removed.
    fn withdraw(&self, seed: &StoreKey) -> Result<(), Error>;

    /// Returns the note's path if this refresh token may be spent.
    ///
    /// A person who removes that file has the token sent again.
    ///
    /// # Errors
    ///
    /// If the note can't be read.
    fn find(&self, seed: &StoreKey) -> Result<Option<String>, Error>;
}

impl Inner {
    /// Returns the setting `refresh_token`. It is the connection's own: a principal's grant never
    /// uses it.
    pub(super) fn configured(&self) -> Option<&Secret> {
        let token = self.shared.connection.policy().refresh_token.as_ref();
        token.filter(|_| self.principal().is_none())
    }

    pub(super) fn seed(&self) -> Option<String> {
        self.configured().map(fingerprint)
    }

    /// Returns the configured refresh token, unless a later login made another grant.
    ///
    /// # Errors
    ///
    /// If it may be spent, and the store has no record of the token that replaced it.
    pub(super) fn seed_for(&self, record: Option<&Record>) -> Result<Option<Secret>, Error> {
        let Some(seed) = self.configured().cloned() else {
            return Ok(None);
        };
        let grant = record.and_then(|record| record.grant.as_ref());
        if grant.is_some_and(|grant| *grant != fingerprint(&seed)) {
            return Ok(None);
        }
        let noted = match &self.shared.spent_seeds {
            Some(spent) => spent.find(&self.seed_id(&seed))?,
            None => None,
        };
        match noted {
            Some(place) => Err(login_needed::spent_seed(&self.shared.connection, &place)),
            None => Ok(Some(seed)),
        }
    }

    /// Records that the configured refresh token is about to be sent.
    ///
    /// If that fails, the refresh continues with one safeguard less, and the program is warned.
    pub(super) fn note_seed(&self, sent: &Secret) {
        if let Some(spent) = self.spent_seeds_for(sent)
            && let Err(error) = spent.note(&self.seed_id(sent), self.shared.connection.name())
        {
            let risk = "if the store is lost, the refresh_token of the settings may be sent again";
            self.warn(&error.in_context(risk));
        }
    }

    /// Removes that note, because the refresh token is still valid.
    pub(super) fn withdraw_seed(&self, sent: &Secret) {
        if let Some(spent) = self.spent_seeds_for(sent) {
            let _ = spent.withdraw(&self.seed_id(sent));
        }
    }

    fn spent_seeds_for(&self, sent: &Secret) -> Option<&dyn SpentSeeds> {
        let is_seed = self.configured() == Some(sent);
        self.shared.spent_seeds.as_deref().filter(|_| is_seed)
    }

    /// Identifies the refresh token by its server only.
    ///
    /// Changing another setting, such as a mistyped `client_id`, doesn't make it a new token.
    fn seed_id(&self, seed: &Secret) -> StoreKey {
        let token_url = self.shared.connection.token_url().map_or("", Url::as_str);
        StoreKey::of(["refresh_token", token_url, seed.expose()])
    }
}
