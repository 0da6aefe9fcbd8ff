//! Access tokens that an API rejected, and how soon one may be replaced again.

use std::time::Duration;

use super::flight::Want;
use super::lease::Held;
use super::record::{Record, fingerprint};
use super::save::Loaded;
use super::trail::What;
use super::{Inner, Keeper, fresh};
use crate::token::Lifetime;
use crate::{Secret, Token};

/// The last access tokens that an API rejected.
#[derive(Default)]
pub(super) struct Rejected(Vec<Entry>);

struct Entry {
    fingerprint: String,
    /// The token, if it was the one in memory.
    token: Option<Token>,
}

impl Rejected {
    /// Late rejections of older tokens must not push out the newest one.
    const LENGTH: usize = 4;

    pub(super) fn add(&mut self, access_token: &Secret, token: Option<Token>) {
        let fingerprint = fingerprint(access_token);
        self.0.retain(|entry| entry.fingerprint != fingerprint);
        if self.0.len() >= Self::LENGTH {
            self.0.remove(0);
        }
        self.0.push(Entry { fingerprint, token });
    }

    pub(super) fn has(&self, access_token: &Secret) -> bool {
        // Mostly there is none, and then nothing has to be digested.
        !self.0.is_empty() && {
            let fingerprint = fingerprint(access_token);
            self.0.iter().any(|entry| entry.fingerprint == fingerprint)
        }
    }

    /// The last one that was in memory when it was rejected.
    pub(super) fn last(&self) -> Option<&Token> {
        self.0.last()?.token.as_ref()
    }

    pub(super) fn forgive(&mut self, access_token: &Secret) {
        let fingerprint = fingerprint(access_token);
        self.0.retain(|entry| entry.fingerprint != fingerprint);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// How long a token that replaced a rejected one is not replaced in turn: an API that rejects every
/// token must not cost a token request for each of its calls.
pub(crate) const YOUNG: Duration = Duration::from_secs(60);

impl Keeper {
    /// Reports that an API rejected this token (401). It is not handed out again, here or from the
    /// store; the next call gets a new one. Reporting a token that has been replaced meanwhile does
    /// not affect the newer one.
    ///
    /// There is one exception, so that an API that rejects every token does not cost a token request
    /// for each of its calls: a token that itself replaced a rejected one is kept for its first
    /// minute. Until then callers get that same token again, and [`Keeper::events`] says so
    /// ([`What::RejectedAgain`]). [`Keeper::refresh_now`] is not bound by this.
    pub fn invalidate(&self, token: &Token) {
        self.invalidate_access_token(token.secret());
    }

    /// Like [`Keeper::invalidate`], for when you only have the access token string.
    pub fn invalidate_access_token(&self, access_token: &Secret) {
        if self.0.check_process().is_err() {
            return;
        }
        let shown = self.0.shown.any();
        let shown = shown.filter(|shown| shown.secret() == access_token);
        let is_shown = shown.is_some();
        self.0.flights.reject(access_token, shown);
        if is_shown {
            self.0.shown.clear();
        }
    }
}

impl Inner {
    /// Whether what comes next takes the place of a rejected token.
    pub(super) fn replaces_rejected(&self, before: Option<&Record>) -> bool {
        let stored = before.and_then(|record| record.token.clone());
        let token = stored.or_else(|| self.flights.last_rejected());
        token.is_some_and(|token| self.flights.has_refused(token.secret()))
    }

    /// The store's token, if an API rejected it and it is too young to be replaced. What this client
    /// remembers does not count: somebody may have logged out meanwhile.
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

    /// Like [`Inner::not_yet_replaceable`], if the store fails and the grant needs none: then what
    /// this client remembers is all there is.
    pub(super) fn remembered_not_yet_replaceable(&self, want: Want) -> Option<Token> {
        let token = self.flights.last_rejected()?;
        let again = !want.force && self.is_young_and_rejected(&token, want);
        again.then(|| self.hand_out_again(token))
    }

    fn is_young_and_rejected(&self, token: &Token, want: Want) -> bool {
        let now = self.clock.now();
        let facts = token.facts();
        let first_minute = Lifetime {
            length: YOUNG,
            ..facts.lifetime
        };
        let young = facts.replaces_rejected && !first_minute.remaining(now).is_zero();
        let wanted = want.min_valid.unwrap_or_else(|| self.early(token));
        let enough = token.remaining(now) > fresh::enough_of(token, wanted);
        young && enough && self.flights.has_refused(token.secret())
    }

    fn hand_out_again(&self, token: Token) -> Token {
        self.flights.forgive(token.secret());
        self.show(&token);
        token
    }

    /// Notes it in the history, once in a row. What fails here is not told.
    fn note_repeated_rejection(&self, lease: &Held<'_>, loaded: &Loaded) {
        let Some(mut record) = loaded.record.clone() else {
            return;
        };
        let last = record.trail.events().pop();
        if last.is_some_and(|event| event.what == What::RejectedAgain) {
            return;
        }
        record
            .trail
            .add(self.event(What::RejectedAgain, None, None, None));
        let _ = self.write(lease, loaded.version, &record);
    }
}
