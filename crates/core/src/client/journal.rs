//! The rotation journal: what a record says before and after a single-use refresh token is spent.
//!
//! The intent to spend a token is stored before the request is sent, and the outcome after it.
//! After a crash or a lost response, the next refresh knows that the token may be spent. It waits
//! until that request can't arrive anymore, and finds out with one request. See
//! docs/reliability.md.
//!
//! Everything here is a pure function of its arguments, so the tests can run it in every order that
//! two processes and a server allow: see [`model`].

use super::history::{Ended, Event, Rest, What};
use super::record::{Attempt, Record};
use crate::secret::fingerprint;
use crate::{Error, Secret, Verdict};

#[cfg(test)]
mod model;

/// Writes the events of one process into records, at one moment.
pub(super) struct RotationJournal<'a> {
    /// The host, process and client that write.
    pub(super) by: &'a str,
    /// The time by the store's clock, in milliseconds since 1970.
    pub(super) now_ms: i64,
}

/// What decides whether a refresh token is presented.
pub(super) struct Conditions<'a> {
    /// The refresh token's fingerprint.
    pub(super) spends: &'a str,
    /// The fingerprint of the client's credentials.
    pub(super) credentials: &'a str,
    /// Whether the caller wants a new token whatever the old one is worth.
    pub(super) force: bool,
    /// Whether the access token of the last response still works.
    pub(super) access_token_works: bool,
    /// Whether the server still accepts a replay of the attempt that the record has.
    pub(super) in_grace: bool,
}

/// What to do with a refresh token.
pub(super) enum Opening {
    /// Report the rejection again: the server has rejected this token with these credentials.
    Ended(Ended),
    /// Use the access token up first. A server that takes the replay for theft would end it, too.
    NotYet(Attempt),
    /// Present the token, after the deadline of the attempt whose outcome isn't known, if any.
    Present {
        /// The attempt whose outcome isn't known.
        unresolved: Option<Attempt>,
    },
}

/// The request that an intent is stored for.
pub(super) struct Intent {
    /// Identifies the attempt in messages and in the history.
    pub(super) id: String,
    /// The refresh token.
    pub(super) token: Secret,
    /// The mark of the token's grant.
    pub(super) grant: String,
    /// The fingerprint of the setting `refresh_token` that the grant descends from.
    pub(super) seed: Option<String>,
    /// The fingerprint of the client's credentials.
    pub(super) credentials: String,
    /// The request's timeout, in milliseconds.
    pub(super) timeout_ms: i64,
}

/// A request with a single-use refresh token, from its intent to its outcome.
#[derive(Clone, Debug)]
pub(super) struct Rotation {
    /// The record that has the intent.
    pub(super) record: Record,
    /// The attempt.
    pub(super) attempt: Attempt,
    /// The attempt before it, if the outcome of that one isn't known.
    pub(super) unresolved: Option<Attempt>,
    /// The refresh token.
    pub(super) token: Secret,
    /// The fingerprint of the client's credentials.
    pub(super) credentials: String,
}

/// How a request ended that brought no usable refresh token.
pub(super) enum Outcome<'a> {
    /// Not one byte of it was sent.
    NotSent,
    /// The server may have rotated the token, but its response was lost.
    ResponseLost,
    /// The server rejected it.
    Rejected {
        /// The rejection.
        error: &'a Error,
        /// For how long the server wants to be left alone.
        rest: Option<Rest>,
    },
}

/// What a request that brought no usable refresh token leaves behind.
pub(super) struct Conclusion {
    /// The record to store. If the store rejects it, the intent stays, which is safe: the next
    /// refresh treats the outcome as unknown.
    pub(super) record: Record,
    /// Whether the refresh token is as good as before the request.
    pub(super) unspent: bool,
    /// How the grant ended, if it did.
    pub(super) ended: Option<Ended>,
}

impl RotationJournal<'_> {
    /// Writes the intent to present a refresh token into a record.
    pub(super) fn intend(
        &self,
        mut record: Record,
        intent: Intent,
        unresolved: Option<Attempt>,
    ) -> Rotation {
        let attempt = Attempt {
            id: intent.id,
            by: self.by.to_owned(),
            spends: fingerprint(&intent.token),
            started_ms: self.now_ms,
            deadline_ms: self.now_ms + intent.timeout_ms,
            ambiguous: false,
            replay_of: unresolved.as_ref().map(first_of_chain),
        };
        record.attempt = Some(attempt.clone());
        record.seed = intent.seed;
        record.grant = Some(intent.grant);
        record.refresh_token = Some(intent.token.clone());
        self.note(&mut record, What::Intended, &attempt, None);
        Rotation {
            record,
            attempt,
            unresolved,
            token: intent.token,
            credentials: intent.credentials,
        }
    }

    /// Writes the outcome of a request that brought no usable refresh token.
    pub(super) fn conclude(&self, rotation: &Rotation, outcome: Outcome<'_>) -> Conclusion {
        let mut record = rotation.record.clone();
        // As good as before, unless an earlier attempt may have spent it.
        let unspent = rotation.unresolved.is_none();
        let (what, unspent, ended) = match outcome {
            Outcome::NotSent => {
                record.attempt = rotation.unresolved.clone();
                (What::NotSent, unspent, None)
            }
            Outcome::ResponseLost => {
                record.attempt = Some(Attempt {
                    ambiguous: true,
                    ..rotation.attempt.clone()
                });
                (What::ResponseLost, false, None)
            }
            Outcome::Rejected { error, rest } if !ends_grant(error) => {
                // For a reason that has nothing to do with the token.
                record.attempt = rotation.unresolved.clone();
                record.rest = rest.or(record.rest);
                (What::Rejected, unspent, None)
            }
            Outcome::Rejected { error, .. } => {
                let mut ended = Ended::by_rejection(
                    error,
                    rotation.attempt.spends.clone(),
                    rotation.credentials.clone(),
                    self.now_ms,
                    self.by.to_owned(),
                );
                let what = match &rotation.unresolved {
                    Some(attempt) => {
                        ended.lost_attempt = Some(first_of_chain(attempt));
                        ended.by = attempt.by.clone();
                        What::Lost
                    }
                    None => What::Dead,
                };
                record.attempt = None;
                // Kept, not deleted: a login replaces it, and what happened can be read from it.
                record.ended = Some(ended.clone());
                (what, false, Some(ended))
            }
        };
        self.note(&mut record, what, &rotation.attempt, None);
        Conclusion {
            record,
            unspent,
            ended,
        }
    }

    /// Adds the rotation to the record of its response.
    pub(super) fn refreshed(&self, rotation: &Rotation, mut record: Record) -> Record {
        let got = record.refresh_token.clone();
        self.note(
            &mut record,
            What::Refreshed,
            &rotation.attempt,
            got.as_ref(),
        );
        record
    }

    /// Returns an event of this process.
    pub(super) fn event(
        &self,
        what: What,
        attempt: Option<&str>,
        spent: Option<&str>,
        got: Option<&Secret>,
    ) -> Event {
        Event {
            at_ms: self.now_ms,
            by: self.by.to_owned(),
            attempt: attempt.map(str::to_owned),
            what,
            spent: spent.map(str::to_owned),
            got: got.map(fingerprint),
        }
    }

    fn note(&self, record: &mut Record, what: What, attempt: &Attempt, got: Option<&Secret>) {
        let event = self.event(what, Some(&attempt.id), Some(&attempt.spends), got);
        record.history.add(event);
    }
}

/// Decides whether to present the refresh token of a record.
pub(super) fn open(record: &Record, conditions: &Conditions<'_>) -> Opening {
    let spends = conditions.spends;
    let ended = record.ended.as_ref().filter(|ended| {
        ended.token == spends && ended.credentials.as_deref() == Some(conditions.credentials)
    });
    if let Some(ended) = ended.filter(|_| !conditions.force) {
        return Opening::Ended(ended.clone());
    }
    let unresolved = record.attempt.as_ref();
    let unresolved = unresolved
        .filter(|attempt| attempt.spends == spends)
        .cloned();
    let spare = conditions.access_token_works && !conditions.in_grace && !conditions.force;
    match unresolved {
        Some(attempt) if spare => Opening::NotYet(attempt),
        unresolved => Opening::Present { unresolved },
    }
}

/// Whether a rejection ends the grant. Without an error code it may come from something between the
/// server and us: it is reported, but ends no grant.
pub(super) fn ends_grant(error: &Error) -> bool {
    error.verdict() == Verdict::Reauthorize && error.oauth_error().is_some()
}

/// Whether somebody else has replaced a refresh token in the stored record.
pub(super) fn is_replaced(token: &Secret, stored: Option<&Record>) -> bool {
    let stored = stored.and_then(|record| record.refresh_token.as_ref());
    stored.is_some_and(|stored| stored != token)
}

/// Returns the newest record that waits elsewhere, if it follows the stored one.
pub(super) fn newest_unsaved(
    stored: Option<&Record>,
    waiting: impl IntoIterator<Item = Record>,
) -> Option<Record> {
    let newest = waiting.into_iter().max_by_key(|record| record.generation);
    newest.filter(|newer| follows(stored, newer))
}

/// Whether a record that the store rejected follows the stored one. A login that somebody else made
/// since isn't undone by an older grant that waited elsewhere.
fn follows(stored: Option<&Record>, newer: &Record) -> bool {
    let Some(stored) = stored else {
        return true;
    };
    let same_line = stored.grant.is_none()
        || stored.grant == newer.grant
        || stored.grant == newer.replaced_grant;
    same_line && newer.generation > stored.generation
}

/// Whether a record replaces the stored one, which changed meanwhile. `spent` is the fingerprint of
/// the refresh token that it was obtained with: the stored record still has that token, or none,
/// or is an earlier state of the same grant.
pub(super) fn supersedes(stored: Option<&Record>, newer: &Record, spent: Option<&str>) -> bool {
    let Some(stored) = stored else {
        return true;
    };
    let held = stored.refresh_token.as_ref().map(fingerprint);
    match (held.as_deref(), spent) {
        (Some(held), Some(spent)) => held == spent,
        _ => stored.generation < newer.generation,
    }
}

/// Returns the first attempt of a chain of replays: the one whose response may be lost.
fn first_of_chain(attempt: &Attempt) -> String {
    let first = attempt.replay_of.as_ref().unwrap_or(&attempt.id);
    first.clone()
}
