//! What a run amounts to, from the server's log and from what the parent saw.

use countersign::{Event, What};
use countersign_sandbox::LogEntry;
use serde::Serialize;

/// The last line of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Tally {
    /// The store.
    pub store: &'static str,
    /// The server's policy.
    pub server: &'static str,
    /// How long it ran.
    pub seconds: u64,
    /// How often a token had run out when somebody wanted one.
    pub expiries: usize,
    /// How many refresh requests the server got.
    pub refresh_posts: usize,
    /// How many workers were killed.
    pub kills: usize,
    /// How many refresh requests brought a refresh token that the server had seen before.
    pub presented_twice: usize,
    /// How many grants were lost.
    pub lost: usize,
    /// How many of them although whoever the only answer went to lived, and had it in time.
    pub lost_avoidable: usize,
    /// How many errors said something else than what had happened, expired tokens included.
    pub wrong_verdicts: usize,
    /// How many tokens were given to a connection that they do not belong to, by the server's log.
    pub wrong_owner: usize,
    /// How many calls took longer than their stated bound, or never returned.
    pub unbounded: usize,
    /// How long a caller waited at most, in milliseconds; not while its own process was stopped.
    pub max_wait_ms: i64,
    /// How many workers were stopped for a while.
    pub stops: usize,
    /// How many workers were told to drain their clients and exit.
    pub shutdowns: usize,
    /// How many children were forked in the middle of a refresh.
    pub forks: usize,
    /// How many lock and spare files were removed.
    pub locks_removed: usize,
    /// How many records were removed. Their grants are not counted as lost.
    pub records_removed: usize,
    /// How often root ran a client on the store of a service that another user runs.
    pub root_visits: usize,
    /// From an answer read to its being durable, in microseconds: the median and the 99th of 100.
    pub window_p50_us: u64,
    /// The 99th of 100.
    pub window_p99_us: u64,
}

impl Tally {
    /// What does not hold.
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
            "refresh_posts is not expiries",
        );
        hold(
            !calm || self.presented_twice == 0,
            "a token was presented twice though nothing was struck",
        );
        hold(
            !calm || self.lost == 0,
            "a grant was lost though nothing was struck",
        );
        hold(
            self.kills + self.stops > 0 || self.lost == 0,
            "a grant was lost though no process was killed or stopped",
        );
        hold(
            self.server == "strict" || self.lost == 0,
            "a grant was lost at a server with grace",
        );
        hold(
            self.lost_avoidable == 0,
            "a grant was lost that could have been kept",
        );
        hold(self.wrong_verdicts == 0, "an error had a wrong verdict");
        hold(
            self.wrong_owner == 0,
            "a token was given to a connection that it does not belong to",
        );
        hold(self.unbounded == 0, "a call took longer than its bound");
        wrong
    }
}

/// A worker that was killed.
#[derive(Clone, Debug)]
pub struct Kill {
    /// Its process id.
    pub pid: u32,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The last point it told of for each of its connections, with the connection's grant.
    pub points: Vec<(usize, String)>,
}

impl Kill {
    /// Whether it had sent a request for this grant, or was about to, and had not got the answer
    /// into the store.
    pub fn held_an_answer(&self, grant: usize) -> bool {
        let between = ["BeforeSend", "Answered", "BeforePersist", "BeforeSpool"];
        let mut points = self.points.iter();
        points.any(|(of, point)| *of == grant && between.contains(&point.as_str()))
    }
}

/// How long an attempt waited for its answer before it counted it as lost, by what it wrote itself.
pub fn gave_up_after_ms(intended: &Event, events: &[Event]) -> Option<i64> {
    let mut own = events
        .iter()
        .filter(|event| event.attempt.is_some() && event.attempt == intended.attempt);
    let lost = own.find(|event| event.what == What::AnswerLost)?;
    Some(lost.at_ms - intended.at_ms)
}

/// The fingerprint of the refresh token that a request brought.
pub fn presented(entry: &LogEntry) -> Option<&str> {
    let field = entry
        .fields
        .iter()
        .find(|(name, _)| name == "refresh_token");
    field.map(|(_, print)| print.as_str())
}

/// How often a token had run out when a request came, by the server's log alone. A request that
/// comes while three quarters of the last token's life are not over is surplus, and one for an
/// expiry that another request was for already is a replay.
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

/// How many refresh requests brought a token that an earlier one had brought.
pub fn presented_twice(log: &[LogEntry]) -> usize {
    let mut seen = std::collections::HashSet::new();
    let prints = log.iter().filter_map(presented);
    prints.filter(|print| !seen.insert(*print)).count()
}

/// The value that this many of 100 do not exceed.
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
    fn an_attempt_tells_itself_how_long_it_waited() {
        let event = |at_ms: i64, attempt: &str, what: &str| -> Event {
            let event = serde_json::json!({
                "at_ms": at_ms, "by": "host:1:x", "attempt": attempt, "what": what,
                "spent": "f", "got": null,
            });
            serde_json::from_value(event).unwrap()
        };
        let events = [
            event(1000, "a", "intended"),
            event(3004, "a", "answer_lost"),
            event(4000, "b", "intended"),
            event(4100, "b", "refused"),
        ];
        assert_eq!(gave_up_after_ms(&events[0], &events), Some(2004));
        assert_eq!(gave_up_after_ms(&events[2], &events), None);
    }

    #[test]
    fn only_a_kill_between_sending_and_saving_excuses_a_loss() {
        let kill = |point: &str| Kill {
            pid: 1,
            at_ms: 0,
            points: vec![(7, point.into())],
        };
        assert!(kill("Answered").held_an_answer(7));
        assert!(!kill("Answered").held_an_answer(8));
        for point in [
            "IntentDurable",
            "Persisted",
            "Published",
            "Spooled",
            "Leased",
        ] {
            assert!(!kill(point).held_an_answer(7), "{point}");
        }
    }
}
