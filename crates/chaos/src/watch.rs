//! Checks that every call returns within its documented bound.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_core::{Clock, Moment, SystemClock};

use crate::line::Line;

/// Returns the documented bound of `Client::token`.
///
/// It waits for a lease, the end of a lost attempt, two requests and the store.
pub fn bound(timeout_ms: u64) -> Duration {
    Duration::from_millis(timeout_ms) * 5 + Duration::from_secs(60)
}

/// The running calls.
#[derive(Default)]
pub(crate) struct Watch(Mutex<Vec<Option<Running>>>);

struct Running {
    call: &'static str,
    since: Moment,
    bound: Duration,
    reported: bool,
}

impl Watch {
    /// Makes a call, and reports it if it exceeds its bound.
    pub(crate) fn timed<T>(
        &self,
        call: &'static str,
        bound: Duration,
        work: impl FnOnce() -> T,
    ) -> T {
        let clock = SystemClock::new();
        let running = Running {
            call,
            since: clock.now(),
            bound,
            reported: false,
        };
        let slot = self.enter(running);
        let done = work();
        let running = self.calls()[slot].take();
        if let Some(running) = running.filter(|running| !running.reported) {
            running.report_if_late(clock.now());
        }
        done
    }

    /// Reports running calls that have exceeded their bound.
    pub(crate) fn look(&self) {
        let now = SystemClock::new().now();
        for running in self.calls().iter_mut().flatten() {
            if !running.reported {
                running.reported = running.report_if_late(now);
            }
        }
    }

    fn enter(&self, running: Running) -> usize {
        let mut calls = self.calls();
        match calls.iter().position(Option::is_none) {
            Some(free) => {
                calls[free] = Some(running);
                free
            }
            None => {
                calls.push(Some(running));
                calls.len() - 1
            }
        }
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Vec<Option<Running>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn report_if_late(&self, now: Moment) -> bool {
        let bound_ms = self.bound.as_millis() as u64;
        let late = now.boot_ms.saturating_sub(self.since.boot_ms) > bound_ms;
        if late {
            let line = Line::Late {
                call: self.call.to_owned(),
                from_ms: self.since.unix_ms,
                to_ms: now.unix_ms,
                bound_ms,
            };
            line.say();
        }
        late
    }
}
