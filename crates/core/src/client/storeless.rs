//! A token without the store, for grants that keep nothing which could not be asked for again.

use std::sync::Arc;

use super::record::Record;
use super::single_flight::Want;
use super::{Change, Inner};
use crate::{
    Connection, Error, ErrorKind, Grant, GrantKind, Store, StoreSetting, Token, UnopenedStore,
    store,
};

/// Opens a connection's store; one that cannot be opened is tried again later, if the grant needs
/// none.
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

/// The grant of a connection that needs no store.
fn grant_of(connection: &Connection) -> Option<Grant> {
    match connection.grant() {
        GrantKind::JwtBearer => Some(Grant::JwtBearer),
        GrantKind::ClientCredentials => Some(Grant::ClientCredentials),
        GrantKind::AuthorizationCode | GrantKind::RefreshToken | GrantKind::DeviceCode => None,
    }
}

impl Inner {
    /// Asks for a token although the store failed with `error`, if the grant needs no store: the app
    /// signs or proves itself anew each time. Other grants fail with the store's error, because what
    /// they would spend could be lost.
    ///
    /// Nobody else is kept from asking at the same time; that costs a request and no grant. The
    /// token counts as unsaved, so [`crate::Client::unsaved`] tells why it is not stored.
    pub(super) fn without_store(&self, want: Want, error: Error) -> Result<Token, Error> {
        let grant = grant_of(&self.connection).filter(|_| error.kind() == ErrorKind::Store);
        let Some(grant) = grant else {
            return Err(error);
        };
        if let Some(token) = self.remembered_not_yet_replaceable(want) {
            return Ok(token);
        }
        let mut started = self.clock.now();
        let asked = self.ask(&grant, started).or_else(|refusal| {
            if !self.follow_the_servers_clock(&refusal) {
                return Err(refusal);
            }
            started = self.clock.now();
            self.ask(&grant, started)
        });
        let answer = asked.map_err(|refusal| refusal.error)?;
        let mark = self.grant_mark(&grant, None);
        let mut record = Record::of(
            &self.connection,
            self.asked(started, None, mark, None),
            answer,
            None,
        );
        // Without a store a refresh token would be lost with this process, and none is needed.
        record.refresh_token = None;
        let Some(token) = record.token.clone() else {
            let message = "an answer without a token was kept";
            return Err(Error::new(ErrorKind::Internal, message));
        };
        self.single_flight.keep_unsaved(Some((record, error)));
        self.counters.minted.add();
        self.show(&token);
        self.tell(&Change::Obtained {
            token: token.clone(),
            rotated: false,
        });
        Ok(token)
    }

    /// Whether the grant can do without the store.
    pub(super) fn needs_no_store(&self) -> bool {
        grant_of(&self.connection).is_some()
    }
}
