//! A connection's record in the store, as JSON.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::history::{Ended, History, Rest};
use crate::metadata::{Registration, WrittenRegistration};
use crate::profile::{DEFAULT_LIFETIME_S, ExpiresAs, RevokedToken};
use crate::secret::fingerprint;
use crate::token::{Lifetime, TokenData};
use crate::{
    Connection, Error, ErrorKind, Extra, GrantId, Moment, Secret, Source, StoreKey, Token,
    TokenResponse, TokenTypeHint,
};

/// A connection's tokens, and the state of their grant.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// The settings that identify the grant, when the record was read. They are written anew each
    /// time. Empty in records of earlier versions.
    pub(super) settings: Extra,
    /// Whose grant it is, when the record was read. `None` if it is the connection's own.
    pub(super) principal: Option<String>,
    /// `None` before the first response.
    pub(super) token: Option<Token>,
    pub(super) refresh_token: Option<Secret>,
    /// When the refresh token expires, if the vendor said so.
    pub(super) refresh_end: Option<RefreshEnd>,
    /// The fingerprint of the requests that returned the token. `None` in records of earlier
    /// versions, whose token is never returned.
    pub(super) token_for: Option<String>,
    /// The requested scopes.
    pub(super) asked_scopes: String,
    /// The mark of the token's grant: a login or a configured refresh token.
    pub(super) grant: Option<String>,
    /// The mark of the grant that this one replaced.
    pub(super) replaced_grant: Option<String>,
    /// The fingerprint of the setting `refresh_token` that this grant started with.
    pub(super) seed: Option<String>,
    /// The login callback's other parameters that are kept, because no refresh returns them again.
    pub(super) callback: Extra,
    /// The client that the server registered for this grant, if no `client_id` is set.
    pub(super) registration: Option<Arc<Registration>>,
    /// Whom the token is for, if that was requested.
    pub(super) identity: Option<Extra>,
    /// The mark that the identity is bound to: see [`identity_mark`].
    pub(super) identity_of: Option<String>,
    /// The id of the account or tenant that the last lookup of this grant chose.
    pub(super) choice: Option<String>,
    /// The account that logged in, if the ID token said so: see
    /// [`account_of`](super::account::account_of).
    pub(super) account: Option<String>,
    /// The last logins of a principal that brought tokens, oldest first. The last one made this
    /// grant.
    pub(super) logins: Vec<FinishedId>,
    /// The number of token responses so far.
    pub(super) generation: u64,
    /// A request with a single-use refresh token that is in flight, or whose outcome is unknown.
    pub(super) attempt: Option<Attempt>,
    /// Why the refresh token can't be used any more.
    pub(super) ended: Option<Ended>,
    /// The pause that the server asked for.
    pub(super) rest: Option<Rest>,
    /// Whether the connection was logged out, but the vendor has not revoked the token yet.
    pub(super) logged_out: bool,
    /// Tokens of earlier logins that are still to be revoked.
    pub(super) unrevoked: Vec<Unrevoked>,
    pub(super) history: History,
}

/// A login that brought tokens, so that its callback is not exchanged again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FinishedId {
    /// The fingerprint of its `state`.
    pub(super) id: String,
    /// When its callback can't be repeated any more.
    pub(super) expires_ms: i64,
}

/// A token of an earlier login that its vendor has not revoked yet.
#[derive(Clone, Debug)]
pub(super) struct Unrevoked {
    pub(super) token: Secret,
    pub(super) hint: TokenTypeHint,
    /// The client that the server registered for that login, if it did.
    pub(super) registration: Option<Arc<Registration>>,
}

impl Unrevoked {
    /// The maximum kept, because a logout needs one request for each.
    const MAX: usize = 8;
}

/// When a refresh token expires, as the vendor said with it or with a later response.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RefreshEnd {
    /// The fingerprint of the refresh token, which may have been replaced since.
    token: String,
    at_unix_s: i64,
}

/// A request with a single-use refresh token, recorded before it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) id: String,
    /// The host, process and client that make it.
    pub(super) by: String,
    /// The fingerprint of the refresh token it spends.
    pub(super) spends: String,
    /// When it started by the store's clock, in milliseconds since 1970.
    pub(super) started_ms: i64,
    /// When the request can no longer reach the server.
    pub(super) deadline_ms: i64,
    /// Whether its response is known to be lost.
    pub(super) ambiguous: bool,
    /// The attempt whose outcome this one determines.
    pub(super) replay_of: Option<String>,
}

/// How a response was requested.
pub(super) struct Asked<'a> {
    pub(super) started: Moment,
    /// The refresh token that was sent, if one was.
    pub(super) spent: Option<&'a Secret>,
    /// The mark of the grant.
    pub(super) grant: String,
    /// The fingerprint of the connection's requests.
    pub(super) token_for: Option<String>,
    pub(super) seed: Option<String>,
    /// Whether it replaces a token that an API rejected.
    pub(super) replaces_rejected: bool,
    /// The login callback's other parameters that are kept, if this is a login.
    pub(super) callback: Option<Extra>,
    /// The registration that the login used, if this is a login.
    pub(super) registration: Option<Arc<Registration>>,
}

impl Record {
    /// Builds the record for a response, based on the record before it.
    pub(super) fn of(
        connection: &Connection,
        asked: Asked<'_>,
        response: TokenResponse,
        before: Option<&Self>,
    ) -> Self {
        // Without a new refresh token, the old one stays in use.
        let refresh_token = response.refresh_token.or(asked.spent.cloned());
        let stated_end = response
            .refresh_token_expires_in
            .zip(refresh_token.as_ref());
        let refresh_end = stated_end.map(|(lifetime, token)| RefreshEnd {
            token: fingerprint(token),
            at_unix_s: asked.started.unix_s() + lifetime.as_secs() as i64,
        });
        let renewable = refresh_token.is_some() || !connection.grant().needs_login();
        let stated = response.expires_in;
        let length = match stated {
            Some(stated) => stated,
            None if renewable => guessed_lifetime(connection),
            None => Lifetime::UNTIL_REJECTED,
        };
        let source = match asked.spent {
            Some(_) => Source::Refreshed,
            None => Source::Minted,
        };
        let same_grant = before.filter(|before| before.grant.as_ref() == Some(&asked.grant));
        let callback = asked
            .callback
            .or_else(|| same_grant.map(|before| before.callback.clone()))
            .unwrap_or_default();
        let registration = asked
            .registration
            .or_else(|| same_grant.and_then(|before| before.registration.clone()));
        // A refresh may not return again what the login returned.
        let renewed = same_grant.filter(|_| asked.spent.is_some());
        let kept = renewed.map(|before| before.kept(connection));
        let mark = identity_mark(&asked.grant, asked.token_for.as_deref());
        let looked_up = same_grant.and_then(|before| before.looked_up(connection, &mark));
        // The response overrides the callback and what came before.
        let extra = looked_up.unwrap_or_default().into_iter();
        let extra = extra.chain(kept.unwrap_or_default());
        let extra = extra.chain(callback.clone()).chain(response.extra);
        let data = TokenData {
            access_token: response.access_token,
            token_type: response.token_type,
            grant: asked.grant.clone(),
            lifetime: Lifetime {
                obtained: asked.started,
                length,
            },
            expiry_known: stated.is_some(),
            replaces_rejected: asked.replaces_rejected,
            scope: response.scope,
            extra: extra.collect(),
            usage: None,
        };
        let token = Token::new(data, source).used_by(connection.app().usage());
        let replaced = match same_grant {
            Some(before) => &before.replaced_grant,
            None => &before.and_then(|before| before.grant.clone()),
        };
        Self {
            settings: Extra::new(),
            principal: None,
            token: Some(token),
            refresh_token,
            refresh_end: refresh_end.or_else(|| before?.refresh_end.clone()),
            token_for: asked.token_for,
            asked_scopes: connection.scopes().join(" "),
            replaced_grant: replaced.clone(),
            grant: Some(asked.grant),
            seed: asked.seed,
            callback,
            registration,
            identity: same_grant.and_then(|before| before.identity.clone()),
            identity_of: same_grant.and_then(|before| before.identity_of.clone()),
            choice: same_grant.and_then(|before| before.choice.clone()),
            account: same_grant.and_then(|before| before.account.clone()),
            logins: before
                .map(|before| before.logins.clone())
                .unwrap_or_default(),
            generation: before.map_or(0, |before| before.generation) + 1,
            attempt: None,
            ended: None,
            rest: None,
            logged_out: false,
            unrevoked: before
                .map(|before| before.unrevoked_before(connection.profile().endpoints.revoke_token))
                .unwrap_or_default(),
            history: before
                .map(|before| before.history.clone())
                .unwrap_or_default(),
        }
    }

    /// Returns what the profile keeps of the responses of the grant.
    fn kept(&self, connection: &Connection) -> Extra {
        let rules = &connection.profile().response;
        let is_kept = |name: &String| rules.keep.contains(name) || rules.kept.contains_key(name);
        let extra = self.token.as_ref().map(|token| token.extra().clone());
        let mut extra = extra.unwrap_or_default();
        extra.retain(|name, _| is_kept(name));
        extra
    }

    /// Returns what a lookup found out for tokens with this mark.
    fn looked_up(&self, connection: &Connection, mark: &str) -> Option<Extra> {
        let rules = connection.profile().lookup.as_ref()?;
        let is_bound = self.identity_of.as_deref() == Some(mark);
        let mut found = self.identity.clone().filter(|_| is_bound)?;
        found.retain(|name, _| rules.names().any(|known| known == name));
        Some(found)
    }

    /// Returns the token whose revocation ends the grant.
    pub(super) fn held(&self, wanted: RevokedToken) -> Option<Unrevoked> {
        let access = || Some((self.token.as_ref()?.secret(), TokenTypeHint::AccessToken));
        let refresh = self.refresh_token.as_ref();
        let refresh = refresh.map(|token| (token, TokenTypeHint::RefreshToken));
        let (token, hint) = match wanted {
            RevokedToken::RefreshToken => refresh.or_else(access)?,
            RevokedToken::AccessToken => access()?,
        };
        Some(Unrevoked {
            token: token.clone(),
            hint,
            registration: self.registration.clone(),
        })
    }

    /// Returns the tokens that the next record must still revoke.
    ///
    /// A new login replaces a grant that was logged out, but does not revoke it.
    pub(super) fn unrevoked_before(&self, wanted: RevokedToken) -> Vec<Unrevoked> {
        let own = self.logged_out.then(|| self.held(wanted)).flatten();
        let mut all: Vec<_> = self.unrevoked.iter().cloned().chain(own).collect();
        let surplus = all.len().saturating_sub(Unrevoked::MAX);
        all.drain(..surplus);
        all
    }

    /// Adds the login that brought this record's tokens.
    pub(super) fn add_login(&mut self, login: FinishedId, now_ms: i64) {
        /// A person who begins more logins than this within minutes sees the vendor's error.
        const MAX: usize = 8;
        self.logins.retain(|earlier| earlier.expires_ms > now_ms);
        self.logins.push(login);
        let surplus = self.logins.len().saturating_sub(MAX);
        self.logins.drain(..surplus);
    }

    /// Keeps the refresh token of the grant that a login replaced, to revoke it with this one.
    ///
    /// It is not revoked now: many vendors would end this grant as well.
    pub(super) fn keep_replaced(&mut self, before: Option<&Self>, wanted: RevokedToken) {
        let Some(before) = before.filter(|before| before.ended.is_none() && !before.logged_out)
        else {
            return;
        };
        if before.refresh_token.is_some() && before.refresh_token != self.refresh_token {
            self.unrevoked.extend(before.held(wanted));
            let surplus = self.unrevoked.len().saturating_sub(Unrevoked::MAX);
            self.unrevoked.drain(..surplus);
        }
    }

    /// Returns when the refresh token expires, in seconds since 1970, if the vendor said so.
    pub(super) fn refresh_token_expires_at(&self) -> Option<i64> {
        let (end, token) = (self.refresh_end.as_ref()?, self.refresh_token.as_ref()?);
        (end.token == fingerprint(token)).then_some(end.at_unix_s)
    }

    pub(super) fn encode(
        &self,
        connection: &Connection,
        principal: Option<&GrantId>,
    ) -> Zeroizing<Vec<u8>> {
        let written = Written {
            format: 1,
            connection: connection.name().into(),
            provider: connection.profile().id.clone(),
            settings: connection.grant_settings(principal),
            principal: principal.map(|id| id.as_str().to_owned()),
            token: self.token.as_ref().map(WrittenToken::of),
            refresh_token: self
                .refresh_token
                .as_ref()
                .map(|t| t.expose().to_owned().into()),
            refresh_end: self.refresh_end.clone(),
            token_for: self.token_for.clone(),
            asked_scopes: self.asked_scopes.clone(),
            grant: self.grant.clone(),
            replaced_grant: self.replaced_grant.clone(),
            seed: self.seed.clone(),
            callback: self.callback.clone(),
            registration: self.registration.as_ref().map(|known| known.written()),
            identity: self.identity.clone(),
            identity_of: self.identity_of.clone(),
            choice: self.choice.clone(),
            account: self.account.clone(),
            logins: self.logins.clone(),
            generation: self.generation,
            attempt: self.attempt.clone(),
            ended: self.ended.clone(),
            rest: self.rest.clone(),
            logged_out: self.logged_out,
            unrevoked: self.unrevoked.iter().map(WrittenUnrevoked::of).collect(),
            history: self.history.clone(),
        };
        // The capacity avoids growing, which would leave an unwiped copy behind. Encoding strings
        // and numbers never fails.
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
        serde_json::to_writer(&mut *bytes, &written).unwrap_or_default();
        bytes
    }

    pub(super) fn decode(bytes: &[u8], now: Moment) -> Result<Self, Error> {
        Self::decode_named(bytes, now).map(|(record, _, _)| record)
    }

    /// Like [`Record::decode`], and returns the names of the connection and the provider as well.
    pub(super) fn decode_named(bytes: &[u8], now: Moment) -> Result<(Self, String, String), Error> {
        let damaged = |why: &str| {
            Error::new(
                ErrorKind::Store,
                format!("the stored record cannot be read: {why}"),
            )
            .with_verdict(crate::Verdict::Unexpected)
            .with_hint("if a newer version wrote it, upgrade this program; otherwise delete the record from the store")
        };
        if crate::SealedStore::is_sealed(bytes) {
            let message = "the stored record is encrypted, and `store_key` is not set";
            return Err(Error::new(ErrorKind::Store, message)
                .with_setting("store_key")
                .with_verdict(crate::Verdict::FixConfiguration)
                .with_hint("set store_key, store_key_file or store_key_env to the key it was encrypted with"));
        }
        let written: Written =
            serde_json::from_slice(bytes).map_err(|_| damaged("it is not the JSON of a record"))?;
        if written.format != 1 {
            return Err(damaged("its format is unknown"));
        }
        let record = Self {
            settings: written.settings,
            principal: written.principal,
            token: written
                .token
                .as_ref()
                .map(|token| token.read(written.grant.clone().unwrap_or_default(), now)),
            refresh_token: written
                .refresh_token
                .as_ref()
                .map(|t| Secret::from(t.as_str())),
            refresh_end: written.refresh_end,
            token_for: written.token_for,
            asked_scopes: written.asked_scopes,
            grant: written.grant,
            replaced_grant: written.replaced_grant,
            seed: written.seed,
            callback: written.callback,
            registration: written
                .registration
                .and_then(WrittenRegistration::read)
                .map(Arc::new),
            identity: written.identity,
            identity_of: written.identity_of,
            choice: written.choice,
            account: written.account,
            logins: written.logins,
            generation: written.generation,
            attempt: written.attempt,
            ended: written.ended,
            rest: written.rest,
            logged_out: written.logged_out,
            unrevoked: written
                .unrevoked
                .into_iter()
                .map(WrittenUnrevoked::read)
                .collect(),
            history: written.history,
        };
        Ok((record, written.connection, written.provider))
    }
}

/// The JSON of a record, format 1.
#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    connection: String,
    provider: String,
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    settings: Extra,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    token: Option<WrittenToken>,
    refresh_token: Option<Zeroizing<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_end: Option<RefreshEnd>,
    #[serde(default)]
    token_for: Option<String>,
    asked_scopes: String,
    #[serde(default)]
    grant: Option<String>,
    #[serde(default)]
    replaced_grant: Option<String>,
    seed: Option<String>,
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    callback: Extra,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registration: Option<WrittenRegistration>,
    identity: Option<Extra>,
    #[serde(default)]
    identity_of: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choice: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    logins: Vec<FinishedId>,
    generation: u64,
    attempt: Option<Attempt>,
    ended: Option<Ended>,
    rest: Option<Rest>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    logged_out: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unrevoked: Vec<WrittenUnrevoked>,
    history: History,
}

#[derive(Serialize, Deserialize)]
struct WrittenUnrevoked {
    token: Zeroizing<String>,
    is_refresh_token: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registration: Option<WrittenRegistration>,
}

impl WrittenUnrevoked {
    fn of(unrevoked: &Unrevoked) -> Self {
        Self {
            token: unrevoked.token.expose().to_owned().into(),
            is_refresh_token: unrevoked.hint == TokenTypeHint::RefreshToken,
            registration: unrevoked.registration.as_ref().map(|known| known.written()),
        }
    }

    fn read(self) -> Unrevoked {
        Unrevoked {
            token: Secret::from(self.token.as_str()),
            hint: match self.is_refresh_token {
                true => TokenTypeHint::RefreshToken,
                false => TokenTypeHint::AccessToken,
            },
            registration: self
                .registration
                .and_then(WrittenRegistration::read)
                .map(Arc::new),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct WrittenToken {
    access_token: Zeroizing<String>,
    token_type: String,
    obtained_ms: i64,
    lifetime_ms: u64,
    expiry_known: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    replaces_rejected: bool,
    scope: Option<String>,
    extra: Extra,
}

impl WrittenToken {
    fn of(token: &Token) -> Self {
        let data = token.data();
        Self {
            access_token: data.access_token.expose().to_owned().into(),
            token_type: data.token_type.clone(),
            obtained_ms: data.lifetime.obtained.unix_ms,
            lifetime_ms: data.lifetime.length.as_millis() as u64,
            expiry_known: data.expiry_known,
            replaces_rejected: data.replaces_rejected,
            scope: data.scope.clone(),
            extra: data.extra.clone(),
        }
    }

    fn read(&self, grant: String, now: Moment) -> Token {
        // The record may be from another boot, so only the wall clock tells its age. A token from
        // the future counts as expired.
        let passed = now.unix_ms - self.obtained_ms;
        let length = match Duration::from_millis(self.lifetime_ms) {
            length if length == Lifetime::UNTIL_REJECTED => length,
            _ if passed < -60_000 => Duration::ZERO,
            length => length,
        };
        let lifetime = Lifetime {
            obtained: Moment {
                unix_ms: self.obtained_ms,
                boot_ms: now.boot_ms.saturating_sub(passed.max(0) as u64),
            },
            length,
        };
        let data = TokenData {
            access_token: Secret::from(self.access_token.as_str()),
            token_type: self.token_type.clone(),
            grant,
            lifetime,
            expiry_known: self.expiry_known,
            replaces_rejected: self.replaces_rejected,
            scope: self.scope.clone(),
            extra: self.extra.clone(),
            usage: None,
        };
        Token::new(data, Source::Store)
    }
}

/// Returns the lifetime to assume of a token that can be renewed, if its response states none.
pub(crate) fn guessed_lifetime(connection: &Connection) -> Duration {
    let guess = match connection.profile().response.expires_as {
        ExpiresAs::Never => Lifetime::UNTIL_REJECTED,
        _ => Duration::from_secs(DEFAULT_LIFETIME_S.into()),
    };
    connection.assume_lifetime().unwrap_or(guess)
}

/// Returns the mark that an identity is bound to.
///
/// It combines the grant that the identity was read with and the settings that select it.
pub(super) fn identity_mark(grant: &str, asks_for: Option<&str>) -> String {
    StoreKey::of([grant, asks_for.unwrap_or_default()]).to_hex()
}
