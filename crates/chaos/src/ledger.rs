//! The result of a run, from the server's log and from what the parent process saw.

use countersign_core::{Event, What};
use countersign_sandbox::LogEntry;
use serde::Serialize;

/// The result of a run, printed as its last line.
#[derive(Clone, Debug, Serialize)]
pub struct Tally {
    /// The store.
    pub store: &'static str,
    /// The server's policy.
    pub server: &'static str,
    /// The duration of the run.
    pub seconds: u64,
    /// Expired tokens, counted in the server's log.
    pub expiries: usize,
    /// Refresh requests that the server received.
    pub refresh_posts: usize,
    /// Killed workers.
    pub kills: usize,
    /// Refresh requests with a refresh token that the server had seen before.
    pub presented_twice: usize,
    /// Lost grants.
    pub lost: usize,
    /// Lost grants that a surviving process could have kept.
    pub lost_avoidable: usize,
    /// Errors that say something other than what happened, and expired tokens.
    pub wrong_verdicts: usize,
    /// Tokens that, by the server's log, belong to another connection.
    pub wrong_owner: usize,
    /// Calls that exceeded their bound or never returned.
    pub unbounded: usize,
    /// The longest wait of a caller whose process wasn't stopped, in milliseconds.
    pub max_wait_ms: i64,
    /// Workers that were stopped for a while.
    pub stops: usize,
    /// Workers that received the signal to drain their clients and exit.
    pub shutdowns: usize,
    /// Children that were forked in the middle of a refresh.
    pub forks: usize,
    /// Removed lock files and spare files.
    pub locks_removed: usize,
    /// Removed records. Their grants don't count as lost.
    pub records_removed: usize,
    /// Clients that root ran on the store of another user's service.
    pub root_visits: usize,
    /// The median of the time from reading a response until it is durable, in microseconds.
    pub window_p50_us: u64,
    /// The 99th percentile of the same.
    pub window_p99_us: u64,
}

impl Tally {
    /// Returns what is wrong with the result.
    pub fn complaints(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut hold = |holds: bool, what: &str| {
            if !holds {
                wrong.push(what.to_owned());
            }
        };
        let workers = self.kills + self.stops + self.shutdowns + self.forks + self.root_visits;
        let calm = workers + self.locks_removed + self.records_removed == 0;
        hold(self.refresh_posts > 0, "nothing was refreshed");
        hold(
            !calm || self.refresh_posts == self.expiries,
            "without faults, refresh_posts must equal expiries",
        );
        hold(
            !calm || self.presented_twice == 0,
            "a refresh token was presented twice without faults",
        );
        hold(!calm || self.lost == 0, "a grant was lost without faults");
        hold(
            self.kills + self.stops > 0 || self.lost == 0,
            "a grant was lost although no process was killed or stopped",
        );
        hold(
            self.server == "strict" || self.lost == 0,
            "a grant was lost at a server with grace",
        );
        hold(
            self.lost_avoidable == 0,
            "a grant was lost that a client could have kept",
        );
        hold(
            self.wrong_verdicts == 0,
            "an error had a wrong verdict, or a token had expired",
        );
        hold(
            self.wrong_owner == 0,
            "a connection got a token of another one",
        );
        hold(self.unbounded == 0, "a call exceeded its bound");
        wrong
    }
}

/// A killed worker.
#[derive(Clone, Debug)]
pub struct Kill {
    /// Its process id.
    pub pid: u32,
    /// When it was killed, in milliseconds since 1970.
    pub at_ms: i64,
    /// The last failpoint that each of its connections reported, with the connection's grant.
    pub points: Vec<(usize, String)>,
}

impl Kill {
    /// Reports whether it may have sent a request for this grant and not stored the response.
    pub fn held_a_response(&self, grant: usize) -> bool {
        let between = ["BeforeSend", "Received", "BeforePersist", "BeforeFallback"];
        let mut points = self.points.iter();
        points.any(|(of, point)| *of == grant && between.contains(&point.as_str()))
    }
}

/// Returns how long an attempt waited until it gave up, by its own entries in the history.
pub fn gave_up_after_ms(intended: &Event, events: &[Event]) -> Option<i64> {
    let mut own = events
        .iter()
        .filter(|event| event.attempt.is_some() && event.attempt == intended.attempt);
    let lost = own.find(|event| event.what == What::ResponseLost)?;
    Some(lost.at_ms - intended.at_ms)
}

/// Returns the fingerprint of the refresh token in a request.
pub fn presented(entry: &LogEntry) -> Option<&str> {
    let field = entry
        .fields
        .iter()
        .find(|(name, _)| name == "refresh_token");
    field.map(|(_, print)| print.as_str())
}

/// Counts the expired tokens that were refreshed, from the server's log alone.
///
/// A request in the first three quarters of the last token's lifetime doesn't count: it was
/// unnecessary. Neither does a second request for the same expiry.
pub fn expiries(log: &[LogEntry], ttl_ms: i64) -> usize {
    let (mut count, mut runs_out, mut asked) = (0, i64::MIN, false);
    for entry in log {
        let ended = entry.time_ms >= runs_out.saturating_sub(ttl_ms / 4);
        if entry.grant.as_deref() == Some("refresh-token") && ended && !asked {
            count += 1;
            asked = true;
        }
        if entry.status == Some(200) && ended {
            runs_out = entry.time_ms + ttl_ms;
            asked = false;
        }
    }
    count
}

/// Counts the refresh requests with a token that an earlier request had.
pub fn presented_twice(log: &[LogEntry]) -> usize {
    let mut seen = std::collections::HashSet::new();
    let prints = log.iter().filter_map(presented);
    prints.filter(|print| !seen.insert(*print)).count()
}

/// Returns the value at this percentile.
pub fn percentile(values: &mut [u64], hundredths: usize) -> u64 {
    values.sort_unstable();
    let index = (values.len() * hundredths).div_ceil(100).saturating_sub(1);
    values.get(index).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        assert_eq!(percentile(&mut [], 99), 0);
        assert_eq!(percentile(&mut [3], 50), 3);
        assert_eq!(percentile(&mut (1..=100).collect::<Vec<_>>(), 99), 99);
    }

    #[test]
    fn the_history_says_how_long_an_attempt_waited() {
        let event = |at_ms: i64, attempt: &str, what: &str| -> Event {
            let event = serde_json::json!({
                "at_ms": at_ms, "by": "host:1:x", "attempt": attempt, "what": what,
                "spent": "f", "got": null,
            });
            serde_json::from_value(event).unwrap()
        };
        let events = [
            event(1000, "a", "intended"),
            event(3004, "a", "response_lost"),
            event(4000, "b", "intended"),
            event(4100, "b", "rejected"),
        ];
        assert_eq!(gave_up_after_ms(&events[0], &events), Some(2004));
        assert_eq!(gave_up_after_ms(&events[2], &events), None);
    }

    #[test]
    fn only_a_kill_between_sending_and_saving_makes_a_loss_unavoidable() {
        let kill = |point: &str| Kill {
            pid: 1,
            at_ms: 0,
            points: vec![(7, point.into())],
        };
        assert!(kill("Received").held_a_response(7));
        assert!(!kill("Received").held_a_response(8));
        for point in [
            "IntentDurable",
            "Persisted",
            "Published",
            "InFallback",
            "Leased",
        ] {
            assert!(!kill(point).held_a_response(7), "{point}");
        }
    }
}
