//! Collects the workers' reports.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::stop::Stop;
use super::{lock, now_ms};
use crate::PlaceKind;
use crate::line::Line;
use crate::tenants::TENANTS;

/// The workers' reports.
#[derive(Default)]
pub(super) struct Seen {
    /// The last failpoint of each process, by tenant.
    pub(super) at: HashMap<u32, HashMap<usize, String>>,
    pub(super) windows: Vec<u64>,
    pub(super) waits: Vec<(u32, i64, i64)>,
    pub(super) wrong: Vec<String>,
    /// Losses that a caller got an error for: when, the grant and the message.
    pub(super) losses: Vec<(i64, usize, String)>,
    /// The tenants and the tokens that they got.
    pub(super) got: HashSet<(usize, String)>,
    /// How many tokens each process got.
    pub(super) given: HashMap<u32, usize>,
    /// When each process last reported anything.
    pub(super) beats: HashMap<u32, Instant>,
    pub(super) forks: usize,
    /// Forked children whose calls have not all returned, and since when.
    pub(super) asking: HashMap<u32, Instant>,
    /// The grants whose record was removed.
    pub(super) removed: HashMap<usize, Removed>,
    late: Vec<(u32, Late)>,
    /// Whether the store's locks end together with their holder.
    locks_end_at_once: bool,
    /// The errors of holders whose lease another process took, with the grant.
    pub(super) fenced: Vec<(usize, String)>,
    /// The errors of callers that waited for a lock until they gave up.
    pub(super) blocked: Vec<String>,
}

/// A grant whose record was removed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Removed {
    /// Whether a caller has received `reauthorize`.
    pub(super) reported: bool,
    /// When the harness logged in again.
    pub(super) restored_ms: Option<i64>,
}

struct Late {
    call: String,
    from_ms: i64,
    to_ms: i64,
    bound_ms: u64,
}

/// How long after a new login a caller may still report the removal.
///
/// The pipe has a delay, and the caller may have been stopped.
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
            Line::Expired => self.wrong.push("a caller got an expired token".into()),
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
            Line::Failed {
                who,
                verdict,
                kind,
                message,
            } => self.failed(who, &verdict, &kind, message),
        }
    }

    fn failed(&mut self, who: usize, verdict: &str, kind: &str, message: String) {
        let grant = TENANTS[who].grant;
        match (verdict, kind) {
            // No process holds a lock that long: a kill releases it, and a forked child doesn't
            // inherit it.
            ("retry", "busy" | "store") if self.locks_end_at_once && is_lock_timeout(&message) => {
                self.blocked.push(message);
            }
            ("retry", "store") if message.contains("the lease was lost to another holder") => {
                self.fenced.push((grant, message));
            }
            ("reauthorize", "login_required")
                if message.contains("the response to refresh attempt ") =>
            {
                self.losses.push((now_ms(), grant, message));
            }
            ("reauthorize", "no_token") if self.was_removed(grant) => {}
            ("fix_configuration", "setting")
                if message.contains("was already used") && self.was_removed(grant) => {}
            // Nothing is lost yet. The caller can retry.
            ("retry", _) | ("outcome_unknown", "interrupted" | "unavailable") => {}
            _ => self.wrong.push(format!(
                "{}: {verdict}, {kind}: {message}",
                TENANTS[who].tenant
            )),
        }
    }

    /// Reports whether this grant's record was removed, and notes that a caller got the error.
    fn was_removed(&mut self, grant: usize) -> bool {
        let Some(removed) = self.removed.get_mut(&grant) else {
            return false;
        };
        removed.reported = true;
        let recent = |at: i64| now_ms() - at < ECHO_MS;
        removed.restored_ms.is_none_or(recent)
    }

    /// Returns the calls that exceeded their bound, not counting time spent stopped.
    pub(super) fn late(&self, stops: &[Stop]) -> Vec<String> {
        let over = self.late.iter().filter_map(|(pid, late)| {
            let stopped = stops.iter();
            let stopped = stopped.map(|stop| stop.overlap_ms(*pid, late.from_ms, late.to_ms));
            let took_ms = late.to_ms - late.from_ms - stopped.sum::<i64>();
            let (call, bound_ms) = (&late.call, late.bound_ms);
            (took_ms > bound_ms as i64)
                .then(|| format!("{call} took {took_ms} ms, maximum {bound_ms} ms"))
        });
        over.collect()
    }
}

/// Reports whether a caller gave up waiting for a lease or for the lock of a single change.
fn is_lock_timeout(message: &str) -> bool {
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
            // The last line of a killed worker may be incomplete.
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
    fn time_spent_stopped_does_not_make_a_call_late() {
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
        assert_eq!(seen.late(&stops), ["token took 1001 ms, maximum 1000 ms"]);
    }

    #[test]
    fn a_missing_token_is_an_error_unless_the_record_was_removed() {
        let failed = |who: usize| Line::Failed {
            who,
            verdict: "reauthorize".into(),
            kind: "no_token".into(),
            message: "has never logged in".into(),
        };
        let mut seen = Seen::default();
        seen.removed.insert(0, Removed::default());
        seen.take(7, failed(SHARER));
        assert!(seen.removed[&0].reported);
        assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
        seen.take(7, failed(1));
        assert_eq!(seen.wrong.len(), 1);
    }
}
