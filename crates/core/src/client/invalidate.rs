//! Replaces access tokens that an API rejected, and bounds how soon one is replaced again.

use super::history::What;
use super::leases::Held;
use super::persistence::Loaded;
use super::record::Record;
use super::rejected::YOUNG;
use super::single_flight::Want;
use super::{Client, Inner, fresh};
use crate::token::Lifetime;
use crate::{Secret, Token};

impl Client {
    /// Reports that an API rejected this token (401), so that the next call requests a new one.
    ///
    /// The token is not returned again, neither from the cache nor from the store. If it has
    /// already been replaced, the newer one is not affected.
    ///
    /// A token that itself replaced a rejected one is kept for its first minute, so that an API
    /// that rejects every token doesn't cost one token request per call. During that minute callers
    /// get the same token again, and [`Client::events`] has a [`What::RejectedAgain`].
    /// [`Client::refresh_now`] always requests a new token.
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::testing;
    /// # let responses = ["t1", "t2"].map(|token| Ok(testing::token_response(token, 3600)));
    /// # let client = testing::client(responses).client;
    /// let token = client.token()?;
    /// // An API rejected the token: 401 Unauthorized.
    /// client.invalidate(&token);
    /// client.token()?;
    /// assert_eq!(client.counts().minted, 2);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn invalidate(&self, token: &Token) {
        self.invalidate_access_token(token.secret());
    }

    /// Like [`Client::invalidate`], for when you only have the access token string.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Secret, testing};
    ///
    /// let client = testing::client([
    ///     Ok(testing::token_response("t1", 3600)),
    ///     Ok(testing::token_response("t2", 3600)),
    /// ]).client;
    /// client.token()?;
    /// client.invalidate_access_token(&Secret::new("t1"));
    /// assert_eq!(client.token()?.expose(), "t2");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn invalidate_access_token(&self, access_token: &Secret) {
        if self.0.check_process().is_err() {
            return;
        }
        let shown = self.0.shown.any();
        let shown = shown.filter(|shown| shown.secret() == access_token);
        let is_shown = shown.is_some();
        self.0.single_flight.reject(access_token, shown);
        if is_shown {
            self.0.shown.clear();
        }
    }
}

impl Inner {
    /// Returns whether the next token replaces a rejected one.
    pub(super) fn replaces_rejected(&self, before: Option<&Record>) -> bool {
        let stored = before.and_then(|record| record.token.clone());
        let token = stored.or_else(|| self.single_flight.last_rejected());
        token.is_some_and(|token| self.single_flight.was_rejected(token.secret()))
    }

    /// Returns the stored token if an API rejected it and it is too young to be replaced.
    ///
    /// The token that this client remembers doesn't count: another process may have logged out
    /// since.
    pub(super) fn not_yet_replaceable(
        &self,
        lease: &Held<'_>,
        loaded: &Loaded,
        want: Want,
    ) -> Option<Token> {
        let record = loaded.record.as_ref();
        let logged_out = record.is_some_and(|record| record.logged_out);
        let stored = record.filter(|record| !logged_out && self.may_hand_out(record));
        let token = stored?.token.clone()?;
        if !self.is_young_and_rejected(&token, want) {
            return None;
        }
        self.note_repeated_rejection(lease, loaded);
        Some(self.hand_out_again(token))
    }

    /// Like [`Inner::not_yet_replaceable`], with the token that this client remembers.
    ///
    /// This is for grants that don't need a store, when the store fails.
    pub(super) fn remembered_not_yet_replaceable(&self, want: Want) -> Option<Token> {
        let token = self.single_flight.last_rejected()?;
        let again = !want.force && self.is_young_and_rejected(&token, want);
        again.then(|| self.hand_out_again(token))
    }

    fn is_young_and_rejected(&self, token: &Token, want: Want) -> bool {
        let now = self.shared.clock.now();
        let data = token.data();
        let first_minute = Lifetime {
            length: YOUNG,
            ..data.lifetime
        };
        let young = data.replaces_rejected && !first_minute.remaining(now).is_zero();
        let wanted = want.min_valid.unwrap_or_else(|| self.early(token));
        let enough = token.remaining(now) > fresh::enough_of(token, wanted);
        young && enough && self.single_flight.was_rejected(token.secret())
    }

    fn hand_out_again(&self, token: Token) -> Token {
        self.single_flight.forgive(token.secret());
        self.show(&token);
        token
    }

    /// Adds the event to the history, unless it is already the last one. Errors are ignored.
    fn note_repeated_rejection(&self, lease: &Held<'_>, loaded: &Loaded) {
        let Some(mut record) = loaded.record.clone() else {
            return;
        };
        let last = record.history.events().pop();
        if last.is_some_and(|event| event.what == What::RejectedAgain) {
            return;
        }
        record
            .history
            .add(self.journal().event(What::RejectedAgain, None, None, None));
        let _ = self.persistence.write(lease.fence, loaded.version, &record);
    }
}
