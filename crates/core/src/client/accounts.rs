//! The accounts that a token is for, and the choice of one of them.

use std::sync::Arc;

use super::record::identity_mark;
use super::{Client, Inner};
use crate::lookup::{self, Account, Wanted};
use crate::responses::Redactor;
use crate::{Error, ErrorKind, Extra, Token};

impl Client {
    /// Returns the accounts, tenants or sites that the token is for, as the vendor lists them.
    ///
    /// The list is empty if the vendor has none to choose from. One request, after that of the token
    /// if it needs one.
    ///
    /// # Errors
    ///
    /// As [`Client::identity`], except that no account need be chosen.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Response, testing};
    ///
    /// let test = testing::client([
    ///     Ok(testing::token_response("t1", 3600)),
    /// ]);
    /// // Acme has no accounts to choose from.
    /// assert!(test.client.accounts()?.is_empty());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn accounts(&self) -> Result<Vec<Account>, Error> {
        Inner::bounded(&self.0, "the list of accounts", Inner::accounts)
    }

    /// Chooses one of [`Client::accounts`], and returns the token's identity with its values.
    ///
    /// The choice is stored with the grant, and stays until another one is chosen or another login
    /// replaces the grant. A setting that chooses an account overrides it. Other processes follow
    /// with their next token.
    ///
    /// # Errors
    ///
    /// If the vendor doesn't list the account, a setting chooses another one, or a request fails.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let test = testing::client([Ok(testing::token_response("t1", 3600))]);
    /// let error = test.client.choose_account("42").unwrap_err();
    /// assert_eq!(error.message(), "Acme has no accounts to choose from");
    /// ```
    pub fn choose_account(&self, id: &str) -> Result<Extra, Error> {
        let id = id.to_owned();
        Inner::bounded(&self.0, "the choice of an account", move |inner| {
            inner.choose_account(&id)
        })
    }
}

impl Inner {
    fn accounts(self: &Arc<Self>) -> Result<Vec<Account>, Error> {
        if !self.has_accounts() {
            return Ok(Vec::new());
        }
        let token = Client(Arc::clone(self)).token()?;
        let connection = self.resolved()?;
        let app = connection.app();
        let vendor = |error: Error| error.with_provider(&app.profile.id);
        let Some(request) = lookup::request(app, &token).map_err(vendor)? else {
            return Ok(Vec::new());
        };
        let _in_flight = self.enter()?;
        let response = self
            .send_request(&request)
            .map_err(|error| vendor(error.into_error()))?;
        let earlier = self.earlier_choice(&token);
        lookup::accounts(app, &response, earlier.as_deref())
            .map_err(|error| vendor(Redactor::of(&request, app).scrub(error)))
    }

    fn choose_account(self: &Arc<Self>, id: &str) -> Result<Extra, Error> {
        let none = || {
            let profile = self.shared.connection.profile();
            let message = format!("{} has no accounts to choose from", profile.name);
            Error::new(ErrorKind::Setting, message).with_provider(&profile.id)
        };
        if !self.has_accounts() {
            return Err(none().with_hint("don't choose an account: its tokens are for one only"));
        }
        let token = Client(Arc::clone(self)).token()?;
        let found = self.request_identity(&token, Wanted::This(id))?;
        let Some(found) = found else {
            return Err(none().with_hint("log in with the scope that the accounts are listed for"));
        };
        let mark = identity_mark(&token.data().grant, self.asks_for.as_deref());
        self.keep_identity(&token, &found, mark);
        let mut identity = token.extra().clone();
        // Those of the account that was chosen before are in the token.
        identity.extend(found.values);
        Ok(identity)
    }

    fn has_accounts(&self) -> bool {
        let lookup = self.shared.connection.profile().lookup.as_ref();
        lookup.is_some_and(|lookup| lookup.choose.is_some())
    }

    /// Returns the id of the account that was chosen before for the token's grant.
    fn earlier_choice(&self, token: &Token) -> Option<String> {
        let record = self.persistence.load().ok()?.record?;
        let same_grant = record.grant.as_ref() == Some(&token.data().grant);
        record.choice.filter(|_| same_grant)
    }
}
