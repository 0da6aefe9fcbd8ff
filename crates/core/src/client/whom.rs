//! Requests whom a token is for, by the profile's lookup or the provider's code, and stores it with
//! the grant.

use std::sync::Arc;

use super::persistence::Loaded;
use super::record::{Record, identity_mark};
use super::{Client, Inner};
use crate::lookup::{self, Found, Wanted};
use crate::profile::late;
use crate::responses::Redactor;
use crate::{Error, ErrorKind, Extra, Source, Token, Verdict};

impl Inner {
    /// Replaces the token once if the vendor rejects it.
    pub(super) fn identity_or_replace(self: &Arc<Self>, token: &Token) -> Result<Extra, Error> {
        match self.identity(token) {
            Err(error) if error.http_status() == Some(401) => {}
            known => return known,
        }
        let client = Client(Arc::clone(self));
        client.invalidate(token);
        self.identity(&client.token()?).map_err(|error| {
            if error.http_status() != Some(401) {
                return error;
            }
            error
                .with_verdict(Verdict::FixConfiguration)
                .with_setting("environment")
                .with_hint("check that environment and base_url belong to the app that the tokens are for; the vendor rejects new tokens as well")
        })
    }

    fn identity(&self, token: &Token) -> Result<Extra, Error> {
        let mark = identity_mark(&token.data().grant, self.asks_for.as_deref());
        // Values that came with the token override those of the identity request.
        let with_token = |mut identity: Extra| {
            identity.extend(token.extra().clone());
            identity
        };
        let loaded = match self.persistence.load() {
            // The vendor can be asked again.
            Err(error) if error.kind() == ErrorKind::Store && self.needs_no_store() => {
                Loaded::default()
            }
            loaded => loaded?,
        };
        let record = loaded.record.unwrap_or_default();
        let bound = record.identity_of.as_ref() == Some(&mark);
        if let Some(identity) = record.identity.filter(|_| bound) {
            return Ok(with_token(identity));
        }
        let same_grant = record.grant.as_ref() == Some(&token.data().grant);
        let earlier = record.choice.filter(|_| same_grant);
        match self.request_identity(token, Wanted::Earlier(earlier.as_deref()))? {
            None => Ok(token.extra().clone()),
            Some(found) => {
                self.keep_identity(token, &found, mark);
                Ok(with_token(found.values))
            }
        }
    }

    pub(super) fn request_identity(
        &self,
        token: &Token,
        wanted: Wanted<'_>,
    ) -> Result<Option<Found>, Error> {
        let connection = self.resolved()?;
        let (app, provider) = (connection.app(), connection.provider());
        let by_profile = app.profile.lookup.is_some();
        let vendor = |error: Error| error.with_provider(&app.profile.id);
        let request = match by_profile {
            true => lookup::request(app, token),
            false => provider.identity_request(app, token),
        };
        let Some(request) = request.map_err(vendor)? else {
            return Ok(None);
        };
        let _in_flight = self.enter()?;
        let response = self
            .send_request(&request)
            .map_err(|error| vendor(error.into_error()))?;
        let found = match by_profile {
            true => lookup::read(app, &response, wanted),
            false => provider.read_identity(app, &response).map(|values| Found {
                values,
                choice: None,
            }),
        };
        let redactor = Redactor::of(&request, app);
        found
            .map(Some)
            .map_err(|error| vendor(redactor.scrub(error)))
    }

    /// Stores whom the token is for, unless somebody has logged in since.
    ///
    /// Errors are ignored, because the identity can be requested again.
    pub(super) fn keep_identity(&self, token: &Token, found: &Found, mark: String) {
        let same_grant = |record: &Record| record.grant.as_ref() == Some(&token.data().grant);
        let loaded = self.persistence.load().ok();
        let version = loaded.as_ref().map(|loaded| loaded.version);
        let record = loaded.and_then(|loaded| loaded.record).filter(same_grant);
        // What a lookup found belongs to the token: its headers may need it. It replaces what an
        // earlier lookup found for another account.
        let by_profile = self.shared.connection.profile().lookup.is_some();
        let earlier = record.as_ref().and_then(|record| record.identity.clone());
        let with_found = |token: &Token| match by_profile {
            true => token
                .without_extra(&earlier.clone().unwrap_or_default())
                .with_extra(&found.values),
            false => token.clone(),
        };
        let is_same = |other: &Token| other.secret() == token.secret();
        if let Some(shown) = self
            .shown
            .any()
            .filter(|shown| by_profile && is_same(shown))
        {
            self.show(&with_found(&shown));
        }
        if let (Some(version), Some(mut record)) = (version, record) {
            record.token = record.token.map(|stored| match is_same(&stored) {
                true => with_found(&stored),
                false => stored,
            });
            record.identity = Some(found.values.clone());
            record.identity_of = Some(mark);
            record.choice = found.choice.clone().or(record.choice);
            self.persistence.try_write(version, &record);
        }
    }

    /// Makes the lookup after a login if API requests need what it finds out.
    ///
    /// If it fails, the login has succeeded all the same: the error is a warning, and
    /// [`Client::identity`] repeats the lookup.
    pub(super) fn look_up_for_requests(&self, token: Token) -> Token {
        if !self.needs_lookup(&token) {
            return token;
        }
        if let Err(error) = self.identity(&token) {
            self.warn(&error);
            return token;
        }
        let shown = self.shown.any();
        let shown = shown.filter(|shown| shown.secret() == token.secret());
        shown.map_or(token, |shown| shown.with_source(Source::Minted))
    }

    fn needs_lookup(&self, token: &Token) -> bool {
        let profile = self.shared.connection.profile();
        let Some(lookup) = &profile.lookup else {
            return false;
        };
        let usage = &profile.usage;
        let texts = usage.headers.values().chain(&usage.api_base);
        let mut needed = texts.flat_map(|text| late::kept_names(text));
        needed.any(|needed| {
            lookup.names().any(|name| name == needed) && !token.extra().contains_key(needed)
        })
    }
}
