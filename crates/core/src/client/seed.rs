//! The configured refresh token, which must not be presented again once it is spent.

use std::fmt;

use super::record::Record;
use super::{Inner, login_needed};
use crate::secret::fingerprint;
use crate::{Error, Secret, StoreKey};

/// Remembers which configured refresh tokens may be spent, in another place than the store.
///
/// A store can be lost: a volume that is not mounted, a flushed server, an empty backup. Then the
/// setting `refresh_token` is all that is left, and a strict server that is shown it a second time
/// ends the grant. A client that is given one of these with [`crate::ClientBuilder::spent_seeds`]
/// does not present it.
pub trait SpentSeeds: Send + Sync + fmt::Debug {
    /// Notes durably that this refresh token may be spent. `connection` is for a person who reads it.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    fn note(&self, seed: &StoreKey, connection: &str) -> Result<(), Error>;

    /// Takes the note back: the refresh token is still good.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    fn withdraw(&self, seed: &StoreKey) -> Result<(), Error>;

    /// What a person removes to have this refresh token presented again, if it may be spent.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    fn find(&self, seed: &StoreKey) -> Result<Option<String>, Error>;
}

impl Inner {
    pub(super) fn seed(&self) -> Option<String> {
        self.connection
            .policy()
            .refresh_token
            .as_ref()
            .map(fingerprint)
    }

    /// The configured refresh token, to begin with. Not if somebody has logged in since, whose
    /// grant is another one.
    ///
    /// # Errors
    ///
    /// If it may be spent, and the store does not know what became of it.
    pub(super) fn seed_for(&self, record: Option<&Record>) -> Result<Option<Secret>, Error> {
        let Some(seed) = self.connection.policy().refresh_token.clone() else {
            return Ok(None);
        };
        let grant = record.and_then(|record| record.grant.as_ref());
        if grant.is_some_and(|grant| *grant != fingerprint(&seed)) {
            return Ok(None);
        }
        let noted = match &self.spent_seeds {
            Some(spent) => spent.find(&self.seed_id(&seed))?,
            None => None,
        };
        match noted {
            Some(place) => Err(login_needed::spent_seed(&self.connection, &place)),
            None => Ok(Some(seed)),
        }
    }

    /// Notes that the configured refresh token is about to be presented. If that fails, the refresh
    /// goes on with one safeguard less, and the host is warned.
    pub(super) fn note_seed(&self, presented: &Secret) {
        if let Some(spent) = self.spent_seeds_for(presented)
            && let Err(error) = spent.note(&self.seed_id(presented), self.connection.name())
        {
            let without =
                "if the store is lost, the refresh_token of the settings may be sent again";
            self.warn(&error.in_context(without));
        }
    }

    /// Takes that back, since the refresh token is still good.
    pub(super) fn withdraw_seed(&self, presented: &Secret) {
        if let Some(spent) = self.spent_seeds_for(presented) {
            let _ = spent.withdraw(&self.seed_id(presented));
        }
    }

    fn spent_seeds_for(&self, presented: &Secret) -> Option<&dyn SpentSeeds> {
        let is_seed = self.connection.policy().refresh_token.as_ref() == Some(presented);
        self.spent_seeds.as_deref().filter(|_| is_seed)
    }

    /// Names the refresh token at its server, whatever else the settings say: a mistyped
    /// `client_id` makes no new one of it.
    fn seed_id(&self, seed: &Secret) -> StoreKey {
        let token_url = self.connection.token_url().as_str();
        StoreKey::of(["refresh_token", token_url, seed.expose()])
    }
}
