//! What the store keeps of a connection, as JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::token::Lifetime;
use crate::{Connection, Error, ErrorKind, Extra, Moment, Secret, Source, Token, TokenResponse};

/// A connection's tokens and what goes with them.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) token: Token,
    pub(super) refresh_token: Option<Secret>,
    /// The scopes that were asked for: a token for others is not what the caller wants.
    pub(super) asked_scopes: String,
    /// The fingerprint of the setting `refresh_token` that this grant descends from.
    pub(super) seed: Option<String>,
    /// Whom the token stands for, where that was asked.
    pub(super) identity: Option<Extra>,
}

impl Record {
    /// What an answer brought, taking over from the record before it.
    pub(super) fn of(
        connection: &Connection,
        answer: TokenResponse,
        obtained: Moment,
        source: Source,
        before: Option<&Self>,
        seed: Option<String>,
    ) -> Self {
        // Refusing to hand out what says it has no time left would make a server that rounds
        // down unusable; a quarter of an hour is the shortest session the known vendors set.
        const UNTOLD: Duration = Duration::from_secs(15 * 60);
        let told = answer.expires_in;
        let length = told.or(connection.assume_lifetime()).unwrap_or(UNTOLD);
        let same_grant = before.filter(|_| source == Source::Refreshed);
        let kept = same_grant.and_then(|before| before.refresh_token.clone());
        Self {
            token: Token {
                access_token: answer.access_token,
                token_type: answer.token_type,
                lifetime: Lifetime { obtained, length },
                expiry_known: told.is_some(),
                scope: answer.scope,
                extra: answer.extra,
                source,
            },
            refresh_token: answer.refresh_token.or(kept),
            asked_scopes: connection.scopes().join(" "),
            seed,
            identity: before.and_then(|before| before.identity.clone()),
        }
    }

    pub(super) fn encode(&self, connection: &Connection) -> Zeroizing<Vec<u8>> {
        let token = &self.token;
        let written = Written {
            format: 1,
            connection: connection.name().into(),
            provider: connection.profile().id.clone(),
            access_token: token.access_token.expose().to_owned().into(),
            token_type: token.token_type.clone(),
            obtained_ms: token.lifetime.obtained.unix_ms,
            lifetime_s: token.lifetime.length.as_secs(),
            expiry_known: token.expiry_known,
            scope: token.scope.clone(),
            extra: token.extra.clone(),
            refresh_token: self
                .refresh_token
                .as_ref()
                .map(|t| t.expose().to_owned().into()),
            asked_scopes: self.asked_scopes.clone(),
            seed: self.seed.clone(),
            identity: self.identity.clone(),
        };
        // Room ahead, so that growing leaves no copy behind; strings and numbers always encode.
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
        serde_json::to_writer(&mut *bytes, &written).unwrap_or_default();
        bytes
    }

    pub(super) fn decode(bytes: &[u8], now: Moment) -> Result<Self, Error> {
        let damaged = |why: &str| {
            Error::new(
                ErrorKind::Store,
                format!("the stored record is not understood: {why}"),
            )
            .with_verdict(crate::Verdict::Unexpected)
            .with_hint("it may be of a newer version; log out to forget it")
        };
        let written: Written =
            serde_json::from_slice(bytes).map_err(|_| damaged("not our JSON"))?;
        if written.format != 1 {
            return Err(damaged("another format"));
        }
        // Another process's boot clock may be of another boot: what the wall clock says has
        // passed is what has passed, and a record from the future counts as spent.
        let passed = now.unix_ms - written.obtained_ms;
        let length = match passed < -60_000 {
            true => Duration::ZERO,
            false => Duration::from_secs(written.lifetime_s),
        };
        let lifetime = Lifetime {
            obtained: Moment {
                unix_ms: written.obtained_ms,
                boot_ms: now.boot_ms.saturating_sub(passed.max(0) as u64),
            },
            length,
        };
        Ok(Self {
            token: Token {
                access_token: Secret::from(written.access_token.as_str()),
                token_type: written.token_type.clone(),
                lifetime,
                expiry_known: written.expiry_known,
                scope: written.scope.clone(),
                extra: written.extra.clone(),
                source: Source::Store,
            },
            refresh_token: written
                .refresh_token
                .as_ref()
                .map(|t| Secret::from(t.as_str())),
            asked_scopes: written.asked_scopes.clone(),
            seed: written.seed.clone(),
            identity: written.identity.clone(),
        })
    }
}

/// The JSON of a record, format 1.
#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    connection: String,
    provider: String,
    access_token: Zeroizing<String>,
    token_type: String,
    obtained_ms: i64,
    lifetime_s: u64,
    expiry_known: bool,
    scope: Option<String>,
    extra: Extra,
    refresh_token: Option<Zeroizing<String>>,
    asked_scopes: String,
    seed: Option<String>,
    identity: Option<Extra>,
}

/// Tells one refresh token from another without showing either.
pub(super) fn fingerprint(secret: &Secret) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.expose().as_bytes());
    digest.as_ref()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
