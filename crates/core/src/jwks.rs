//! The keys that a server publishes: fetched, kept, and fetched again when it changes them.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::answer::explain_plain_get;
use crate::jws::{self, Algorithm, Jwk, JwkSet, VerificationKey, Verified};
use crate::{Clock, Error, ErrorKind, Moment, Request, Response, Transport, Url};

/// How long a set is used where the server does not say.
const USUAL_LIFE: Duration = Duration::from_secs(3600);
/// Whatever the server says, a set is used for this long at least and at most.
const LIFE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(5 * 60)..=Duration::from_secs(24 * 3600);
/// How long an outlived set is used while the server cannot be reached.
const GRACE: Duration = Duration::from_secs(3600);
/// The least time between two requests, so that made-up `kid`s cannot make us ask without end.
const LEAST_PAUSE: Duration = Duration::from_secs(60);

/// The JWK Set at a server's `jwks_uri` (RFC 7517 section 5, OpenID Connect Discovery 1.0).
///
/// It is fetched when first needed and kept for as long as the server's `Cache-Control` says,
/// between five minutes and a day. A token whose `kid` is not in it has the set fetched again, as
/// servers change their keys; there is at most one request a minute, whatever tokens come. While
/// the server is down, an outlived set serves for one more hour. May be shared among threads.
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
    kept: RwLock<Option<Arc<Kept>>>,
    /// When the server was last asked, whatever came of it. Held while asking.
    asked: Mutex<Option<Moment>>,
}

#[derive(Debug)]
struct Kept {
    set: JwkSet,
    fetched: Moment,
    life: Duration,
}

impl RemoteJwkSet {
    /// The keys at this URL; nothing is fetched yet.
    pub fn new(url: Url, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Self {
        Self {
            url,
            algorithm: None,
            transport,
            clock,
            kept: RwLock::new(None),
            asked: Mutex::new(None),
        }
    }

    /// Takes tokens of this algorithm alone, as registered with the server
    /// (`id_token_signed_response_alg`). Without it a key's own `alg` counts, and a key without one
    /// is taken for the usual algorithm of its type: RS256 for RSA.
    #[must_use]
    pub fn for_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Checks a token's signature with the key of the set that its `kid` names.
    ///
    /// `kid` only chooses among the server's keys, and the key says which algorithm; `jku`, `x5u`
    /// and `jwk` of a token are never followed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Verification`] if the set has no such key or the signature is not right; what
    /// the transport gives, or [`ErrorKind::Unavailable`], where the set cannot be had.
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

    /// The key of this `kid`, bound to its algorithm; a set of one key needs no `kid`.
    ///
    /// # Errors
    ///
    /// As [`RemoteJwkSet::verify`].
    pub fn key(&self, key_id: Option<&str>) -> Result<VerificationKey, Error> {
        let kept = self.current()?;
        match self.choose(&kept.set, key_id) {
            Err(error) if is_missing(&kept.set, key_id) => match self.newer_than(&kept)? {
                Some(newer) => self.choose(&newer.set, key_id),
                None => Err(error),
            },
            chosen => chosen,
        }
    }

    /// The set, fetched if there is none or it has outlived what the server said.
    fn current(&self) -> Result<Arc<Kept>, Error> {
        let now = self.clock.now();
        let kept = self.kept();
        if let Some(kept) = &kept
            && kept.age(now) < kept.life
        {
            return Ok(Arc::clone(kept));
        }
        let fetched = self.fetch_unless_asked(kept.as_ref());
        match (fetched, kept) {
            (Ok(Some(newer)), _) => Ok(newer),
            (_, Some(kept)) if kept.age(now) < kept.life + GRACE => Ok(kept),
            (Err(error), _) => Err(error),
            (Ok(None), _) => Err(Error::new(
                ErrorKind::Unavailable,
                format!("the keys at {} could not be had a moment ago", self.url),
            )
            .with_retry_after(LEAST_PAUSE)),
        }
    }

    /// A set that was fetched after this one; none where the server was asked less than a minute
    /// ago. That it cannot be reached is no reason to refuse what the old set knows.
    fn newer_than(&self, known: &Arc<Kept>) -> Result<Option<Arc<Kept>>, Error> {
        self.fetch_unless_asked(Some(known))
    }

    /// Asks the server, one caller at a time; who waited takes what the other one got.
    fn fetch_unless_asked(&self, known: Option<&Arc<Kept>>) -> Result<Option<Arc<Kept>>, Error> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.kept();
        let is_new = |newer: &Arc<Kept>| known.is_none_or(|known| !Arc::ptr_eq(known, newer));
        if let Some(newer) = kept.filter(is_new) {
            return Ok(Some(newer));
        }
        let now = self.clock.now();
        if asked.is_some_and(|asked| since(asked, now) < LEAST_PAUSE) {
            return Ok(None);
        }
        *asked = Some(now);
        let newer = Arc::new(self.fetch(now)?);
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(Arc::clone(&newer));
        Ok(Some(newer))
    }

    fn fetch(&self, now: Moment) -> Result<Kept, Error> {
        let context = |error: Error| error.in_context(format_args!("the keys at {}", self.url));
        let response = self
            .transport
            .send(&Request::get(self.url.clone()))
            .map_err(|error| context(error.into_error()))?;
        if response.status != 200 {
            return Err(context(explain_plain_get(&self.url, &response, now)));
        }
        let text = std::str::from_utf8(&response.body).map_err(|_| {
            let message = "the answer is not UTF-8";
            context(Error::new(ErrorKind::Unreadable, message))
        })?;
        Ok(Kept {
            set: JwkSet::from_json(text).map_err(|error| context(error.into()))?,
            fetched: now,
            life: life(&response),
        })
    }

    fn choose(&self, set: &JwkSet, key_id: Option<&str>) -> Result<VerificationKey, Error> {
        let Some(expected) = self.algorithm else {
            return Ok(set.verification_key(key_id)?);
        };
        let bound = |key: &Jwk| match key.algorithm() {
            Some(other) if other != expected => Err(Error::new(
                ErrorKind::Verification,
                format!("the server's key is for {other}, and {expected} is expected"),
            )),
            _ => Ok(VerificationKey::new(key.public_key().clone(), expected)?),
        };
        match (key_id.map(|id| set.find(id)), set.keys()) {
            (Some(Some(key)), _) => bound(key),
            (None, [only]) => bound(only),
            // The set says what is wrong.
            _ => Ok(set.verification_key(key_id)?),
        }
    }

    fn kept(&self) -> Option<Arc<Kept>> {
        self.kept
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Kept {
    fn age(&self, now: Moment) -> Duration {
        since(self.fetched, now)
    }
}

/// Whether another set could have the key.
fn is_missing(set: &JwkSet, key_id: Option<&str>) -> bool {
    match key_id {
        Some(id) => set.find(id).is_none(),
        None => set.keys().len() != 1,
    }
}

/// The time between two moments, by the clock that saw more of it.
fn since(then: Moment, now: Moment) -> Duration {
    let boot = now.boot_ms.saturating_sub(then.boot_ms);
    let wall = now.unix_ms.saturating_sub(then.unix_ms).max(0) as u64;
    Duration::from_millis(boot.max(wall))
}

/// `max-age` of `Cache-Control` (RFC 9111 section 5.2.2.1), within our own bounds.
fn life(response: &Response) -> Duration {
    let directives = response.header("cache-control").unwrap_or_default();
    let seconds = directives.split(',').find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("max-age");
        is_it.then(|| value.trim().trim_matches('"').parse::<u64>().ok())?
    });
    seconds
        .map_or(USUAL_LIFE, Duration::from_secs)
        .clamp(*LIFE.start(), *LIFE.end())
}
