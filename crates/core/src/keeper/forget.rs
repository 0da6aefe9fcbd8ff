//! Ending a connection's grant: at the vendor first, and then here.

use super::lease::Held;
use super::save::{Loaded, not_stored};
use super::trail::What;
use super::{Change, Inner, Keeper};
use crate::{Error, ErrorKind, Secret, Swap, TokenTypeHint};

/// What the vendor did when a connection was forgotten.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Revocation {
    /// The vendor revoked the token.
    Revoked,
    /// The vendor does not revoke such tokens, so only the copy here is gone.
    NotOffered,
    /// There was nothing to revoke.
    NothingHeld,
    /// The vendor did not revoke the token. [`Keeper::forget`] keeps it then, without handing it
    /// out, so that the revocation can be tried again; [`Keeper::force_forget`] has forgotten it.
    Failed(Error),
}

impl Keeper {
    /// Revokes the token at the vendor, where it can be, and forgets it here, with every damaged
    /// record that was set aside.
    ///
    /// If the vendor cannot be reached or refuses ([`Revocation::Failed`]), the token is kept: a
    /// grant that nobody can revoke any more would live on. It is not handed out, and the next call
    /// tries the revocation again. A login replaces it. Damaged records are kept then as well.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn forget(&self) -> Result<Revocation, Error> {
        self.0.forget(false)
    }

    /// Like [`Keeper::forget`], but forgets the token here even if the vendor did not revoke it.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub fn force_forget(&self) -> Result<Revocation, Error> {
        self.0.forget(true)
    }

    /// Where a damaged record of the connection was set aside, if one was. [`Keeper::forget`]
    /// removes it, and a person may want to look at it before.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn set_aside(&self) -> Result<Option<String>, Error> {
        self.0.store.set_aside(&self.0.key)
    }
}

impl Inner {
    fn forget(&self, force: bool) -> Result<Revocation, Error> {
        let _in_flight = self.enter()?;
        self.reread_changed();
        let lease = self.lease(|| self.is_draining())?;
        let loaded = self.load_recovered(&lease)?;
        let revocation = match self.held(&loaded) {
            Some((token, hint)) => self.revoke(&token, hint)?,
            None => Revocation::NothingHeld,
        };
        // Whatever the vendor did, nobody here wants the token any more.
        self.flights.clear();
        self.shown.clear();
        if matches!(revocation, Revocation::Failed(_)) && !force {
            self.keep_for_revocation(&lease, loaded)?;
            return Ok(revocation);
        }
        if let Some(version) = loaded.version {
            match self.store.tombstone(&self.key, version, Some(lease.fence)) {
                Swap::Applied(_) => {}
                other => return Err(not_stored(other)),
            }
        }
        self.remove_set_aside()?;
        self.tell(&Change::Forgotten);
        Ok(revocation)
    }

    /// Marks the record, so that nobody is given its token, and the revocation can be tried again.
    fn keep_for_revocation(&self, lease: &Held<'_>, loaded: Loaded) -> Result<(), Error> {
        let Some(mut record) = loaded.record.filter(|record| !record.logged_out) else {
            return Ok(());
        };
        record.logged_out = true;
        record
            .trail
            .add(self.event(What::NotRevoked, None, None, None));
        self.write(lease, loaded.version, &record).map(drop)
    }

    /// The token whose revocation ends the grant: the refresh token, if there is one.
    fn held(&self, loaded: &Loaded) -> Option<(Secret, TokenTypeHint)> {
        let refresh = |token: &Secret| (token.clone(), TokenTypeHint::RefreshToken);
        let record = loaded.record.as_ref();
        let access = || {
            let token = record?.token.as_ref()?;
            Some((token.secret().clone(), TokenTypeHint::AccessToken))
        };
        record
            .and_then(|record| record.refresh_token.as_ref())
            .map(refresh)
            .or_else(access)
            .or_else(|| self.connection.refresh_token.as_ref().map(refresh))
    }

    fn revoke(&self, token: &Secret, hint: TokenTypeHint) -> Result<Revocation, Error> {
        let now = self.clock.now();
        let connection = self.credentials.current();
        let request = connection.revocation_request(token, hint, now, self.random.as_ref())?;
        let Some(request) = request else {
            return Ok(Revocation::NotOffered);
        };
        let response = match self.transport.send(&request) {
            Ok(response) => response,
            Err(error) => {
                let error = error.into_error().with_provider(&connection.profile().id);
                return Ok(Revocation::Failed(error.in_context("revocation")));
            }
        };
        let read = connection.read_revocation_response(&request, &response, self.clock.now());
        Ok(match read {
            Ok(()) => Revocation::Revoked,
            // It ends by itself; there is nothing to try again.
            Err(error)
                if hint == TokenTypeHint::AccessToken
                    && error.oauth_error() == Some("unsupported_token_type") =>
            {
                Revocation::NotOffered
            }
            Err(error) => Revocation::Failed(error),
        })
    }

    /// The error for whoever wants a token of a grant that was to be forgotten.
    pub(super) fn logged_out(&self) -> Error {
        let (name, vendor) = (self.connection.name(), &self.connection.profile().name);
        let message = format!(
            "connection `{name}` was logged out, but {vendor} has not revoked its token yet"
        );
        Error::new(ErrorKind::NoToken, message)
            .with_provider(&self.connection.profile().id)
            .with_hint("log in again, or call forget again to retry the revocation")
    }
}
