//! Requests tokens without the store, for grants whose tokens can be requested at any time.

use std::sync::Arc;

use super::record::Record;
use super::single_flight::Want;
use super::{Change, Inner};
use crate::{
    Connection, Error, ErrorKind, GrantKind, PresentedGrant, Store, StoreSetting, Token,
    UnopenedStore, store,
};

/// Opens a connection's store. If that fails and the grant doesn't need a store, later calls retry.
pub(super) fn open(
    connection: &Connection,
    open: impl Fn(&StoreSetting) -> Result<Arc<dyn Store>, store::Error> + Send + Sync + 'static,
) -> Result<Arc<dyn Store>, Error> {
    let setting = connection.store().clone();
    match open(&setting).map_err(Error::from) {
        Err(error) if error.kind() == ErrorKind::Store && grant_of(connection).is_some() => {
            Ok(Arc::new(UnopenedStore::new(move || open(&setting))))
        }
        opened => opened,
    }
}

/// Returns the grant of a connection that doesn't need a store.
fn grant_of(connection: &Connection) -> Option<PresentedGrant> {
    match connection.grant() {
        GrantKind::JwtBearer => Some(PresentedGrant::JwtBearer),
        GrantKind::ClientCredentials => Some(PresentedGrant::ClientCredentials),
        GrantKind::AuthorizationCode | GrantKind::RefreshToken | GrantKind::DeviceCode => None,
    }
}

impl Inner {
    /// Requests a token although the store failed with `error`, if the grant doesn't need a store.
    ///
    /// Such an app can request a token at any time. Other grants fail with `error`, because they
    /// could lose a new refresh token.
    ///
    /// Other processes may request a token at the same time, which costs one request but no grant.
    /// The token counts as unsaved, so [`crate::Client::unsaved`] returns why it isn't stored.
    pub(super) fn without_store(&self, want: Want, error: Error) -> Result<Token, Error> {
        let grant = grant_of(&self.shared.connection).filter(|_| error.kind() == ErrorKind::Store);
        let Some(grant) = grant else {
            return Err(error);
        };
        if let Some(token) = self.remembered_not_yet_replaceable(want) {
            return Ok(token);
        }
        let mut started = self.shared.clock.now();
        let asked = self.ask(&grant, started).or_else(|rejection| {
            if !self.follow_the_servers_clock(&rejection) {
                return Err(rejection);
            }
            started = self.shared.clock.now();
            self.ask(&grant, started)
        });
        let response = asked.map_err(|rejection| rejection.error)?;
        let mark = self.grant_mark(&grant, None);
        let mut record = Record::of(
            &self.shared.connection,
            self.asked(started, None, mark, None),
            response,
            None,
        );
        // This grant needs no refresh token, and without a store it would be lost anyway.
        record.refresh_token = None;
        let Some(token) = record.token.clone() else {
            let message = "a response without a token was about to be stored";
            return Err(Error::new(ErrorKind::Internal, message));
        };
        self.single_flight.keep_unsaved(Some((record, error)));
        self.counters.minted.add();
        self.show(&token);
        self.notify(&Change::Obtained {
            token: token.clone(),
            rotated: false,
        });
        Ok(token)
    }

    /// Returns whether the grant doesn't need a store.
    pub(super) fn needs_no_store(&self) -> bool {
        grant_of(&self.shared.connection).is_some()
    }
}
