//! What the store keeps of a connection, as JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::history::{Ended, History, Rest};
use crate::secret::fingerprint;
use crate::token::{Facts, Lifetime};
use crate::{
    Connection, Error, ErrorKind, Extra, Moment, Secret, Source, StoreKey, Token, TokenResponse,
    TokenTypeHint,
};

/// A connection's tokens and what goes with them.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// The settings that identify the grant, as the record was read; written anew each time.
    /// Nothing in records of earlier versions.
    pub(super) settings: Extra,
    /// Nothing before the first answer.
    pub(super) token: Option<Token>,
    pub(super) refresh_token: Option<Secret>,
    /// When a refresh token ends, if the vendor told.
    pub(super) refresh_end: Option<RefreshEnd>,
    /// The fingerprint of the requests that the token was asked for with. Nothing in records of
    /// earlier versions: their token belongs to nobody who asks.
    pub(super) token_for: Option<String>,
    /// The scopes that were asked for.
    pub(super) asked_scopes: String,
    /// The mark of the grant that the token descends from: a login, a configured refresh token.
    pub(super) grant: Option<String>,
    /// The mark of the grant that this one took the place of.
    pub(super) replaced_grant: Option<String>,
    /// The fingerprint of the setting `refresh_token` that this grant descends from.
    pub(super) seed: Option<String>,
    /// What the login's callback told besides the code: no refresh brings it again.
    pub(super) callback: Extra,
    /// Whom the token stands for, where that was asked.
    pub(super) identity: Option<Extra>,
    /// What the identity is bound to: see [`identity_mark`].
    pub(super) identity_of: Option<String>,
    /// How many answers there have been.
    pub(super) generation: u64,
    /// A request with a single-use refresh token that is under way, or whose outcome nobody knows.
    pub(super) attempt: Option<Attempt>,
    /// Why the refresh token is of no use any more.
    pub(super) ended: Option<Ended>,
    /// Until when the server wants to be left alone.
    pub(super) rest: Option<Rest>,
    /// Whether it was to be forgotten, but the vendor has not revoked it yet.
    pub(super) logged_out: bool,
    /// Tokens of earlier logins that were to be revoked and are not yet.
    pub(super) unrevoked: Vec<Unrevoked>,
    pub(super) history: History,
}

/// A token of an earlier login that its vendor has not revoked yet.
#[derive(Clone, Debug)]
pub(super) struct Unrevoked {
    pub(super) token: Secret,
    pub(super) hint: TokenTypeHint,
}

impl Unrevoked {
    /// How many are kept: each costs a request when the connection is forgotten.
    const MOST: usize = 8;
}

/// When a refresh token ends by what the vendor told with it, or with a later response.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RefreshEnd {
    /// The fingerprint of the refresh token: another one may have taken its place since.
    token: String,
    at_unix_s: i64,
}

/// A request with a single-use refresh token, noted before it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) id: String,
    /// Host, process and client that make it.
    pub(super) by: String,
    /// The fingerprint of the refresh token it spends.
    pub(super) spends: String,
    /// By the store's clock, in milliseconds since 1970.
    pub(super) started_ms: i64,
    /// After this the server cannot get it any more.
    pub(super) deadline_ms: i64,
    /// Whether its answer is known to be lost.
    pub(super) ambiguous: bool,
    /// The attempt whose outcome this one is to find out.
    pub(super) replay_of: Option<String>,
}

/// How an answer was asked for.
pub(super) struct Asked<'a> {
    pub(super) started: Moment,
    /// The refresh token that was presented, if one was.
    pub(super) spent: Option<&'a Secret>,
    /// The mark of the grant.
    pub(super) grant: String,
    /// The fingerprint of the connection's requests.
    pub(super) token_for: Option<String>,
    pub(super) seed: Option<String>,
    /// Whether it is for a token that an API rejected.
    pub(super) replaces_rejected: bool,
    /// What the login's callback told besides the code, if this is one.
    pub(super) callback: Option<Extra>,
}

impl Record {
    /// What an answer brought, taking over from the record before it.
    pub(super) fn of(
        connection: &Connection,
        asked: Asked<'_>,
        answer: TokenResponse,
        before: Option<&Self>,
    ) -> Self {
        // A quarter of an hour is the shortest session that the known vendors set.
        const UNTOLD: Duration = Duration::from_secs(15 * 60);
        // An answer without a new one leaves the old one in use.
        let refresh_token = answer.refresh_token.or(asked.spent.cloned());
        let told_end = answer.refresh_token_expires_in.zip(refresh_token.as_ref());
        let refresh_end = told_end.map(|(lifetime, token)| RefreshEnd {
            token: fingerprint(token),
            at_unix_s: asked.started.unix_s() + lifetime.as_secs() as i64,
        });
        let renewable = refresh_token.is_some() || !connection.grant().needs_login();
        let told = answer.expires_in;
        let length = match told {
            Some(told) => told,
            None if renewable => connection.assume_lifetime().unwrap_or(UNTOLD),
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
        // What the response itself says wins.
        let extra = callback.clone().into_iter().chain(answer.extra).collect();
        let facts = Facts {
            access_token: answer.access_token,
            token_type: answer.token_type,
            grant: asked.grant.clone(),
            lifetime: Lifetime {
                obtained: asked.started,
                length,
            },
            expiry_known: told.is_some(),
            replaces_rejected: asked.replaces_rejected,
            scope: answer.scope,
            extra,
        };
        let replaced = match same_grant {
            Some(before) => &before.replaced_grant,
            None => &before.and_then(|before| before.grant.clone()),
        };
        Self {
            settings: Extra::new(),
            token: Some(Token::new(facts, source)),
            refresh_token,
            refresh_end: refresh_end.or_else(|| before?.refresh_end.clone()),
            token_for: asked.token_for,
            asked_scopes: connection.scopes().join(" "),
            replaced_grant: replaced.clone(),
            grant: Some(asked.grant),
            seed: asked.seed,
            callback,
            identity: same_grant.and_then(|before| before.identity.clone()),
            identity_of: same_grant.and_then(|before| before.identity_of.clone()),
            generation: before.map_or(0, |before| before.generation) + 1,
            attempt: None,
            ended: None,
            rest: None,
            logged_out: false,
            unrevoked: before.map(Self::unrevoked_before).unwrap_or_default(),
            history: before
                .map(|before| before.history.clone())
                .unwrap_or_default(),
        }
    }

    /// The token whose revocation ends the grant: the refresh token, if there is one.
    pub(super) fn held(&self) -> Option<Unrevoked> {
        let access = || Some((self.token.as_ref()?.secret(), TokenTypeHint::AccessToken));
        let refresh = self.refresh_token.as_ref();
        let refresh = refresh.map(|token| (token, TokenTypeHint::RefreshToken));
        let (token, hint) = refresh.or_else(access)?;
        Some(Unrevoked {
            token: token.clone(),
            hint,
        })
    }

    /// What a record that follows this one has to have revoked: a login takes the place of a grant
    /// that was logged out, but does not end it.
    pub(super) fn unrevoked_before(&self) -> Vec<Unrevoked> {
        let own = self.logged_out.then(|| self.held()).flatten();
        let mut all: Vec<_> = self.unrevoked.iter().cloned().chain(own).collect();
        let surplus = all.len().saturating_sub(Unrevoked::MOST);
        all.drain(..surplus);
        all
    }

    /// When the refresh token ends, in seconds since 1970, if the vendor told.
    pub(super) fn refresh_token_expires_at(&self) -> Option<i64> {
        let (end, token) = (self.refresh_end.as_ref()?, self.refresh_token.as_ref()?);
        (end.token == fingerprint(token)).then_some(end.at_unix_s)
    }

    pub(super) fn encode(&self, connection: &Connection) -> Zeroizing<Vec<u8>> {
        let written = Written {
            format: 1,
            connection: connection.name().into(),
            provider: connection.profile().id.clone(),
            settings: connection.grant_settings(),
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
            identity: self.identity.clone(),
            identity_of: self.identity_of.clone(),
            generation: self.generation,
            attempt: self.attempt.clone(),
            ended: self.ended.clone(),
            rest: self.rest.clone(),
            logged_out: self.logged_out,
            unrevoked: self.unrevoked.iter().map(WrittenUnrevoked::of).collect(),
            history: self.history.clone(),
        };
        // Room ahead, so that growing leaves no copy behind; strings and numbers always encode.
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
        serde_json::to_writer(&mut *bytes, &written).unwrap_or_default();
        bytes
    }

    pub(super) fn decode(bytes: &[u8], now: Moment) -> Result<Self, Error> {
        Self::decode_named(bytes, now).map(|(record, _, _)| record)
    }

    /// As [`Record::decode`], with the names of the connection and the provider.
    pub(super) fn decode_named(bytes: &[u8], now: Moment) -> Result<(Self, String, String), Error> {
        let damaged = |why: &str| {
            Error::new(
                ErrorKind::Store,
                format!("the stored record is not understood: {why}"),
            )
            .with_verdict(crate::Verdict::Unexpected)
            .with_hint("it may be of a newer version; log out to forget it")
        };
        if crate::SealedStore::is_sealed(bytes) {
            let message = "the stored record is encrypted, and `store_key` is not set";
            return Err(Error::new(ErrorKind::Store, message)
                .with_setting("store_key")
                .with_verdict(crate::Verdict::FixConfiguration)
                .with_hint("set store_key, store_key_file or store_key_env to the key it was encrypted with"));
        }
        let written: Written =
            serde_json::from_slice(bytes).map_err(|_| damaged("not our JSON"))?;
        if written.format != 1 {
            return Err(damaged("another format"));
        }
        let record = Self {
            settings: written.settings,
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
            identity: written.identity,
            identity_of: written.identity_of,
            generation: written.generation,
            attempt: written.attempt,
            ended: written.ended,
            rest: written.rest,
            logged_out: written.logged_out,
            unrevoked: written
                .unrevoked
                .iter()
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
    identity: Option<Extra>,
    #[serde(default)]
    identity_of: Option<String>,
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
}

impl WrittenUnrevoked {
    fn of(unrevoked: &Unrevoked) -> Self {
        Self {
            token: unrevoked.token.expose().to_owned().into(),
            is_refresh_token: unrevoked.hint == TokenTypeHint::RefreshToken,
        }
    }

    fn read(&self) -> Unrevoked {
        Unrevoked {
            token: Secret::from(self.token.as_str()),
            hint: match self.is_refresh_token {
                true => TokenTypeHint::RefreshToken,
                false => TokenTypeHint::AccessToken,
            },
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
        let facts = token.facts();
        Self {
            access_token: facts.access_token.expose().to_owned().into(),
            token_type: facts.token_type.clone(),
            obtained_ms: facts.lifetime.obtained.unix_ms,
            lifetime_ms: facts.lifetime.length.as_millis() as u64,
            expiry_known: facts.expiry_known,
            replaces_rejected: facts.replaces_rejected,
            scope: facts.scope.clone(),
            extra: facts.extra.clone(),
        }
    }

    fn read(&self, grant: String, now: Moment) -> Token {
        // Another process's boot clock may be of another boot: what the wall clock says has
        // passed is what has passed, and a record from the future counts as spent.
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
        let facts = Facts {
            access_token: Secret::from(self.access_token.as_str()),
            token_type: self.token_type.clone(),
            grant,
            lifetime,
            expiry_known: self.expiry_known,
            replaces_rejected: self.replaces_rejected,
            scope: self.scope.clone(),
            extra: self.extra.clone(),
        };
        Token::new(facts, Source::Store)
    }
}

/// What an identity is bound to: the grant that it was read with, and the settings that chose it.
pub(super) fn identity_mark(token: &Token, asks_for: Option<&str>) -> String {
    StoreKey::of([token.facts().grant.as_str(), asks_for.unwrap_or_default()]).to_hex()
}
