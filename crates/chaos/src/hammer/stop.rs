//! Stops workers for a while, as a machine that is suspended does.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::now_ms;

/// The time that a worker is stopped, from SIGSTOP to SIGCONT.
pub(super) struct Stop {
    pub(super) pid: u32,
    from_ms: i64,
    pub(super) to_ms: Option<i64>,
    until: Instant,
}

impl Stop {
    pub(super) fn begin(pid: u32, span: Duration) -> Self {
        signal(pid, Signal::STOP);
        Self {
            pid,
            from_ms: now_ms(),
            to_ms: None,
            until: Instant::now() + span,
        }
    }

    #[cfg(test)]
    pub(super) fn past(pid: u32, from_ms: i64, to_ms: i64) -> Self {
        Self {
            pid,
            from_ms,
            to_ms: Some(to_ms),
            until: Instant::now(),
        }
    }

    pub(super) fn end_if(&mut self, now: bool) {
        if self.to_ms.is_none() && (now || Instant::now() >= self.until) {
            signal(self.pid, Signal::CONT);
            self.to_ms = Some(now_ms());
        }
    }

    /// Returns how much of this time the process was stopped.
    pub(super) fn overlap_ms(&self, pid: u32, from_ms: i64, to_ms: i64) -> i64 {
        if pid != self.pid {
            return 0;
        }
        let end = self.to_ms.unwrap_or(to_ms).min(to_ms);
        (end - self.from_ms.max(from_ms)).max(0)
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
