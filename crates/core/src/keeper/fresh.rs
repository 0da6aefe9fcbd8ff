//! The token in memory, looked at without a lock.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};

use crate::{Clock, Moment, Source, Token};

/// What callers see.
#[derive(Default)]
pub(super) struct Shown(ArcSwapOption<Held>);

/// A token with the span of wall clock time within which it needs no closer look.
pub(super) struct Held {
    pub(super) token: Token,
    /// How much must be left of it, as far as its own lifetime allows.
    early: Duration,
    /// When the last closer look was, and until when it holds, in milliseconds since 1970.
    looked_ms: i64,
    holds_until_ms: i64,
}

/// A fresh token, borrowed from a keeper's memory: the cheapest look at it.
///
/// Let go of it soon, as of a lock that readers share: it keeps the token from being wiped.
pub struct Fresh(Guard<Option<Arc<Held>>>);

/// How long a closer look at both clocks holds. A wall clock set back to a moment within this
/// span goes unnoticed for no longer than this.
const LOOK_MS: i64 = 1000;

/// By how much a coarse clock may be behind the look.
const LAG_MS: i64 = 20;

impl Shown {
    /// The token, where it has more than `early` left by a look no older than a second.
    #[inline]
    pub(super) fn fresh(&self, clock: &dyn Clock) -> Option<Fresh> {
        let guard = self.0.load();
        let held = guard.as_ref()?;
        let now = clock.coarse_unix_ms();
        if now >= held.looked_ms && now < held.holds_until_ms {
            return Some(Fresh(guard));
        }
        self.look_closer(clock.now());
        let guard = self.0.load();
        let held = guard.as_ref()?;
        (now >= held.looked_ms && now < held.holds_until_ms).then(|| Fresh(guard))
    }

    /// The token, where more than `min_valid` of it is left by both clocks.
    pub(super) fn valid_for(&self, min_valid: Duration, now: Moment) -> Option<Token> {
        let held = self.0.load_full()?;
        let enough = enough_of(&held.token, min_valid);
        (held.token.remaining(now) > enough).then(|| held.token.with_source(Source::Cache))
    }

    /// The token whatever is left of it.
    pub(super) fn any(&self) -> Option<Token> {
        self.0.load_full().map(|held| held.token.clone())
    }

    pub(super) fn show(&self, token: Token, early: Duration, now: Moment) {
        self.0.store(Some(Arc::new(Held::new(token, early, now))));
    }

    pub(super) fn clear(&self) {
        self.0.store(None);
    }

    fn look_closer(&self, now: Moment) {
        let Some(held) = self.0.load_full() else {
            return;
        };
        let looked = Arc::new(Held::new(held.token.clone(), held.early, now));
        // Another thread's newer token must not be replaced by our look at the old one.
        self.0.compare_and_swap(&held, Some(looked));
    }
}

impl Held {
    fn new(token: Token, early: Duration, now: Moment) -> Self {
        let left = token
            .remaining(now)
            .saturating_sub(enough_of(&token, early));
        let holds = i64::try_from(left.as_millis())
            .unwrap_or(i64::MAX)
            .min(LOOK_MS);
        // Both ends are as a coarse clock sees them: one that lags must neither find the look to be
        // in its future nor a token that has run out to have a moment left. What has less left
        // than the lag is looked at closely by whoever wants it.
        let seen_ms = now.unix_ms - LAG_MS;
        Self {
            token,
            early,
            looked_ms: seen_ms,
            holds_until_ms: seen_ms + holds,
        }
    }
}

impl std::ops::Deref for Fresh {
    type Target = Token;

    fn deref(&self) -> &Token {
        match self.0.as_ref() {
            Some(held) => &held.token,
            // `Shown::fresh` makes one only where there is a token.
            None => unreachable!("a fresh token is there"),
        }
    }
}

impl std::fmt::Debug for Fresh {
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
