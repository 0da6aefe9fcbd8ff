//! The token that callers get, and the token endpoint's parsed response.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Moment, Secret};

/// A vendor's additions to a token, such as `instance_url`, `org_id` or `account_id`.
pub type Extra = BTreeMap<String, String>;

/// An access token. Clones share the same memory.
///
/// `Debug` doesn't print it. [`Token::expose`] returns it.
///
/// # Example
///
/// ```
/// # use countersign_core::testing;
/// # let client = testing::client([Ok(testing::token_response("t0ken", 3600))]).client;
/// let token = client.token()?;
/// assert_eq!(token.expose(), "t0ken");
/// assert_eq!(token.authorization().expose(), "Bearer t0ken");
/// assert!(token.expires_at().is_some());
/// assert!(!format!("{token:?}").contains("t0ken"));
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Token {
    data: Arc<TokenData>,
    source: Source,
}

/// The parts of a token that its clones share.
#[derive(Debug)]
pub(crate) struct TokenData {
    pub(crate) access_token: Secret,
    pub(crate) token_type: String,
    /// The mark of the grant that the token belongs to.
    pub(crate) grant: String,
    pub(crate) lifetime: Lifetime,
    pub(crate) expiry_known: bool,
    /// Whether the token replaced one that an API had rejected.
    pub(crate) replaces_rejected: bool,
    pub(crate) scope: Option<String>,
    pub(crate) extra: Extra,
}

impl Token {
    pub(crate) fn new(data: TokenData, source: Source) -> Self {
        Self {
            data: Arc::new(data),
            source,
        }
    }

    /// Returns the same token with another source.
    pub(crate) fn with_source(&self, source: Source) -> Self {
        Self {
            data: Arc::clone(&self.data),
            source,
        }
    }

    pub(crate) fn data(&self) -> &TokenData {
        &self.data
    }

    /// Returns the access token as a string.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let client = testing::client([Ok(testing::token_response("t1", 3600))]).client;
    /// let header = format!("X-Acme-Token: {}", client.token()?.expose());
    /// assert_eq!(header, "X-Acme-Token: t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn expose(&self) -> &str {
        self.data.access_token.expose()
    }

    /// Returns the access token as a secret.
    pub fn secret(&self) -> &Secret {
        &self.data.access_token
    }

    /// Returns the token type, nearly always `Bearer` (RFC 6750).
    pub fn token_type(&self) -> &str {
        &self.data.token_type
    }

    /// Returns the value for an `Authorization` header: `Bearer …`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let client = testing::client([Ok(testing::token_response("t1", 3600))]).client;
    /// assert_eq!(client.token()?.authorization().expose(), "Bearer t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn authorization(&self) -> Secret {
        // Vendors write `bearer` in upper, lower and mixed case, and not every API accepts that. A
        // record of an old version may have a token type that is not valid as a scheme.
        let token_type = self.data.token_type.as_str();
        let is_valid = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        let scheme = match token_type.to_ascii_lowercase().as_str() {
            "" | "bearer" => "Bearer",
            _ if !token_type.bytes().all(is_valid) => "Bearer",
            _ => token_type,
        };
        Secret::new(format!("{scheme} {}", self.expose()))
    }

    /// Returns when the token expires, in seconds since 1970. `None` if the vendor didn't say.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let client = testing::client([Ok(testing::token_response("t1", 3600))]).client;
    /// assert_eq!(client.token()?.expires_at(), Some(testing::NOW + 3600));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn expires_at(&self) -> Option<i64> {
        self.data
            .expiry_known
            .then(|| self.data.lifetime.end_unix_s())
    }

    /// Returns how much of the token's lifetime is left.
    ///
    /// If the vendor didn't state a lifetime, the assumed one counts. If nothing can renew such a
    /// token either, the lifetime is a century: the token is used until an API rejects it.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::{Clock, testing};
    ///
    /// let test = testing::client([Ok(testing::token_response("t1", 3600))]);
    /// let token = test.client.token()?;
    /// test.clock.advance(Duration::from_secs(600));
    /// assert_eq!(token.remaining(test.clock.now()), Duration::from_secs(3000));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn remaining(&self, now: Moment) -> Duration {
        self.data.lifetime.remaining(now)
    }

    /// Returns the granted scopes, if the vendor stated them.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Response, testing};
    ///
    /// let body = r#"{"access_token":"t1","expires_in":3600,"scope":"read write"}"#;
    /// let client = testing::client([Ok(Response::new(200, [], body))]).client;
    /// assert_eq!(client.token()?.scope(), Some("read write"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn scope(&self) -> Option<&str> {
        self.data.scope.as_deref()
    }

    /// Returns the vendor's additions.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Response, testing};
    ///
    /// // Acme's profile keeps the member `instance`.
    /// let body = r#"{"access_token":"t1","expires_in":3600,"instance":"eu-7"}"#;
    /// let client = testing::client([Ok(Response::new(200, [], body))]).client;
    /// assert_eq!(client.token()?.extra()["instance"], "eu-7");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn extra(&self) -> &Extra {
        &self.data.extra
    }

    /// Returns where the token came from.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Source, testing};
    ///
    /// let client = testing::client([Ok(testing::token_response("t1", 3600))]).client;
    /// assert_eq!(client.token()?.source(), Source::Minted);
    /// assert_eq!(client.token()?.source(), Source::Cache);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn source(&self) -> Source {
        self.source
    }
}

/// Where a token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Requested by assertion, client credentials or a login.
    Minted,
    /// Requested with a refresh token.
    Refreshed,
    /// From this process's memory.
    Cache,
    /// From the store.
    Store,
}

impl Source {
    /// Returns the name used in JSON and every binding, such as `minted`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Source;
    ///
    /// assert_eq!(Source::Refreshed.as_str(), "refreshed");
    /// ```
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

/// A token's lifetime, counted from the start of the request that returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) obtained: Moment,
    pub(crate) length: Duration,
}

impl Lifetime {
    /// The length for a token whose expiry is unknown and that nothing can renew.
    ///
    /// It is used until an API rejects it. A guess must not end it sooner.
    pub(crate) const UNTIL_REJECTED: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

    pub(crate) fn end_unix_s(self) -> i64 {
        self.obtained.unix_s() + self.length.as_secs() as i64
    }

    /// Returns how much is left by the clock on which more time has passed.
    ///
    /// Neither a wall clock that was set back nor a sleeping machine makes a token last longer.
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

/// A successful response of a token endpoint (RFC 6749 section 5.1), parsed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Secret,
    /// The scheme for the `Authorization` header.
    ///
    /// It is `Bearer`, unless the profile maps the response's `token_type` to another one
    /// ([`ResponseRules::token_types`](crate::profile::ResponseRules)).
    pub token_type: String,
    /// The lifetime, if the response states it, or else the `exp` of a JWT access token.
    pub expires_in: Option<Duration>,
    /// The new refresh token. Without one, the old one stays in use.
    pub refresh_token: Option<Secret>,
    /// The lifetime of the refresh token, if the response states it.
    pub refresh_token_expires_in: Option<Duration>,
    /// The OpenID Connect ID token.
    pub id_token: Option<Secret>,
    /// The granted scopes, separated by spaces.
    pub scope: Option<String>,
    /// The vendor's additions.
    pub extra: Extra,
}
