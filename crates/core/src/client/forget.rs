//! Revokes a connection's grant at the vendor, and then deletes it from the store.

use std::time::Instant;

use super::history::What;
use super::leases::Held;
use super::persistence::Loaded;
use super::record::{Record, Unrevoked};
use super::single_flight::Want;
use super::{Change, Client, Inner};
use crate::profile::RevokedToken;
use crate::{Error, ErrorKind, TokenTypeHint, read_revocation_response, revocation_request};

/// The outcome of [`Client::forget`] at the vendor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Revocation {
    /// The vendor revoked the token.
    Revoked,
    /// The vendor does not revoke such tokens, so only the stored copy was deleted.
    NotOffered,
    /// There was nothing to revoke.
    NothingHeld,
    /// The vendor did not revoke the token. [`Client::forget`] then keeps it to retry the
    /// revocation, but no longer returns it. [`Client::force_forget`] deleted it anyway.
    Failed(Error),
}

impl Client {
    /// Revokes the token at the vendor, and deletes it and damaged copies of it from the store.
    ///
    /// If the vendor can't be reached or rejects the request ([`Revocation::Failed`]), the token
    /// and the damaged copies are kept, because otherwise nobody could revoke the grant any more.
    /// The token is no longer returned, and the next call retries the revocation. After a new
    /// login, the old token is kept beside the new one until the next call revokes both.
    ///
    /// # Errors
    ///
    /// If the store fails.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{MemoryStore, Response, Revocation, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "refresh-token"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("refresh_token", "r0"),
    /// # ])?;
    /// let responses = [
    ///     Ok(testing::rotated_response("t1", "r1", 3600)),
    ///     Ok(Response::new(200, [], "")),
    /// ];
    /// let test = testing::client_of(connection, responses, Arc::new(MemoryStore::new()));
    /// test.client.token()?;
    /// assert!(matches!(test.client.forget()?, Revocation::Revoked));
    /// assert_eq!(test.transport.requests()[1].url().path(), "/revoke");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn forget(&self) -> Result<Revocation, Error> {
        self.forget_async().wait()
    }

    /// Like [`Client::forget`], but deletes the token even if the vendor did not revoke it.
    ///
    /// # Errors
    ///
    /// If the store fails.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{MemoryStore, Response, Revocation, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "refresh-token"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("refresh_token", "r0"),
    /// # ])?;
    /// let responses = [
    ///     Ok(testing::rotated_response("t1", "r1", 3600)),
    ///     Ok(testing::error_response(503, "temporarily_unavailable")),
    /// ];
    /// let test = testing::client_of(connection, responses, Arc::new(MemoryStore::new()));
    /// test.client.token()?;
    /// assert!(matches!(test.client.force_forget()?, Revocation::Failed(_)));
    /// assert!(test.store.keys()?.is_empty());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn force_forget(&self) -> Result<Revocation, Error> {
        self.force_forget_async().wait()
    }

    /// Returns the path of the damaged copy of the connection's record, if there is one.
    ///
    /// [`Client::forget`] deletes it. A person may want to look at it first.
    ///
    /// # Errors
    ///
    /// If the store can't be read.
    pub fn set_aside(&self) -> Result<Option<String>, Error> {
        Inner::bounded(&self.0, "reading the record", |inner| {
            inner.persistence.set_aside()
        })
    }
}

impl Inner {
    pub(super) fn forget(&self, force: bool) -> Result<Revocation, Error> {
        let _in_flight = self.enter()?;
        self.reread_changed();
        self.renew_for_revocation();
        let lease = self.lease()?;
        let loaded = self.load_recovered(&lease)?;
        let mut left = loaded.record.clone().unwrap_or_default().unrevoked;
        let revocation = match self.revoke_earlier(&mut left, force)? {
            Some(failed) => failed,
            None => match self.held(&loaded) {
                Some(held) => self.revoke(&held)?,
                None if holds_refresh_token(&loaded) => Revocation::NotOffered,
                None => Revocation::NothingHeld,
            },
        };
        // Whatever the vendor did, the token is not returned any more.
        self.single_flight.clear();
        self.shown.clear();
        if matches!(revocation, Revocation::Failed(_)) && !force {
            self.keep_for_revocation(&lease, loaded, left)?;
            return Ok(revocation);
        }
        if let Some(version) = loaded.version {
            self.persistence.delete(version, lease.fence)?;
        }
        self.persistence.remove_set_aside()?;
        self.notify(&Change::Forgotten);
        Ok(revocation)
    }

    /// Refreshes an expired access token that the vendor must see to revoke the grant.
    ///
    /// Errors are ignored: the revocation then fails, and says so.
    fn renew_for_revocation(&self) {
        if self.revokes() != RevokedToken::AccessToken {
            return;
        }
        let Ok(loaded) = self.persistence.load() else {
            return;
        };
        let is_expired = |record: Record| {
            let token = record.token.filter(|_| !record.logged_out);
            token.is_some_and(|token| token.remaining(self.shared.clock.now()).is_zero())
        };
        if holds_refresh_token(&loaded) && loaded.record.is_some_and(is_expired) {
            let _ = self.refresh(Want {
                force: false,
                min_valid: None,
            });
        }
    }

    fn revokes(&self) -> RevokedToken {
        self.shared.connection.profile().endpoints.revoke_token
    }

    /// Revokes the tokens of earlier logins, and removes the revoked ones from the list.
    ///
    /// Stops when there is no time left for the current grant and, without `force`, at the first
    /// failure.
    fn revoke_earlier(
        &self,
        left: &mut Vec<Unrevoked>,
        force: bool,
    ) -> Result<Option<Revocation>, Error> {
        let timeout = self.shared.connection.network().timeout;
        let started = Instant::now();
        while let Some(earlier) = left.first() {
            if started.elapsed() >= timeout {
                return Ok(Some(Revocation::Failed(self.more_to_revoke(left.len()))));
            }
            let revocation = self.revoke(earlier)?;
            if matches!(revocation, Revocation::Failed(_)) && !force {
                return Ok(Some(revocation));
            }
            left.remove(0);
        }
        Ok(None)
    }

    fn more_to_revoke(&self, count: usize) -> Error {
        let vendor = &self.shared.connection.profile().name;
        let message =
            format!("{vendor} is slow: {count} tokens of earlier logins are not revoked yet");
        Error::new(ErrorKind::Unavailable, message)
            .with_provider(&self.shared.connection.profile().id)
            .with_hint("call forget again")
    }

    /// Marks the record so that its token is not returned and the revocation can be retried.
    fn keep_for_revocation(
        &self,
        lease: &Held<'_>,
        loaded: Loaded,
        left: Vec<Unrevoked>,
    ) -> Result<(), Error> {
        let Some(mut record) = loaded.record else {
            return Ok(());
        };
        if record.logged_out && record.unrevoked.len() == left.len() {
            return Ok(());
        }
        record.unrevoked = left;
        if !record.logged_out {
            record.logged_out = true;
            record
                .history
                .add(self.journal().event(What::NotRevoked, None, None, None));
        }
        self.persistence
            .write(lease.fence, loaded.version, &record)
            .map(drop)
    }

    /// Returns the token whose revocation ends the grant.
    fn held(&self, loaded: &Loaded) -> Option<Unrevoked> {
        let wanted = self.revokes();
        let from_settings = || {
            if wanted == RevokedToken::AccessToken {
                return None;
            }
            let token = self.configured().cloned()?;
            let hint = TokenTypeHint::RefreshToken;
            Some(Unrevoked {
                token,
                hint,
                registration: None,
            })
        };
        let record = loaded.record.as_ref();
        let from_record = record.and_then(|record| record.held(wanted));
        from_record.or_else(from_settings)
    }

    fn revoke(&self, held: &Unrevoked) -> Result<Revocation, Error> {
        let (token, hint) = (&held.token, held.hint);
        let now = self.shared.clock.now();
        self.use_registration(held.registration.clone());
        let connection = match self.resolved() {
            Ok(connection) => connection,
            Err(error) => return Ok(Revocation::Failed(error.in_context("revocation"))),
        };
        let request =
            revocation_request(&connection, token, hint, now, self.shared.random.as_ref())?;
        let Some(request) = request else {
            return Ok(Revocation::NotOffered);
        };
        let response = match self.send_request(&request) {
            Ok(response) => response,
            Err(error) => {
                let error = error.into_error().with_provider(&connection.profile().id);
                return Ok(Revocation::Failed(error.in_context("revocation")));
            }
        };
        let read =
            read_revocation_response(&connection, &request, &response, self.shared.clock.now());
        Ok(match read {
            Ok(()) => Revocation::Revoked,
            // The access token expires by itself, so a retry is pointless.
            Err(error)
                if hint == TokenTypeHint::AccessToken
                    && error.oauth_error() == Some("unsupported_token_type") =>
            {
                Revocation::NotOffered
            }
            Err(error) => Revocation::Failed(error),
        })
    }

    /// Builds the error for a caller that wants a token of a grant that is to be revoked.
    pub(super) fn logged_out(&self) -> Error {
        let (name, vendor) = (
            self.shared.connection.name(),
            &self.shared.connection.profile().name,
        );
        let message = format!(
            "connection `{name}` was logged out, but {vendor} has not revoked its token yet"
        );
        Error::new(ErrorKind::NoToken, message)
            .with_provider(&self.shared.connection.profile().id)
            .with_hint("log in again, or call forget again to retry the revocation")
    }
}

fn holds_refresh_token(loaded: &Loaded) -> bool {
    let record = loaded.record.as_ref();
    record.is_some_and(|record| record.refresh_token.is_some())
}
