//! The cached token, read without a lock.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};

use super::Client;
use crate::{Clock, Moment, Source, Token};

/// The cached token, if there is one.
#[derive(Default)]
pub(super) struct Cache(ArcSwapOption<Entry>);

/// A token, and the span of wall clock time in which reading the coarse clock is enough to know
/// that the token is fresh.
struct Entry {
    token: Token,
    /// How much of the lifetime must be left, unless the whole lifetime is hardly longer.
    early: Duration,
    checked: Check,
    /// Whether this is still the cached token.
    is_cached: AtomicBool,
}

/// The time of the last check of both clocks in milliseconds since 1970, and the milliseconds for
/// which its result holds. Both share one word, so that they always belong to the same check.
struct Check(AtomicI64);

/// A valid cached token, borrowed: the cheapest way to read it.
///
/// Drop it promptly: like a read lock, it delays wiping the token.
pub struct Fresh<'a> {
    /// Always `Some`.
    held: Guard<Option<Arc<Entry>>>,
    client: PhantomData<&'a Cache>,
}

/// A client's cached token, to read repeatedly without the client.
///
/// It returns the same as [`Client::fresh`](crate::Client::fresh), but only costs one read of the
/// clock. It delays wiping the token until it is dropped.
#[derive(Clone)]
pub struct Cached {
    held: Arc<Entry>,
    clock: Arc<dyn Clock>,
}

/// How long the result of a check of both clocks holds.
///
/// If the wall clock is set back to a time within this span, that goes unnoticed for at most this
/// long.
const CHECK_MS: i64 = 1000;

/// How far the coarse clock may be behind the clock of the check.
const LAG_MS: i64 = 20;

impl Cache {
    /// Returns the token if it was fresh at the last check, at most a second ago.
    #[inline]
    pub(super) fn fresh(&self, clock: &dyn Clock) -> Option<Fresh<'_>> {
        let guard = self.0.load();
        let held = guard.as_ref()?;
        held.is_fresh(clock).then_some(Fresh {
            held: guard,
            client: PhantomData,
        })
    }

    /// Returns the token, even if it has expired, to read without the client.
    pub(super) fn cached(&self, clock: &Arc<dyn Clock>) -> Option<Cached> {
        Some(Cached {
            held: self.0.load_full()?,
            clock: Arc::clone(clock),
        })
    }

    /// Returns the token if more than `min_valid` of it is left by both clocks.
    pub(super) fn valid_for(&self, min_valid: Duration, now: Moment) -> Option<Token> {
        let guard = self.0.load();
        let held = guard.as_ref()?;
        let enough = enough_of(&held.token, min_valid);
        (held.token.remaining(now) > enough).then(|| held.token.with_source(Source::Cache))
    }

    /// Returns the token, even if it has expired.
    pub(super) fn any(&self) -> Option<Token> {
        Some(self.0.load().as_ref()?.token.clone())
    }

    pub(super) fn show(&self, token: Token, early: Duration, now: Moment) {
        let held = Entry {
            token,
            early,
            checked: Check(AtomicI64::new(0)),
            is_cached: AtomicBool::new(true),
        };
        held.check(now);
        self.replace(Some(Arc::new(held)));
    }

    pub(super) fn clear(&self) {
        self.replace(None);
    }

    fn replace(&self, held: Option<Arc<Entry>>) {
        if let Some(previous) = self.0.swap(held) {
            previous.is_cached.store(false, Ordering::Release);
        }
    }
}

impl Client {
    /// Returns a handle to read the cached token without the client. `None` if there is no token.
    ///
    /// The token may have expired. Once the client has another token, or none, the handle's token
    /// is never fresh again.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let client = testing::client([Ok(testing::token_response("t1", 3600))]).client;
    /// client.token()?;
    /// let cached = client.cached().unwrap();
    /// assert_eq!(cached.fresh().unwrap().expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn cached(&self) -> Option<Cached> {
        self.0.shown.cached(&self.0.shared.clock)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Cached {
    /// Returns the token while it is fresh and its client still has it cached.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// let test = testing::client([Ok(testing::token_response("t1", 3600))]);
    /// let token = test.client.token()?;
    /// let cached = test.client.cached().unwrap();
    /// assert!(cached.fresh().is_some());
    /// test.client.invalidate(&token);
    /// assert!(cached.fresh().is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[inline]
    pub fn fresh(&self) -> Option<&Token> {
        let held = &*self.held;
        let is_fresh = held.is_cached.load(Ordering::Acquire) && held.is_fresh(self.clock.as_ref());
        is_fresh.then_some(&held.token)
    }
}

impl std::fmt::Debug for Cached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.held.token.fmt(f)
    }
}

impl Entry {
    /// Returns whether more than `early` was left at the last check, at most a second ago.
    #[inline]
    fn is_fresh(&self, clock: &dyn Clock) -> bool {
        // A check decides by its own reading: the coarse one may be old, if this thread was paused
        // or the kernel's tick was late.
        self.checked.holds(clock.coarse_unix_ms()) || self.check(clock.now())
    }

    /// Returns whether more than `early` is left by both clocks, and stores for how long that
    /// holds.
    fn check(&self, now: Moment) -> bool {
        let left = self
            .token
            .remaining(now)
            .saturating_sub(enough_of(&self.token, self.early));
        let holds = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
        // The coarse clock may lag. It must neither see the check in its future nor return a token
        // that has just expired. A token with less than the lag left is checked each time.
        self.checked.set(now.unix_ms - LAG_MS, holds.min(CHECK_MS));
        holds > 0
    }
}

impl Check {
    /// The number of bits that `CHECK_MS` needs, below the time of the check.
    const BITS: u32 = 10;

    #[inline]
    fn holds(&self, now_ms: i64) -> bool {
        let check = self.0.load(Ordering::Relaxed);
        let (from, span) = (check >> Self::BITS, check & ((1 << Self::BITS) - 1));
        now_ms >= from && now_ms < from + span
    }

    fn set(&self, from_ms: i64, span_ms: i64) {
        self.0
            .store((from_ms << Self::BITS) | span_ms, Ordering::Relaxed);
    }
}

const _: () = assert!(CHECK_MS < 1 << Check::BITS);

impl std::ops::Deref for Fresh<'_> {
    type Target = Token;

    #[inline]
    fn deref(&self) -> &Token {
        match self.held.as_ref() {
            Some(held) => &held.token,
            None => unreachable!("created with a token"),
        }
    }
}

impl std::fmt::Debug for Fresh<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::ops::Deref::deref(self).fmt(f)
    }
}

/// Returns how much of a token's lifetime must be left for a caller that wants `wanted`.
///
/// If the whole lifetime is hardly longer than that, half of it is enough: a new token would be no
/// better.
pub(super) fn enough_of(token: &Token, wanted: Duration) -> Duration {
    let whole = token.data().lifetime.length;
    match wanted < whole.mul_f32(0.9) {
        true => wanted,
        false => whole / 2,
    }
}
