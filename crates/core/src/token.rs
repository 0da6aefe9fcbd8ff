//! What comes back: the token that callers get, and all that an answer brought.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Moment, Secret};

/// What a vendor adds to a token, such as `instance_url`, `org_id` or `account_id`.
pub type Extra = BTreeMap<String, String>;

/// An access token, ready to be used. Cloning shares it.
///
/// `Debug` does not show it; [`Token::expose`] does.
#[derive(Clone, Debug)]
pub struct Token {
    facts: Arc<Facts>,
    source: Source,
}

#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) access_token: Secret,
    pub(crate) token_type: String,
    /// The mark of the grant that it descends from.
    pub(crate) grant: String,
    pub(crate) lifetime: Lifetime,
    pub(crate) expiry_known: bool,
    /// Whether it took the place of one that an API had rejected.
    pub(crate) replaces_rejected: bool,
    pub(crate) scope: Option<String>,
    pub(crate) extra: Extra,
}

impl Token {
    pub(crate) fn new(facts: Facts, source: Source) -> Self {
        Self {
            facts: Arc::new(facts),
            source,
        }
    }

    /// The same token, from elsewhere.
    pub(crate) fn with_source(&self, source: Source) -> Self {
        Self {
            facts: Arc::clone(&self.facts),
            source,
        }
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The bare access token.
    pub fn expose(&self) -> &str {
        self.facts.access_token.expose()
    }

    /// The access token as a secret.
    pub fn secret(&self) -> &Secret {
        &self.facts.access_token
    }

    /// How it is presented, nearly always `Bearer` (RFC 6750).
    pub fn token_type(&self) -> &str {
        &self.facts.token_type
    }

    /// The value for an `Authorization` header: `Bearer …`.
    pub fn authorization(&self) -> Secret {
        // Vendors write the scheme in all cases; servers of APIs are not all as tolerant. What a
        // header cannot have as a scheme comes from a record of an old version.
        let told = self.facts.token_type.as_str();
        let of_scheme = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        let scheme = match told.to_ascii_lowercase().as_str() {
            "" | "bearer" => "Bearer",
            _ if !told.bytes().all(of_scheme) => "Bearer",
            _ => told,
        };
        Secret::new(format!("{scheme} {}", self.expose()))
    }

    /// When it ends, in seconds since 1970; nothing where the vendor does not say.
    pub fn expires_at(&self) -> Option<i64> {
        self.facts
            .expiry_known
            .then(|| self.facts.lifetime.end_unix_s())
    }

    /// How long it is still taken to be valid: by what the vendor said, else by the assumed
    /// lifetime; a century if the vendor does not say and nothing can renew it.
    pub fn remaining(&self, now: Moment) -> Duration {
        self.facts.lifetime.remaining(now)
    }

    /// The scopes granted, where the vendor says so.
    pub fn scope(&self) -> Option<&str> {
        self.facts.scope.as_deref()
    }

    /// What the vendor adds.
    pub fn extra(&self) -> &Extra {
        &self.facts.extra
    }

    /// Where it came from this time.
    pub fn source(&self) -> Source {
        self.source
    }
}

/// Where a token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Asked for anew: by assertion, client credentials or a login.
    Minted,
    /// Got with a refresh token.
    Refreshed,
    /// From this process's memory.
    Cache,
    /// From the store.
    Store,
}

impl Source {
    /// The word used in JSON and every binding.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minted => "minted",
            Self::Refreshed => "refreshed",
            Self::Cache => "cache",
            Self::Store => "store",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A span of validity, counted from the start of the request that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) obtained: Moment,
    pub(crate) length: Duration,
}

impl Lifetime {
    /// The length for a token whose end nobody told and that nothing can renew: until an API
    /// rejects it. A guess must not end it sooner.
    pub(crate) const UNTIL_REJECTED: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

    pub(crate) fn end_unix_s(self) -> i64 {
        self.obtained.unix_s() + self.length.as_secs() as i64
    }

    /// What is left by both clocks: the shorter of the two, so that neither a wall clock set
    /// back nor a sleeping machine makes a token last longer.
    pub(crate) fn remaining(self, now: Moment) -> Duration {
        if self.length == Self::UNTIL_REJECTED {
            return self.length;
        }
        let by_wall = (now.unix_ms - self.obtained.unix_ms).max(0) as u64;
        let by_boot = now.boot_ms.saturating_sub(self.obtained.boot_ms);
        self.length
            .saturating_sub(Duration::from_millis(by_wall.max(by_boot)))
    }
}

/// A successful answer of a token endpoint (RFC 6749 section 5.1), read.
#[derive(Clone, Debug)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Secret,
    /// The scheme it is presented by: `Bearer`, unless the profile has another one for the
    /// response's `token_type` ([`ResponseRules::token_types`](crate::profile::ResponseRules)).
    pub token_type: String,
    /// Its lifetime, if the answer says, or an access token that is a JWT does.
    pub expires_in: Option<Duration>,
    /// The new refresh token; where absent, the old one stays in use.
    pub refresh_token: Option<Secret>,
    /// The lifetime of the refresh token, if the response tells it.
    pub refresh_token_expires_in: Option<Duration>,
    /// The OpenID Connect id token.
    pub id_token: Option<Secret>,
    /// The scopes granted, with spaces between.
    pub scope: Option<String>,
    /// What the vendor adds.
    pub extra: Extra,
}
