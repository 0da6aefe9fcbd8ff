//! A server's JWK Set: fetched, cached, and fetched again when keys change.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::jws::{self, Algorithm, Jwk, JwkSet, VerificationKey, Verified};
use crate::responses::explain_plain_get;
use crate::{Clock, Error, ErrorKind, Moment, Request, Response, Transport, Url};

/// How long a set is cached if the server does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);
/// The minimum and maximum time to cache a set, whatever the server says.
const LIFETIMES: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(5 * 60)..=Duration::from_secs(24 * 3600);
/// How long a stale set is used while the server cannot be reached.
const GRACE: Duration = Duration::from_secs(3600);
/// The minimum time between requests, so that forged `kid`s can't cause a flood of them.
const MIN_INTERVAL: Duration = Duration::from_secs(60);

/// The JWK Set at a server's `jwks_uri` (RFC 7517 section 5, OpenID Connect Discovery 1.0).
///
/// The set is fetched when first needed. It is cached for as long as the server's `Cache-Control`
/// says, but at least five minutes and at most a day. If a token's `kid` is not in the set, the set
/// is fetched again, because servers rotate their keys. There is at most one request per minute.
/// While the server is down, a stale set is used for one more hour. Can be shared among threads.
///
/// # Example
///
/// ```
/// # use countersign_core::{Request, Response, SendError, Transport};
/// # #[derive(Debug)]
/// # struct Canned;
/// # impl Transport for Canned {
/// #     fn send(&self, _: &Request) -> Result<Response, SendError> {
/// #         Ok(Response::new(200, [], r#"{"keys":[{"kty":"OKP","crv":"Ed25519",
/// #             "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#))
/// #     }
/// # }
/// # let transport = std::sync::Arc::new(Canned);
/// use std::sync::Arc;
/// use countersign_core::{RemoteJwkSet, SystemClock, Url};
///
/// let url = Url::parse("https://login.acme.example/jwks")?;
/// let keys = RemoteJwkSet::new(url, transport, Arc::new(SystemClock::new()));
/// // RFC 8037 appendix A.4.
/// let verified = keys.verify(
///     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-\
///      09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
/// )?;
/// assert_eq!(verified.payload, b"Example of Ed25519 signing");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Debug)]
pub struct RemoteJwkSet {
    url: Url,
    algorithm: Option<Algorithm>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    cached: RwLock<Option<Arc<CachedSet>>>,
    /// When the last request was sent, successful or not. Locked during a request.
    requested: Mutex<Option<Moment>>,
}

#[derive(Debug)]
struct CachedSet {
    set: JwkSet,
    fetched: Moment,
    lifetime: Duration,
}

impl RemoteJwkSet {
    /// Creates a set for this URL without fetching it.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{RemoteJwkSet, Response, SystemClock, Url, testing};
    ///
    /// let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01",
    ///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// let transport = testing::MockTransport::new([Ok(Response::new(200, [], jwks))]);
    /// let url = Url::parse("https://login.acme.example/jwks")?;
    /// let keys = RemoteJwkSet::new(url, transport.clone(), Arc::new(SystemClock::new()));
    /// assert!(transport.requests().is_empty());
    /// keys.key(Some("2026-01"))?;
    /// assert_eq!(transport.requests().len(), 1);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn new(url: Url, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Self {
        Self {
            url,
            algorithm: None,
            transport,
            clock,
            cached: RwLock::new(None),
            requested: Mutex::new(None),
        }
    }

    /// Accepts only tokens with this algorithm, which was registered with the server as
    /// `id_token_signed_response_alg`.
    ///
    /// The default is the key's `alg`, or the default algorithm of its type: RS256 for RSA.
    #[must_use]
    pub fn for_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Verifies a token's signature with the key that its `kid` names.
    ///
    /// `kid` only selects one of the server's keys, and the key determines the algorithm. A token's
    /// `jku`, `x5u` and `jwk` are ignored.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Verification`] if the set has no such key or the signature is not valid.
    /// - [`ErrorKind::Unavailable`], or an error of the transport, if the set can't be fetched.
    /// - [`ErrorKind::Key`] or [`ErrorKind::Unreadable`] if the response is not a JWK Set.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{RemoteJwkSet, Response, SystemClock, Url, testing};
    ///
    /// # let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519",
    /// #     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// # let transport = testing::MockTransport::new([Ok(Response::new(200, [], jwks))]);
    /// # let url = Url::parse("https://login.acme.example/jwks")?;
    /// let keys = RemoteJwkSet::new(url, transport, Arc::new(SystemClock::new()));
    /// // RFC 8037 appendix A.4, with a changed signature.
    /// let forged = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.igyY0il_MGCjP0JzlnLWG1PPOt7-\
    ///               09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    /// assert!(keys.verify(forged).is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn verify(&self, token: &str) -> Result<Verified, Error> {
        let header = jws::inspect(token)?.header;
        let key_id = match header.get("kid") {
            None => None,
            Some(serde_json::Value::String(id)) => Some(id.as_str()),
            Some(_) => {
                let message = "the token's `kid` is not a string";
                return Err(Error::new(ErrorKind::Verification, message));
            }
        };
        Ok(jws::verify(token, &self.key(key_id)?)?)
    }

    /// Returns the key with this `kid`, bound to its algorithm. A set of one key needs no `kid`.
    ///
    /// # Errors
    ///
    /// As [`RemoteJwkSet::verify`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::jws::Algorithm;
    /// use countersign_core::{RemoteJwkSet, Response, SystemClock, Url, testing};
    ///
    /// let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01",
    ///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// let transport = testing::MockTransport::new([Ok(Response::new(200, [], jwks))]);
    /// let url = Url::parse("https://login.acme.example/jwks")?;
    /// let keys = RemoteJwkSet::new(url, transport, Arc::new(SystemClock::new()));
    /// assert_eq!(keys.key(Some("2026-01"))?.algorithm(), Algorithm::EdDSA);
    /// assert!(keys.key(Some("2025-12")).is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn key(&self, key_id: Option<&str>) -> Result<VerificationKey, Error> {
        let cached = self.current()?;
        match self.select(&cached.set, key_id) {
            Err(error) if is_missing(&cached.set, key_id) => {
                match self.fetch_newer(Some(&cached))? {
                    Some(newer) => self.select(&newer.set, key_id),
                    None => Err(error),
                }
            }
            selected => selected,
        }
    }

    /// Returns the set. Fetches it if none is cached or the cached one is stale.
    fn current(&self) -> Result<Arc<CachedSet>, Error> {
        let now = self.clock.now();
        let cached = self.cached();
        if let Some(cached) = &cached
            && cached.age(now) < cached.lifetime
        {
            return Ok(Arc::clone(cached));
        }
        let fetched = self.fetch_newer(cached.as_ref());
        match (fetched, cached) {
            (Ok(Some(newer)), _) => Ok(newer),
            (_, Some(cached)) if cached.age(now) < cached.lifetime + GRACE => Ok(cached),
            (Err(error), _) => Err(error),
            (Ok(None), _) => Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "fetching the keys at {} failed less than a minute ago",
                    self.url
                ),
            )
            .with_retry_after(MIN_INTERVAL)),
        }
    }

    /// Returns a set that is newer than this one, or `None` if the last request was less than a
    /// minute ago.
    ///
    /// One caller sends the request. The others wait and use its result.
    fn fetch_newer(&self, known: Option<&Arc<CachedSet>>) -> Result<Option<Arc<CachedSet>>, Error> {
        let mut requested = self
            .requested
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let cached = self.cached();
        let is_new = |newer: &Arc<CachedSet>| known.is_none_or(|known| !Arc::ptr_eq(known, newer));
        if let Some(newer) = cached.filter(is_new) {
            return Ok(Some(newer));
        }
        let now = self.clock.now();
        if requested.is_some_and(|requested| since(requested, now) < MIN_INTERVAL) {
            return Ok(None);
        }
        *requested = Some(now);
        let newer = Arc::new(self.fetch(now)?);
        let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        *cached = Some(Arc::clone(&newer));
        Ok(Some(newer))
    }

    fn fetch(&self, now: Moment) -> Result<CachedSet, Error> {
        let context = |error: Error| error.in_context(format_args!("the keys at {}", self.url));
        let response = self
            .transport
            .send(&Request::get(self.url.clone()))
            .map_err(|error| context(error.into_error()))?;
        if response.status != 200 {
            return Err(context(explain_plain_get(&self.url, &response, now)));
        }
        let text = std::str::from_utf8(&response.body).map_err(|_| {
            let message = "the response is not UTF-8";
            context(Error::new(ErrorKind::Unreadable, message))
        })?;
        Ok(CachedSet {
            set: JwkSet::from_json(text).map_err(|error| context(error.into()))?,
            fetched: now,
            lifetime: lifetime(&response),
        })
    }

    fn select(&self, set: &JwkSet, key_id: Option<&str>) -> Result<VerificationKey, Error> {
        let Some(expected) = self.algorithm else {
            return Ok(set.verification_key(key_id)?);
        };
        let bound = |key: &Jwk| match key.algorithm() {
            Some(other) if other != expected => Err(Error::new(
                ErrorKind::Verification,
                format!("the server's key is for {other}, but {expected} is expected"),
            )),
            _ => Ok(VerificationKey::new(key.public_key().clone(), expected)?),
        };
        match (key_id.map(|id| set.find(id)), set.keys()) {
            (Some(Some(key)), _) => bound(key),
            (None, [only]) => bound(only),
            // Returns the set's error, which explains what is wrong.
            _ => Ok(set.verification_key(key_id)?),
        }
    }

    fn cached(&self) -> Option<Arc<CachedSet>> {
        self.cached
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl CachedSet {
    fn age(&self, now: Moment) -> Duration {
        since(self.fetched, now)
    }
}

/// Whether the set lacks the key, so that a newer set may have it.
fn is_missing(set: &JwkSet, key_id: Option<&str>) -> bool {
    match key_id {
        Some(id) => set.find(id).is_none(),
        None => set.keys().len() != 1,
    }
}

/// Returns the time between two moments by the clock that measured more.
fn since(then: Moment, now: Moment) -> Duration {
    let boot = now.boot_ms.saturating_sub(then.boot_ms);
    let wall = now.unix_ms.saturating_sub(then.unix_ms).max(0) as u64;
    Duration::from_millis(boot.max(wall))
}

/// Returns the lifetime of the response, limited to [`LIFETIMES`].
fn lifetime(response: &Response) -> Duration {
    response
        .max_age()
        .unwrap_or(DEFAULT_LIFETIME)
        .clamp(*LIFETIMES.start(), *LIFETIMES.end())
}
