//! The token in memory, looked at without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use countersign_hazard::{Published, Reading};

use crate::{Clock, Moment, Source, Token};

/// What callers see.
#[derive(Default)]
pub(super) struct Shown(Published<Held>);

/// A token with the span of wall clock time within which it needs no closer look.
struct Held {
    token: Token,
    /// How much must be left of it, as far as its own lifetime allows.
    early: Duration,
    looked: Look,
}

/// When the last closer look was, and for how long it holds, both in milliseconds and in one word, so that both are of
/// the same look. The time is since 1970.
struct Look(AtomicI64);

/// A fresh token, borrowed from a keeper's memory: the cheapest look at it.
///
/// Let go of it soon, as of a lock that readers share: it keeps the token from being wiped.
pub struct Fresh<'a>(Reading<'a, Held>);

/// How long a closer look at both clocks holds. A wall clock set back to a moment within this
/// span goes unnoticed for no longer than this.
const LOOK_MS: i64 = 1000;

/// By how much a coarse clock may be behind the look.
const LAG_MS: i64 = 20;

impl Shown {
    /// The token, where it has more than `early` left by a look no older than a second.
    #[inline]
    pub(super) fn fresh(&self, clock: &dyn Clock) -> Option<Fresh<'_>> {
        let held = self.0.read()?;
        let now = clock.coarse_unix_ms();
        if held.looked.holds(now) {
            return Some(Fresh(held));
        }
        held.look_closer(clock.now());
        held.looked.holds(now).then(|| Fresh(held))
    }

    /// The token, where more than `min_valid` of it is left by both clocks.
    pub(super) fn valid_for(&self, min_valid: Duration, now: Moment) -> Option<Token> {
        let held = self.0.read()?;
        let enough = enough_of(&held.token, min_valid);
        (held.token.remaining(now) > enough).then(|| held.token.with_source(Source::Cache))
    }

    /// The token whatever is left of it.
    pub(super) fn any(&self) -> Option<Token> {
        Some(self.0.read()?.token.clone())
    }

    pub(super) fn show(&self, token: Token, early: Duration, now: Moment) {
        let held = Held {
            token,
            early,
            looked: Look(AtomicI64::new(0)),
        };
        held.look_closer(now);
        self.0.publish(Some(Arc::new(held)));
    }

    pub(super) fn clear(&self) {
        self.0.publish(None);
    }
}

impl Held {
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
        &self.0.token
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
