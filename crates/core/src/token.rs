//! The token that callers get, and the token endpoint's parsed response.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::profile::usage::{Usage, is_http_token};
use crate::{App, Error, ErrorKind, Moment, Secret};

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
    /// How an API request carries the token, unless it is the usual way.
    pub(crate) usage: Option<Arc<Usage>>,
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
        let usage = self.data.usage.as_deref();
        let scheme = usage.and_then(Usage::scheme);
        authorization(scheme.unwrap_or(&self.data.token_type), self.secret())
    }

    /// Returns all headers that an API request needs to carry the token: names and values.
    ///
    /// That is `Authorization`, unless the provider's API expects the token in another header or
    /// further headers beside it, such as a tenant's id.
    ///
    /// # Errors
    ///
    /// If a header needs a value that the token does not have, or one that no header may have.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let client = testing::client([Ok(testing::token_response("t1", 3600))]).client;
    /// let token = client.token()?;
    /// for (name, value) in token.headers()? {
    ///     assert_eq!((name, value.expose()), ("Authorization", "Bearer t1"));
    /// }
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn headers(&self) -> Result<Vec<(&str, Secret)>, Error> {
        self.headers_if(false)
    }

    /// Returns the headers of [`Token::headers`], without those that need a value that is missing.
    pub(crate) fn headers_so_far(&self) -> Result<Vec<(&str, Secret)>, Error> {
        self.headers_if(true)
    }

    fn headers_if(&self, skip_missing: bool) -> Result<Vec<(&str, Secret)>, Error> {
        let data = &*self.data;
        headers(
            data.usage.as_deref(),
            &data.token_type,
            &data.access_token,
            &data.extra,
            skip_missing,
        )
    }

    /// Returns the same token with more values in `extra`, which replace none.
    pub(crate) fn with_extra(&self, more: &Extra) -> Self {
        let data = &*self.data;
        let all = more.clone().into_iter().chain(data.extra.clone());
        self.with(all.collect(), data.usage.clone())
    }

    /// Returns the same token without these values.
    pub(crate) fn without_extra(&self, values: &Extra) -> Self {
        let mut extra = self.data.extra.clone();
        extra.retain(|name, value| values.get(name) != Some(value));
        self.with(extra, self.data.usage.clone())
    }

    /// Returns the same token, carried like this.
    pub(crate) fn used_by(&self, usage: Option<Usage>) -> Self {
        if usage.is_none() && self.data.usage.is_none() {
            return self.clone();
        }
        self.with(self.data.extra.clone(), usage.map(Arc::new))
    }

    fn with(&self, mut extra: Extra, usage: Option<Arc<Usage>>) -> Self {
        if let Some(usage) = &usage {
            // A URL that a token must not be sent to is left out.
            let _ = usage.set_api_base(&mut extra);
        }
        let data = &*self.data;
        let data = TokenData {
            access_token: data.access_token.clone(),
            token_type: data.token_type.clone(),
            grant: data.grant.clone(),
            scope: data.scope.clone(),
            extra,
            usage,
            ..*data
        };
        Self::new(data, self.source)
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

/// Returns the value of an `Authorization` header.
fn authorization(token_type: &str, access_token: &Secret) -> Secret {
    // Vendors write `bearer` in upper, lower and mixed case, and not every API accepts that. A
    // record of an old version may have a token type that is not valid as a scheme.
    let scheme = match token_type.to_ascii_lowercase().as_str() {
        "" | "bearer" => "Bearer",
        _ if !is_http_token(token_type) => "Bearer",
        _ => token_type,
    };
    Secret::new(format!("{scheme} {}", access_token.expose()))
}

/// Returns the headers of an API request with a token.
fn headers<'a>(
    usage: Option<&'a Usage>,
    token_type: &str,
    access_token: &Secret,
    extra: &Extra,
    skip_missing: bool,
) -> Result<Vec<(&'a str, Secret)>, Error> {
    let is_usable = |b: u8| matches!(b, 0x21..=0x7e);
    if !access_token.expose().bytes().all(is_usable) {
        let message = "the access token has characters that no HTTP header may have";
        return Err(Error::new(ErrorKind::Unreadable, message));
    }
    let Some(usage) = usage else {
        return Ok(vec![(
            "Authorization",
            authorization(token_type, access_token),
        )]);
    };
    let own = match usage.header() {
        Some(name) => (name, access_token.clone()),
        None => {
            let scheme = usage.scheme().unwrap_or(token_type);
            ("Authorization", authorization(scheme, access_token))
        }
    };
    let further = usage.headers(extra, skip_missing)?.into_iter();
    Ok(std::iter::once(own).chain(further).collect())
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

impl TokenResponse {
    /// Returns all headers that an API request needs to carry the token, like [`Token::headers`].
    ///
    /// # Errors
    ///
    /// As [`Token::headers`].
    pub fn headers(&self, app: App<'_>) -> Result<Vec<(String, Secret)>, Error> {
        let usage = app.usage();
        let all = headers(
            usage.as_ref(),
            &self.token_type,
            &self.access_token,
            &self.extra,
            false,
        )?;
        let owned = |(name, value): (&str, Secret)| (name.to_owned(), value);
        Ok(all.into_iter().map(owned).collect())
    }
}
