//! Attributes each rejected request in the server's log, and checks that a caller got the error.

use std::time::{Duration, Instant};

use countersign::{Event, What};
use countersign_sandbox::LogEntry;

use super::{Run, TIMEOUT_MS, lock};
use crate::ledger::{self, presented};
use crate::tenants::{GRANTS, TENANTS, grant_of};

#[derive(Default)]
pub(super) struct Losses {
    /// How much of the server's log was looked at, for each grant.
    read: [usize; GRANTS],
    pub(super) count: usize,
    pub(super) avoidable: usize,
    pub(super) untold: usize,
}

impl Run<'_> {
    /// A refusal in the server's log is a loss: whose, and was it told?
    pub(super) fn look_for_losses(&mut self) {
        for grant in 0..GRANTS {
            let log = self.stage.sandbox.log();
            let refused = |entry: &&LogEntry| {
                entry.grant.as_deref() == Some("refresh-token")
                    && entry.status == Some(400)
                    && grant_of(entry) == Some(grant)
            };
            match log.iter().skip(self.losses.read[grant]).find(refused) {
                Some(refusal) => self.lost(grant, &log, refusal),
                None => self.losses.read[grant] = log.len(),
            }
        }
    }

    fn lost(&mut self, grant: usize, log: &[LogEntry], refusal: &LogEntry) {
        self.losses.count += 1;
        let print = presented(refusal).unwrap_or_default().to_owned();
        let avoidable = self.was_avoidable(grant, log, &print, refusal.time_ms);
        self.losses.avoidable += usize::from(avoidable);
        let patience = Instant::now() + Duration::from_secs(10);
        let told = loop {
            let told =
                |(at, of, _): &&(i64, usize, String)| *at >= refusal.time_ms - 1 && *of == grant;
            let found = lock(&self.seen).told.iter().find(told).cloned();
            if found.is_some() || Instant::now() > patience {
                break found;
            }
            self.wake_the_stopped(false);
            std::thread::park_timeout(Duration::from_millis(10));
        };
        self.losses.untold += usize::from(told.is_none());
        let told = told.map_or("nobody was told".into(), |(_, _, message)| message);
        self.notes
            .push(format!("lost (avoidable: {avoidable}): {told}"));
        self.log_in_again(grant);
        self.losses.read[grant] = self.stage.sandbox.log().len();
    }

    pub(super) fn log_in_again(&mut self, grant: usize) {
        for _ in 0..5 {
            match self
                .stage
                .log_in(&self.keepers[grant], TENANTS[grant].login)
            {
                Ok(()) => break,
                Err(error) => self.notes.push(format!("login: {error}")),
            }
        }
    }

    /// Whether the one whose request rotated this token lived and could have had its answer, or had
    /// it in the store.
    fn was_avoidable(
        &mut self,
        grant: usize,
        log: &[LogEntry],
        print: &str,
        refused_ms: i64,
    ) -> bool {
        let rotated = log
            .iter()
            .find(|entry| presented(entry) == Some(print) && entry.status == Some(200));
        let events = self.keepers[grant].events().unwrap_or_default();
        let intended = rotated.and_then(|rotated| intended(&events, print, rotated.time_ms));
        let pid = intended.and_then(|event| event.by.split(':').nth(1)?.parse::<u32>().ok());
        let (Some(rotated), Some(pid)) = (rotated, pid) else {
            self.notes.push(format!("no trail of {print}: {events:?}"));
            return true;
        };
        // A process that shut down or forked is not among them: it had time to keep its answer.
        let kill = self.kills.iter().find(|kill| kill.pid == pid);
        let gave_up = intended.and_then(|event| ledger::gave_up_after_ms(event, &events));
        self.notes.push(format!(
            "{print} was rotated at {} by {pid}, refused at {refused_ms}; {kill:?}, gave up after {gave_up:?} ms",
            rotated.time_ms
        ));
        let died = kill.is_some_and(|kill| kill.held_an_answer(grant) && kill.at_ms <= refused_ms);
        // On a busy machine, or stopped, one that lives may see its answer come too late.
        let too_late = gave_up.is_some_and(|waited_ms| waited_ms >= TIMEOUT_MS as i64);
        !died && !too_late
    }
}

/// The attempt that a rotation belongs to. An earlier one with the same token may have been killed
/// before it sent anything.
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
            event(5000, "refused", "f"),
        ];
        assert_eq!(intended(&events, "f", 3500).unwrap().by, "sent");
        assert!(intended(&events, "f", 900).is_none());
    }
}
