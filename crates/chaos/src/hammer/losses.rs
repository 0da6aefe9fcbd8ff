//! Attributes each rejected request in the server's log, and checks that it was reported.

use std::time::{Duration, Instant};

use countersign_core::{Event, What};
use countersign_sandbox::LogEntry;

use super::{Run, lock};
use crate::ledger::{self, presented};
use crate::tenants::{GRANTS, TENANTS, grant_of};

#[derive(Default)]
pub(super) struct Losses {
    /// The number of log entries that were read, by grant.
    read: [usize; GRANTS],
    pub(super) count: usize,
    pub(super) avoidable: usize,
    /// Losses that no caller got an error for.
    pub(super) unreported: usize,
}

impl Run<'_> {
    /// Finds losses: refresh requests that the server has rejected.
    pub(super) fn look_for_losses(&mut self) {
        for grant in 0..GRANTS {
            let log = self.stage.sandbox.log();
            let rejected = |entry: &&LogEntry| {
                entry.grant.as_deref() == Some("refresh-token")
                    && entry.status == Some(400)
                    && grant_of(entry) == Some(grant)
            };
            match log.iter().skip(self.losses.read[grant]).find(rejected) {
                Some(rejected) => self.lost(grant, &log, rejected),
                None => self.losses.read[grant] = log.len(),
            }
        }
    }

    fn lost(&mut self, grant: usize, log: &[LogEntry], rejected: &LogEntry) {
        self.losses.count += 1;
        let print = presented(rejected).unwrap_or_default().to_owned();
        let avoidable = self.was_avoidable(grant, log, &print, rejected.time_ms);
        self.losses.avoidable += usize::from(avoidable);
        let deadline = Instant::now() + Duration::from_secs(10);
        let reported = loop {
            let reported =
                |(at, of, _): &&(i64, usize, String)| *at >= rejected.time_ms - 1 && *of == grant;
            let found = lock(&self.seen).losses.iter().find(reported).cloned();
            if found.is_some() || Instant::now() > deadline {
                break found;
            }
            self.resume_stopped(false);
            std::thread::park_timeout(Duration::from_millis(10));
        };
        self.losses.unreported += usize::from(reported.is_none());
        let reported = reported.map_or("not reported".into(), |(_, _, message)| message);
        self.notes
            .push(format!("lost (avoidable: {avoidable}): {reported}"));
        self.log_in_again(grant);
        self.losses.read[grant] = self.stage.sandbox.log().len();
    }

    pub(super) fn log_in_again(&mut self, grant: usize) {
        for _ in 0..5 {
            match self
                .stage
                .log_in(&self.clients[grant], TENANTS[grant].login)
            {
                Ok(()) => break,
                Err(error) => self.notes.push(format!("login: {error}")),
            }
        }
    }

    /// Reports whether the process that rotated this token could have kept the new one.
    ///
    /// It could if it survived and read the response in time, or had it in the store.
    fn was_avoidable(
        &mut self,
        grant: usize,
        log: &[LogEntry],
        print: &str,
        rejected_ms: i64,
    ) -> bool {
        let rotated = log
            .iter()
            .find(|entry| presented(entry) == Some(print) && entry.status == Some(200));
        let events = self.clients[grant].events().unwrap_or_default();
        let intended = rotated.and_then(|rotated| intended(&events, print, rotated.time_ms));
        let pid = intended.and_then(|event| event.by.split(':').nth(1)?.parse::<u32>().ok());
        let (Some(rotated), Some(pid)) = (rotated, pid) else {
            self.notes
                .push(format!("no history of {print}: {events:?}"));
            return true;
        };
        // Processes that shut down or fork can keep the response, so only kills count.
        let kill = self.kills.iter().find(|kill| kill.pid == pid);
        let gave_up = intended.and_then(|event| ledger::gave_up_after_ms(event, &events));
        self.notes.push(format!(
            "{print} was rotated at {} by {pid}, rejected at {rejected_ms}; {kill:?}, gave up after {gave_up:?} ms",
            rotated.time_ms
        ));
        let died =
            kill.is_some_and(|kill| kill.held_a_response(grant) && kill.at_ms <= rejected_ms);
        // A process that survives may get the response too late, on a busy machine or stopped. If
        // its lock was removed meanwhile, the next holder doesn't wait for it any longer.
        let timeout_ms = self.plan.timeout_ms as i64;
        let since_ms = intended.map_or(rejected_ms, |event| event.at_ms);
        let mut ended = self.removals.ended(grant);
        let unlocked = ended.any(|at_ms| (since_ms..rejected_ms).contains(&at_ms));
        let too_late = gave_up.is_some_and(|waited_ms| waited_ms >= timeout_ms)
            || unlocked && rejected_ms - since_ms >= timeout_ms;
        !died && !too_late
    }
}

/// Returns the attempt that a rotation belongs to: the last one before it.
///
/// An earlier attempt with the same token may have been killed before it sent anything.
fn intended<'a>(events: &'a [Event], print: &str, rotated_ms: i64) -> Option<&'a Event> {
    let mut before = events.iter().rev().filter(|event| {
        event.what == What::Intended
            && event.spent.as_deref() == Some(print)
            && event.at_ms <= rotated_ms
    });
    before.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_belongs_to_the_last_attempt_before_it() {
        let event = |at_ms: i64, by: &str, spent: &str| -> Event {
            let event = serde_json::json!({
                "at_ms": at_ms, "by": by, "attempt": by, "what": "intended",
                "spent": spent, "got": null,
            });
            serde_json::from_value(event).unwrap()
        };
        let events = [
            event(1000, "killed before it sent", "f"),
            event(3000, "sent", "f"),
            event(3001, "of another token", "g"),
            event(5000, "rejected", "f"),
        ];
        assert_eq!(intended(&events, "f", 3500).unwrap().by, "sent");
        assert!(intended(&events, "f", 900).is_none());
    }
}
