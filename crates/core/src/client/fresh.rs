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
pub(super) struct Shown(ArcSwapOption<Held>);

/// A token, and the span of wall clock time in which the coarse clock is enough to judge it.
struct Held {
    token: Token,
    /// How much must be left of it, as far as its own lifetime allows.
    early: Duration,
    looked: Look,
    /// Whether it is still the cached token.
    is_cached: AtomicBool,
}

/// When the last closer look was, and for how long it holds, both in milliseconds and in one word, so that both are of
/// the same look. The time is since 1970.
struct Look(AtomicI64);

/// A valid cached token, borrowed: the cheapest way to read it.
///
/// Drop it promptly: like a read lock, it delays wiping the token.
pub struct Fresh<'a> {
    /// Never empty.
    held: Guard<Option<Arc<Held>>>,
    client: PhantomData<&'a Shown>,
}

/// A client's cached token, to read again and again without the client.
///
/// It has the same answer as [`Client::fresh`](crate::Client::fresh), but costs no more than a look at the
/// clock. It delays wiping the token until it is dropped.
#[derive(Clone)]
pub struct Cached {
    held: Arc<Held>,
    clock: Arc<dyn Clock>,
}

/// How long a closer look at both clocks holds. A wall clock set back to a moment within this
/// span goes unnoticed for no longer than this.
const LOOK_MS: i64 = 1000;

/// By how much a coarse clock may be behind the look.
const LAG_MS: i64 = 20;

impl Shown {
    /// Returns the token if more than `early` of it was left when it was last checked, at most a second ago.
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
        let held = Held {
            token,
            early,
            looked: Look(AtomicI64::new(0)),
            is_cached: AtomicBool::new(true),
        };
        held.look_closer(now);
        self.replace(Some(Arc::new(held)));
    }

    pub(super) fn clear(&self) {
        self.replace(None);
    }

    fn replace(&self, held: Option<Arc<Held>>) {
        if let Some(former) = self.0.swap(held) {
            former.is_cached.store(false, Ordering::Release);
        }
    }
}

impl Client {
    /// Returns the cached token, fresh or not, to read without the client. `None` if there is none.
    ///
    /// Once the client has another token, or none, this one is never fresh again.
    pub fn cached(&self) -> Option<Cached> {
        self.0.shown.cached(&self.0.clock)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Cached {
    /// Returns the token while it is fresh and its client still has it cached.
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

impl Held {
    /// Whether more than `early` of it was left when it was last checked, at most a second ago.
    #[inline]
    fn is_fresh(&self, clock: &dyn Clock) -> bool {
        let now = clock.coarse_unix_ms();
        if self.looked.holds(now) {
            return true;
        }
        self.look_closer(clock.now());
        self.looked.holds(now)
    }

    fn look_closer(&self, now: Moment) {
        let left = self
            .token
            .remaining(now)
            .saturating_sub(enough_of(&self.token, self.early));
        let holds = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
        // Both ends are as a coarse clock sees them: one that lags must neither find the look to be
        // in its future nor a token that has run out to have a moment left. What has less left
        // than the lag is looked at closely by whoever wants it.
        self.looked.set(now.unix_ms - LAG_MS, holds.min(LOOK_MS));
    }
}

impl Look {
    /// Room for `LOOK_MS` below the time of the look.
    const BITS: u32 = 10;

    #[inline]
    fn holds(&self, now_ms: i64) -> bool {
        let look = self.0.load(Ordering::Relaxed);
        let (from, span) = (look >> Self::BITS, look & ((1 << Self::BITS) - 1));
        now_ms >= from && now_ms < from + span
    }

    fn set(&self, from_ms: i64, span_ms: i64) {
        self.0
            .store((from_ms << Self::BITS) | span_ms, Ordering::Relaxed);
    }
}

const _: () = assert!(LOOK_MS < 1 << Look::BITS);

impl std::ops::Deref for Fresh<'_> {
    type Target = Token;

    #[inline]
    fn deref(&self) -> &Token {
        match self.held.as_ref() {
            Some(held) => &held.token,
            None => unreachable!("only made of a token"),
        }
    }
}

impl std::fmt::Debug for Fresh<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::ops::Deref::deref(self).fmt(f)
    }
}

/// How much must be left of a token for a caller who wants `wanted`. Where its whole life is
/// hardly longer than that, half of it must do: asking again would bring the same.
pub(super) fn enough_of(token: &Token, wanted: Duration) -> Duration {
    let whole = token.facts().lifetime.length;
    match wanted < whole.mul_f32(0.9) {
        true => wanted,
        false => whole / 2,
    }
}
