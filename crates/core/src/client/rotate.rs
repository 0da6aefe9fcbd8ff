//! Spending a refresh token that can be spent once, so that no crash and no lost answer loses
//! more than it must.
//!
//! The intent is in the store before the request is sent: whoever comes after a crash knows that
//! somebody may have spent the token, waits until that request cannot arrive any more, and finds
//! out with one request whether it did. See docs/reliability.md.

use std::time::Duration;

use super::Inner;
use super::failpoint::Point;
use super::history::{Ended, What};
use super::lease::Held;
use super::record::{Attempt, Record};
use super::save::Loaded;
use crate::answer::{explain_doubt, explain_send_error, leaves_doubt, salvage};
use crate::secret::fingerprint;
use crate::{
    Error, ErrorKind, Grant, Response, Secret, SendError, Token, Verdict, random,
    read_token_response, token_request,
};

/// One attempt, from intent to outcome.
struct Rotation<'a> {
    lease: &'a Held<'a>,
    /// The record with the intent in it, and its version.
    record: Record,
    version: u64,
    attempt: Attempt,
    /// The attempt before it, whose outcome is not known.
    unresolved: Option<Attempt>,
    token: &'a Secret,
    /// The fingerprint of the client's credentials.
    credentials: String,
}

impl Inner {
    /// Refreshes with a single-use refresh token.
    pub(super) fn rotate(
        &self,
        lease: &Held<'_>,
        loaded: Loaded,
        token: &Secret,
        force: bool,
    ) -> Result<Token, Error> {
        let mut record = loaded.record.clone().unwrap_or_default();
        let spends = fingerprint(token);
        let credentials = self.connection.credentials_fingerprint(token);
        let ended = record.ended.as_ref().filter(|ended| {
            ended.token == spends && ended.credentials.as_ref() == Some(&credentials)
        });
        if let Some(ended) = ended
            && !force
        {
            return Err(ended.error(&self.connection));
        }
        let unresolved = record
            .attempt
            .take()
            .filter(|attempt| attempt.spends == spends);
        if let Some(attempt) = &unresolved {
            self.spare_a_valid_token(attempt, force)?;
            self.wait_out(attempt);
        }
        self.failpoint(Point::BeforeIntent)?;
        let attempt = self.intend(&spends, unresolved.as_ref())?;
        record.attempt = Some(attempt.clone());
        record.seed = self.seed();
        record.grant = Some(self.grant_mark(&Grant::RefreshToken(token.clone()), Some(&record)));
        record.refresh_token = Some(token.clone());
        record
            .history
            .add(self.event(What::Intended, Some(&attempt.id), Some(&spends), None));
        // A store that does not take this would not take the new token either: nothing is sent.
        let version = self.write(lease, loaded.version, &record)?;
        let rotation = Rotation {
            lease,
            record,
            version,
            attempt,
            unresolved,
            token,
            credentials,
        };
        self.note_seed(token);
        self.failpoint(Point::IntentDurable)
            .and_then(|()| lease.still_ours())
            .and_then(|()| self.failpoint(Point::BeforeSend))
            .map_err(|error| self.not_sent(&rotation, error))?;
        self.send(rotation)
    }

    fn intend(&self, spends: &str, unresolved: Option<&Attempt>) -> Result<Attempt, Error> {
        let id = random::word(self.random.as_ref())?;
        let started_ms = self.store_ms();
        let timeout = self.connection.network().timeout;
        Ok(Attempt {
            id: id[..12].to_owned(),
            by: self.who.clone(),
            spends: spends.to_owned(),
            started_ms,
            deadline_ms: started_ms + timeout.as_millis() as i64,
            ambiguous: false,
            // The first of a chain is the one whose answer may be lost.
            replay_of: unresolved.map(|attempt| {
                attempt
                    .replay_of
                    .clone()
                    .unwrap_or_else(|| attempt.id.clone())
            }),
        })
    }

    fn send(&self, rotation: Rotation<'_>) -> Result<Token, Error> {
        let connection = &*self.credentials.current();
        let grant = Grant::RefreshToken(rotation.token.clone());
        let started = self.clock.now();
        let request = token_request(connection, &grant, started, self.random.as_ref())
            .map_err(|error| self.not_sent(&rotation, error))?;
        let response = match self.send_request(&request) {
            Ok(response) => response,
            Err(SendError::NotSent(error)) => {
                let error = error.with_provider(&connection.profile().id);
                return Err(self.not_sent(&rotation, error));
            }
            Err(error @ SendError::MaybeSent(_)) => {
                return Err(
                    self.answer_lost(rotation, explain_send_error(connection, &grant, error))
                );
            }
        };
        if let Err(error) = self.failpoint(Point::Answered) {
            return Err(self.answer_lost(rotation, explain_doubt(connection, &grant, error)));
        }
        let now = self.clock.now();
        let answer = match read_token_response(connection, &grant, &request, &response, now) {
            Ok(answer) => answer,
            Err(error) => {
                // For the next refresh: this one has presented its token.
                self.has_other_credentials(&error);
                return Err(self.rejected(rotation, &grant, &response, error));
            }
        };
        let before = Some(&rotation.record);
        let mark = self.grant_mark(&grant, before);
        let asked = self.asked(started, Some(rotation.token), mark, before);
        let mut record = Record::of(connection, asked, answer, before);
        let got = record.refresh_token.clone();
        if got.as_ref() == Some(rotation.token) {
            self.withdraw_seed(rotation.token);
        }
        let id = Some(rotation.attempt.id.as_str());
        let spent = Some(rotation.attempt.spends.as_str());
        record
            .history
            .add(self.event(What::Refreshed, id, spent, got.as_ref()));
        self.keep(
            rotation.lease,
            Some(rotation.version),
            record,
            Some(rotation.token),
        )
    }

    /// Decides what a response without a token means for the grant.
    fn rejected(
        &self,
        rotation: Rotation<'_>,
        grant: &Grant,
        response: &Response,
        error: Error,
    ) -> Error {
        let connection = &self.connection;
        if let Some(token) = salvage(connection, response, &error) {
            let mut record = rotation.record.clone();
            record.grant = Some(self.grant_mark(grant, Some(&rotation.record)));
            record.refresh_token = Some(token);
            let (version, spent) = (Some(rotation.version), Some(rotation.token));
            return self.keep_salvaged(rotation.lease, version, record, spent, error);
        }
        match leaves_doubt(response, &error) {
            true => self.answer_lost(rotation, explain_doubt(connection, grant, error)),
            false => self.refused(rotation, error),
        }
    }

    /// Takes the intent back: not one byte of the request left.
    fn not_sent(&self, rotation: &Rotation<'_>, error: Error) -> Error {
        let mut record = rotation.record.clone();
        record.attempt = rotation.unresolved.clone();
        self.conclude(rotation, record, What::NotSent);
        self.withdraw_unspent(rotation);
        error
    }

    /// The refresh token is as good as before this attempt, unless an earlier one may have spent it.
    fn withdraw_unspent(&self, rotation: &Rotation<'_>) {
        if rotation.unresolved.is_none() {
            self.withdraw_seed(rotation.token);
        }
    }

    /// Notes that the server may have rotated. Nothing is sent again here.
    fn answer_lost(&self, rotation: Rotation<'_>, error: Error) -> Error {
        let mut record = rotation.record.clone();
        record.attempt = Some(Attempt {
            ambiguous: true,
            ..rotation.attempt.clone()
        });
        self.conclude(&rotation, record, What::AnswerLost);
        let id = &rotation.attempt.id;
        error.in_context(format_args!("refresh attempt {id}"))
    }

    /// Reads a refusal: a question whether somebody else was faster, before it is a verdict.
    fn refused(&self, rotation: Rotation<'_>, error: Error) -> Error {
        let mut record = rotation.record.clone();
        // Without a code it may be the word of something between: it is told, but ends no grant.
        if error.verdict() != Verdict::Reauthorize || error.oauth_error().is_none() {
            // It was refused for another reason, and did not spend the token.
            record.attempt = rotation.unresolved.clone();
            if let (Verdict::Retry, Some(wait)) = (error.verdict(), error.retry_after()) {
                record.rest = Some(self.rest(wait, &error));
            }
            self.conclude(&rotation, record, What::Refused);
            self.withdraw_unspent(&rotation);
            return error;
        }
        if let Ok(now) = self.load()
            && self.is_other_token(&now, rotation.token)
        {
            return Error::new(ErrorKind::Busy, "another holder has refreshed meanwhile")
                .with_hint("try again: its token is in the store");
        }
        let spends = rotation.attempt.spends.clone();
        let mut ended = Ended::by_refusal(
            &error,
            spends,
            rotation.credentials.clone(),
            self.store_ms(),
            self.who.clone(),
        );
        let what = match &rotation.unresolved {
            Some(attempt) => {
                let first = attempt
                    .replay_of
                    .clone()
                    .unwrap_or_else(|| attempt.id.clone());
                ended.lost_attempt = Some(first);
                ended.by = attempt.by.clone();
                What::Lost
            }
            None => What::Dead,
        };
        record.attempt = None;
        // Kept, not deleted: a login replaces it, and what happened can be read from it.
        record.ended = Some(ended.clone());
        self.conclude(&rotation, record, what);
        match what {
            What::Lost => ended.error(&self.connection),
            _ => error,
        }
    }

    fn is_other_token(&self, now: &Loaded, token: &Secret) -> bool {
        let stored = now
            .record
            .as_ref()
            .and_then(|record| record.refresh_token.as_ref());
        stored.is_some_and(|stored| stored != token)
    }

    /// Writes how an attempt ended. Where the store does not take it, the intent is still there,
    /// and whoever comes next treats it as one whose outcome nobody knows: later, but right.
    fn conclude(&self, rotation: &Rotation<'_>, mut record: Record, what: What) {
        let attempt = &rotation.attempt;
        record
            .history
            .add(self.event(what, Some(&attempt.id), Some(&attempt.spends), None));
        let _ = self.write(rotation.lease, Some(rotation.version), &record);
    }

    /// Waits until the request of an earlier attempt cannot reach the server any more.
    fn wait_out(&self, attempt: &Attempt) {
        // Counted in sleeps: a clock that stands still or jumps must not make this endless.
        let mut patience = self.connection.network().timeout;
        loop {
            let left = attempt.deadline_ms - self.store_ms();
            if left <= 0 || patience.is_zero() {
                return;
            }
            let nap = Duration::from_millis(left.clamp(1, 50) as u64).min(patience);
            std::thread::sleep(nap);
            patience -= nap;
        }
    }

    /// Where a replay is not known to be safe and the old access token still works, it is used
    /// up first: a server that takes the replay for theft would end that one as well.
    fn spare_a_valid_token(&self, attempt: &Attempt, force: bool) -> Result<(), Error> {
        let refresh = &self.connection.profile().refresh;
        let in_grace = self.store_ms() - attempt.started_ms < i64::from(refresh.grace_s) * 1000;
        let valid = self.shown.valid_for(Duration::ZERO, self.clock.now());
        let works = valid.is_some_and(|token| {
            token.remaining(self.clock.now()) > Duration::ZERO
                && !self.single_flight.has_refused(token.secret())
        });
        if force || in_grace || !works {
            return Ok(());
        }
        let id = &attempt.id;
        let by = &attempt.by;
        let message = format!("the outcome of refresh attempt {id} (by {by}) is not known");
        let error = Error::new(ErrorKind::Interrupted, message);
        let grant = Grant::RefreshToken(Secret::new(""));
        Err(explain_doubt(&self.connection, &grant, error))
    }
}
