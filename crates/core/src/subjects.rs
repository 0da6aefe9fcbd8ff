//! Tokens of many subjects of one app: impersonation at the scale of thousands or millions.

use std::borrow::Borrow;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zeroize::Zeroize;

use crate::client::rejected::YOUNG;
use crate::client::{bound, leases, trace};
use crate::connection::LiveConnection;
use crate::responses::explain_send_error;
use crate::{
    Clock, Connection, Error, ErrorKind, GrantKind, Moment, PresentedGrant, Random, Secret,
    SystemClock, SystemRandom, TokenResponse, Transport, read_token_response, signed_token,
    token_request,
};

/// Caches access tokens of many subjects that one app impersonates, in little memory.
///
/// The connection's grant must be `jwt-bearer`, whose tokens can be requested at any time, so no
/// store is needed. At most one request per subject is in flight; all callers that wait for it get
/// its outcome. When the cache is full, expired tokens are evicted first, and then the one that
/// expires soonest among a few candidates.
///
/// # Example
///
/// ```no_run
/// use std::sync::Arc;
/// use countersign_core::{Connection, Subjects, UreqTransport};
///
/// # fn example(connection: Connection) -> Result<(), countersign_core::Error> {
/// // A `jwt-bearer` connection. Its own `subject` is one of many.
/// let transport = Arc::new(UreqTransport::new(connection.network())?);
/// let subjects = Subjects::new(connection, transport, 1_000_000)?;
/// let token = subjects.token("464f5d25-4be5-4bc4-b3d0-4e2f42c5f0f5")?;
/// println!("{} characters", token.expose().len());
/// # Ok(())
/// # }
/// ```
pub struct Subjects(Arc<Inner>);

struct Inner {
    connection: Connection,
    /// The connection with the current contents of its secrets' files.
    live: LiveConnection,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    hasher: RandomState,
    shards: Vec<Shard>,
    max_per_shard: usize,
    max_wait: Duration,
    /// The process that created it. A forked child has none of its threads.
    process: u32,
}

const SHARDS: usize = 64;

#[derive(Default)]
struct Shard(Mutex<State>);

#[derive(Default)]
struct State {
    tokens: HashSet<CachedToken>,
    /// The requests in flight, by subject.
    single_flight: HashMap<Box<str>, Arc<SharedRequest>>,
    /// The subjects whose last token an API rejected.
    rejected: HashSet<Box<str>>,
}

/// A subject and its token in one allocation, with the expiry by both clocks in seconds.
struct CachedToken {
    text: Box<str>,
    subject_len: u32,
    until_unix_s: u32,
    until_boot_s: u32,
    /// Until when the token is not replaced, even if an API rejects it.
    firm_until_boot_s: u32,
}

impl Subjects {
    /// Creates a cache for the tokens of at most `max` subjects of this connection's app.
    ///
    /// # Errors
    ///
    /// If the connection's grant is not `jwt-bearer`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Subjects, testing};
    ///
    /// # let connection = testing::signing_connection();
    /// # let responses = ["t1", "t2", "t3"].map(|token| Ok(testing::token_response(token, 3600)));
    /// # let transport = testing::MockTransport::new(responses);
    /// // At most a million tokens in memory.
    /// let subjects = Subjects::new(connection, transport, 1_000_000)?;
    /// assert_eq!(subjects.token("464f5d25")?.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn new(
        connection: Connection,
        transport: Arc<dyn Transport>,
        max: usize,
    ) -> Result<Self, Error> {
        if connection.grant() != GrantKind::JwtBearer {
            let grant = connection.grant();
            return Err(Error::setting(
                "grant",
                format!("`grant` is {grant}, but many subjects need jwt-bearer"),
            )
            .with_hint("set grant to jwt-bearer, or build one client for each connection"));
        }
        Ok(Self(Arc::new(Inner {
            live: LiveConnection::new(connection.clone()),
            max_wait: bound::max_wait(&connection),
            process: std::process::id(),
            connection,
            transport,
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom::new()),
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            max_per_shard: max.div_ceil(SHARDS).max(1),
        })))
    }

    /// Sets the clock.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use countersign_core::{ManualClock, Subjects, testing};
    ///
    /// # let connection = testing::signing_connection();
    /// # let responses = ["t1", "t2", "t3"].map(|token| Ok(testing::token_response(token, 3600)));
    /// # let transport = testing::MockTransport::new(responses);
    /// let clock = Arc::new(ManualClock::at(testing::NOW));
    /// let subjects = Subjects::new(connection, transport, 1000)?.with_clock(clock.clone());
    /// subjects.token("joe")?;
    /// clock.advance(Duration::from_secs(3600));
    /// assert!(subjects.fresh("joe").is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|inner| inner.clock = clock)
    }

    /// Overrides the maximum wait, for tests that would take minutes otherwise.
    #[doc(hidden)]
    #[must_use]
    pub fn with_max_wait(self, max_wait: Duration) -> Self {
        self.with(|inner| inner.max_wait = max_wait)
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        // Nothing shares it before the first request.
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    /// Returns a token of this subject that is valid for at least the connection's `min_valid_s`.
    ///
    /// Like [`Client::max_wait`](crate::Client::max_wait), it returns within five times the
    /// connection's `timeout_ms` plus 60 s, whatever the transport and the signer do.
    ///
    /// # Errors
    ///
    /// As [`Client::token`](crate::Client::token).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Subjects, testing};
    ///
    /// # let connection = testing::signing_connection();
    /// # let responses = ["t1", "t2", "t3"].map(|token| Ok(testing::token_response(token, 3600)));
    /// # let transport = testing::MockTransport::new(responses);
    /// let subjects = Subjects::new(connection, transport, 1000)?;
    /// assert_eq!(subjects.token("joe")?.expose(), "t1");
    /// assert_eq!(subjects.token("ann")?.expose(), "t2");
    /// assert_eq!(subjects.token("joe")?.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn token(&self, subject: &str) -> Result<Secret, Error> {
        let inner = &self.0;
        let request = {
            let mut state = inner.shard(subject).lock();
            if let Some(token) = inner.look(&state, subject) {
                return Ok(token);
            }
            leases::check_process(&inner.connection, inner.process)?;
            match state.single_flight.get(subject) {
                Some(request) => Arc::clone(request),
                None => {
                    let request = Inner::start(inner, subject)?;
                    state
                        .single_flight
                        .insert(subject.into(), Arc::clone(&request));
                    request
                }
            }
        };
        let outcome = request.wait(inner.max_wait);
        outcome.unwrap_or_else(|| {
            let what = "the request for a subject's token";
            Err(bound::hangs(&inner.connection, what, inner.max_wait))
        })
    }

    /// Returns this subject's cached token, unless it is about to expire.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Subjects, testing};
    ///
    /// # let connection = testing::signing_connection();
    /// # let responses = ["t1", "t2", "t3"].map(|token| Ok(testing::token_response(token, 3600)));
    /// # let transport = testing::MockTransport::new(responses);
    /// let subjects = Subjects::new(connection, transport, 1000)?;
    /// assert!(subjects.fresh("joe").is_none());
    /// subjects.token("joe")?;
    /// assert!(subjects.fresh("joe").is_some());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn fresh(&self, subject: &str) -> Option<Secret> {
        self.0.look(&self.0.shard(subject).lock(), subject)
    }

    /// Gets the tokens of many subjects on this many threads, and calls `each` with each outcome.
    ///
    /// It returns when all subjects are done. Signing is most of the work, so use about as many
    /// threads as there are cores; more threads only help with a slow network.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Subjects, testing};
    ///
    /// # let connection = testing::signing_connection();
    /// # let responses = ["t1", "t2", "t3"].map(|token| Ok(testing::token_response(token, 3600)));
    /// # let transport = testing::MockTransport::new(responses);
    /// let subjects = Subjects::new(connection, transport, 1000)?;
    /// subjects.fetch_all(&["joe", "ann", "max"], 2, |subject, outcome| {
    ///     if let Err(error) = outcome {
    ///         eprintln!("{subject}: {error}");
    ///     }
    /// });
    /// assert_eq!(subjects.len(), 3);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn fetch_all(
        &self,
        subjects: &[&str],
        threads: usize,
        each: impl Fn(&str, Result<Secret, Error>) + Sync,
    ) {
        let next = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, subjects.len().max(1)) {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let Some(subject) = subjects.get(index) else {
                            return;
                        };
                        each(subject, self.token(subject));
                    }
                });
            }
        });
    }

    /// Reports that an API rejected this token of a subject (401): the next call gets a new one.
    ///
    /// Like with [`Client::invalidate`](crate::Client::invalidate), a token that itself replaced a
    /// rejected one is kept for its first minute, so that an API that rejects every token doesn't
    /// cost one token request per call.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Subjects, testing};
    ///
    /// # let connection = testing::signing_connection();
    /// # let responses = ["t1", "t2", "t3"].map(|token| Ok(testing::token_response(token, 3600)));
    /// # let transport = testing::MockTransport::new(responses);
    /// let subjects = Subjects::new(connection, transport, 1000)?;
    /// let token = subjects.token("joe")?;
    /// // An API rejected the token: 401 Unauthorized.
    /// subjects.invalidate("joe", &token);
    /// assert_eq!(subjects.token("joe")?.expose(), "t2");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn invalidate(&self, subject: &str, token: &Secret) {
        let inner = &self.0;
        let mut state = inner.shard(subject).lock();
        // A late report of an old token must not remove a newer one.
        let now = inner.clock.now();
        let is_replaceable =
            |cached: &CachedToken| cached.token() == token.expose() && !cached.is_firm(now);
        if state.tokens.get(subject).is_some_and(is_replaceable) {
            state.tokens.remove(subject);
            // Subjects that nobody requests again must not accumulate.
            if state.rejected.len() >= inner.max_per_shard {
                state.rejected.clear();
            }
            state.rejected.insert(subject.into());
        }
    }

    /// Returns the number of cached tokens, including expired ones.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Subjects, testing};
    ///
    /// # let connection = testing::signing_connection();
    /// # let responses = ["t1", "t2", "t3"].map(|token| Ok(testing::token_response(token, 3600)));
    /// # let transport = testing::MockTransport::new(responses);
    /// let subjects = Subjects::new(connection, transport, 1000)?;
    /// subjects.token("joe")?;
    /// subjects.token("ann")?;
    /// assert_eq!(subjects.len(), 2);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn len(&self) -> usize {
        let shards = self.0.shards.iter();
        shards.map(|shard| shard.lock().tokens.len()).sum()
    }

    /// Returns whether no token is cached.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    /// Starts the request on a thread of its own, so that it continues if a caller stops waiting.
    fn start(this: &Arc<Self>, subject: &str) -> Result<Arc<SharedRequest>, Error> {
        let request = Arc::new(SharedRequest::default());
        let (inner, subject) = (Arc::clone(this), Box::<str>::from(subject));
        let shared = Arc::clone(&request);
        let work = move || {
            let mut completion = Completion {
                inner: &inner,
                subject: &subject,
                request: shared,
                outcome: None,
            };
            completion.outcome = Some(inner.mint(&subject));
        };
        bound::spawn("countersign-subject", work)?;
        Ok(request)
    }

    fn mint(&self, subject: &str) -> Result<Secret, Error> {
        // If a file can't be read now, the previous secrets stay in use.
        let _ = self.live.reread(false);
        let started = self.clock.now();
        let response = match self.ask(subject, started) {
            Err(error) if error.blames_credentials() && self.live.reread(true).unwrap_or(false) => {
                self.ask(subject, started)
            }
            asked => asked,
        }?;
        let length = response.expires_in;
        let length = length.unwrap_or_else(|| crate::client::guessed_lifetime(&self.connection));
        if length.is_zero() {
            return Err(crate::client::born_expired(&self.connection));
        }
        let mut state = self.shard(subject).lock();
        let replaces_rejected = state.rejected.remove(subject);
        let access_token = response.access_token.expose();
        let cached = CachedToken::new(subject, access_token, started, length, replaces_rejected);
        self.make_room(&mut state);
        state.tokens.replace(cached);
        Ok(response.access_token)
    }

    fn ask(&self, subject: &str, started: Moment) -> Result<TokenResponse, Error> {
        let connection = self.live.current().for_subject(subject);
        if let Some(signed) = signed_token(&connection, started, self.random.as_ref())? {
            return Ok(signed);
        }
        let traced = trace::TokenRequest::start(&self.connection, GrantKind::JwtBearer);
        let asked = self.ask_traced(&connection, started);
        traced.end(asked.as_ref().err());
        asked
    }

    fn ask_traced(&self, connection: &Connection, started: Moment) -> Result<TokenResponse, Error> {
        let grant = PresentedGrant::JwtBearer;
        let request = token_request(connection, &grant, started, self.random.as_ref())?;
        let response = self
            .transport
            .send(&request)
            .map_err(|error| explain_send_error(connection, &grant, error))?;
        read_token_response(connection, &grant, &request, &response, self.clock.now())
    }

    fn look(&self, state: &State, subject: &str) -> Option<Secret> {
        let cached = state.tokens.get(subject)?;
        let early = self.connection.min_valid();
        cached
            .is_valid(self.clock.now(), early)
            .then(|| Secret::from(cached.token()))
    }

    fn make_room(&self, state: &mut State) {
        if state.tokens.len() < self.max_per_shard {
            return;
        }
        let now = self.clock.now();
        state
            .tokens
            .retain(|cached| cached.is_valid(now, Duration::ZERO));
        while state.tokens.len() >= self.max_per_shard {
            let candidates = state.tokens.iter().take(8);
            let soonest = candidates.min_by_key(|cached| cached.until_unix_s);
            let Some(subject) = soonest.map(|cached| cached.subject().to_owned()) else {
                return;
            };
            state.tokens.remove(subject.as_str());
        }
    }

    fn shard(&self, subject: &str) -> &Shard {
        let hash = self.hasher.hash_one(subject) as usize;
        &self.shards[hash % SHARDS]
    }
}

/// One request, and the callers that wait for it.
#[derive(Default)]
struct SharedRequest {
    outcome: Mutex<Option<Result<Secret, Error>>>,
    ended: Condvar,
}

impl SharedRequest {
    /// Waits up to `max` for the outcome.
    fn wait(&self, max: Duration) -> Option<Result<Secret, Error>> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .ended
            .wait_timeout_while(outcome, max, |outcome| outcome.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

/// Publishes a request's outcome to the waiting callers when dropped, even after a panic.
struct Completion<'a> {
    inner: &'a Inner,
    subject: &'a str,
    request: Arc<SharedRequest>,
    outcome: Option<Result<Secret, Error>>,
}

impl Drop for Completion<'_> {
    fn drop(&mut self) {
        let outcome = self
            .outcome
            .take()
            .unwrap_or_else(|| Err(Error::new(ErrorKind::Internal, "the request panicked")));
        let shard = self.inner.shard(self.subject);
        shard.lock().single_flight.remove(self.subject);
        let mut slot = self
            .request
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *slot = Some(outcome);
        drop(slot);
        self.request.ended.notify_all();
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachedToken {
    fn new(
        subject: &str,
        token: &str,
        started: Moment,
        length: Duration,
        replaces_rejected: bool,
    ) -> Self {
        let seconds = length.as_secs() as i64;
        let clamp = |s: i64| u32::try_from(s.max(0)).unwrap_or(u32::MAX);
        let mut text = String::with_capacity(subject.len() + token.len());
        text.push_str(subject);
        text.push_str(token);
        Self {
            text: text.into_boxed_str(),
            subject_len: subject.len() as u32,
            until_unix_s: clamp(started.unix_s() + seconds),
            until_boot_s: clamp((started.boot_ms / 1000) as i64 + seconds),
            firm_until_boot_s: match replaces_rejected {
                true => clamp((started.boot_ms / 1000 + YOUNG.as_secs()) as i64),
                false => 0,
            },
        }
    }

    fn subject(&self) -> &str {
        &self.text[..self.subject_len as usize]
    }

    fn token(&self) -> &str {
        &self.text[self.subject_len as usize..]
    }

    fn is_firm(&self, now: Moment) -> bool {
        now.boot_ms / 1000 < u64::from(self.firm_until_boot_s)
    }

    /// Returns whether more than `early` of the lifetime is left by both clocks.
    fn is_valid(&self, now: Moment, early: Duration) -> bool {
        let early = early.as_secs() as i64;
        now.unix_s() + early < i64::from(self.until_unix_s)
            && (now.boot_ms / 1000) as i64 + early < i64::from(self.until_boot_s)
    }
}

impl Drop for CachedToken {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

// The set finds a token by its subject.
impl Borrow<str> for CachedToken {
    fn borrow(&self) -> &str {
        self.subject()
    }
}

impl Hash for CachedToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.subject().hash(state);
    }
}

impl PartialEq for CachedToken {
    fn eq(&self, other: &Self) -> bool {
        self.subject() == other.subject()
    }
}

impl Eq for CachedToken {}

impl std::fmt::Debug for Subjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subjects")
            .field("connection", &self.0.connection.name())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
