//! What the workers have told.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::stop::Stop;
use super::{lock, now_ms};
use crate::PlaceKind;
use crate::line::Line;
use crate::tenants::TENANTS;

/// What the workers have told.
#[derive(Default)]
pub(super) struct Seen {
    /// The last point of each process's refreshes, by tenant.
    pub(super) at: HashMap<u32, HashMap<usize, String>>,
    pub(super) windows: Vec<u64>,
    pub(super) waits: Vec<(u32, i64, i64)>,
    pub(super) wrong: Vec<String>,
    /// Losses that were reported to a caller, with the grant.
    pub(super) told: Vec<(i64, usize, String)>,
    /// Which tenant was given which token.
    pub(super) got: HashSet<(usize, String)>,
    /// How many tokens each process was given.
    pub(super) given: HashMap<u32, usize>,
    /// When each process was heard of last.
    pub(super) beats: HashMap<u32, Instant>,
    pub(super) forks: usize,
    /// Forked children whose calls have not all returned, since when.
    pub(super) asking: HashMap<u32, Instant>,
    /// The grants whose record was removed, by when that happened.
    pub(super) removed: HashMap<usize, Removed>,
    late: Vec<(u32, Late)>,
    /// Whether the store's locks end with their holder, at once.
    locks_end_at_once: bool,
    /// What callers were told who waited for a lock as long as they may.
    pub(super) blocked: Vec<String>,
}

/// A grant whose record was removed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Removed {
    /// Whether a caller has received `reauthorize`.
    pub(super) told: bool,
    /// When a new login was made.
    pub(super) restored_ms: Option<i64>,
}

struct Late {
    call: String,
    from_ms: i64,
    to_ms: i64,
    bound_ms: u64,
}

/// How long after a new login a caller may still report the removal: the pipe takes a while,
/// and the caller may have been stopped.
const ECHO_MS: i64 = 5000;

impl Seen {
    pub(super) fn of(store: PlaceKind) -> Self {
        Self {
            locks_end_at_once: store == PlaceKind::File,
            ..Self::default()
        }
    }

    pub(super) fn take(&mut self, pid: u32, line: Line) {
        self.beats.insert(pid, Instant::now());
        match line {
            Line::At { who, point } => {
                self.at.entry(pid).or_default().insert(who, point);
            }
            Line::Window(micros) => self.windows.push(micros),
            Line::Waited { from_ms, to_ms } => self.waits.push((pid, from_ms, to_ms)),
            Line::Expired => self.wrong.push("an expired token was handed out".into()),
            Line::Got { who, print } => {
                *self.given.entry(pid).or_default() += 1;
                self.got.insert((who, print));
            }
            Line::Late {
                call,
                from_ms,
                to_ms,
                bound_ms,
            } => {
                let late = Late {
                    call,
                    from_ms,
                    to_ms,
                    bound_ms,
                };
                self.late.push((pid, late));
            }
            Line::Beat => {}
            Line::Forked { child, asks } => {
                self.forks += 1;
                if asks {
                    self.asking.entry(child).or_insert_with(Instant::now);
                }
            }
            Line::ForkDone { child } => {
                self.asking.remove(&child);
            }
            Line::Wrong(what) => self.wrong.push(what),
            Line::Refused {
                who,
                verdict,
                kind,
                message,
            } => self.refused(who, &verdict, &kind, message),
        }
    }

    fn refused(&mut self, who: usize, verdict: &str, kind: &str, message: String) {
        let grant = TENANTS[who].grant;
        match (verdict, kind) {
            // Nobody holds a lock that long: a killed process has none, and a child of fork
            // inherits none.
            ("retry", "busy" | "store") if self.locks_end_at_once && waited_in_vain(&message) => {
                self.blocked.push(message);
            }
            // A lock file that is removed must not start the fences anew.
            ("retry", "store") if message.contains("the lease was lost to another holder") => {
                self.wrong.push(message);
            }
            ("reauthorize", "login_required")
                if message.contains("the answer to refresh attempt ") =>
            {
                self.told.push((now_ms(), grant, message));
            }
            ("reauthorize", "no_token") if self.was_removed(grant) => {}
            ("fix_configuration", "setting")
                if message.contains("was presented before") && self.was_removed(grant) => {}
            // Nothing is lost yet: it is to be tried again, or to be found out.
            ("retry", _) | ("outcome_unknown", "interrupted" | "unavailable") => {}
            _ => self.wrong.push(format!(
                "{}: {verdict}, {kind}: {message}",
                TENANTS[who].tenant
            )),
        }
    }

    /// Returns whether this grant's record was removed, and notes that a caller received `reauthorize`.
    fn was_removed(&mut self, grant: usize) -> bool {
        let Some(removed) = self.removed.get_mut(&grant) else {
            return false;
        };
        removed.told = true;
        let recent = |at: i64| now_ms() - at < ECHO_MS;
        removed.restored_ms.is_none_or(recent)
    }

    /// The calls that took longer than their bound, the time apart that their process was stopped.
    pub(super) fn late(&self, stops: &[Stop]) -> Vec<String> {
        let over = self.late.iter().filter_map(|(pid, late)| {
            let stopped = stops.iter();
            let stopped = stopped.map(|stop| stop.overlap_ms(*pid, late.from_ms, late.to_ms));
            let took_ms = late.to_ms - late.from_ms - stopped.sum::<i64>();
            let (call, bound_ms) = (&late.call, late.bound_ms);
            (took_ms > bound_ms as i64)
                .then(|| format!("{call} took {took_ms} ms, and may take {bound_ms} ms"))
        });
        over.collect()
    }
}

/// Whether a caller gave up waiting for a lease, or for the lock of a single change.
fn waited_in_vain(message: &str) -> bool {
    message.contains("release its lease within") || message.contains("is changing it")
}

pub(super) fn reader(
    seen: std::sync::Arc<std::sync::Mutex<Seen>>,
    pid: u32,
    output: std::process::ChildStdout,
) -> std::thread::JoinHandle<()> {
    use std::io::{BufRead, BufReader};
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // The last line of a killed one may be cut.
            if let Ok(line) = serde_json::from_str(&line) {
                lock(&seen).take(pid, line);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenants::SHARER;

    #[test]
    fn a_call_is_late_by_the_time_that_its_process_ran() {
        let late = |from_ms: i64, to_ms: i64| Line::Late {
            call: "token".into(),
            from_ms,
            to_ms,
            bound_ms: 1000,
        };
        let stops = [Stop::past(7, 2000, 2500), Stop::past(8, 0, 9000)];
        let mut seen = Seen::default();
        seen.take(7, late(1500, 3000));
        assert!(seen.late(&stops).is_empty());
        seen.take(7, late(1500, 3001));
        assert_eq!(
            seen.late(&stops),
            ["token took 1001 ms, and may take 1000 ms"]
        );
    }

    #[test]
    fn a_login_is_asked_for_only_where_a_record_was_removed() {
        let refused = |who: usize| Line::Refused {
            who,
            verdict: "reauthorize".into(),
            kind: "no_token".into(),
            message: "has never logged in".into(),
        };
        let mut seen = Seen::default();
        seen.removed.insert(0, Removed::default());
        seen.take(7, refused(SHARER));
        assert!(seen.removed[&0].told);
        assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
        seen.take(7, refused(1));
        assert_eq!(seen.wrong.len(), 1);
    }
}
