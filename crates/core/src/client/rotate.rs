//! Spends a single-use refresh token, so that no crash and no lost response loses more than it must.
//!
//! [`journal`](super::journal) decides; this does the I/O. See docs/reliability.md.

use std::time::Duration;

use super::failpoint::Point;
use super::journal::{
    self, Conclusion, Conditions, Intent, Opening, Outcome, Rotation, RotationJournal,
};
use super::leases::Held;
use super::persistence::Loaded;
use super::record::{Attempt, Record};
use super::single_flight::Want;
use super::{Inner, trace};
use crate::responses::{explain_doubt, explain_send_error, leaves_doubt, salvage};
use crate::secret::fingerprint;
use crate::{
    Error, ErrorKind, PresentedGrant, Response, Secret, SendError, Token, Verdict, random,
    read_token_response, token_request,
};

/// A rotation whose intent is stored.
struct Intended<'a> {
    rotation: Rotation,
    lease: &'a Held<'a>,
    /// The version of the record that has the intent.
    version: u64,
}

impl Inner {
    /// Refreshes with a single-use refresh token.
    pub(super) fn rotate(
        &self,
        lease: &Held<'_>,
        loaded: Loaded,
        token: &Secret,
        want: Want,
    ) -> Result<Token, Error> {
        let record = loaded.record.unwrap_or_default();
        let credentials = self.shared.connection.credentials_fingerprint(token);
        let conditions = Conditions {
            spends: &fingerprint(token),
            credentials: &credentials,
            force: want.force,
            access_token_works: self.access_token_works(),
            in_grace: record
                .attempt
                .as_ref()
                .is_some_and(|at| self.is_in_grace(at)),
        };
        let unresolved = match journal::open(&record, &conditions) {
            Opening::Ended(ended) => return Err(ended.error(&self.shared.connection)),
            Opening::NotYet(attempt) => return Err(self.unresolved(&attempt)),
            Opening::Present { unresolved } => unresolved,
        };
        if let Some(attempt) = &unresolved {
            self.wait_out(attempt);
            // Meanwhile its process may have received the new token. If the store rejected that, it
            // waits in the fallback store.
            let now = self.load_recovered(lease)?;
            if now.version != loaded.version {
                return self.adopt(&now, want).ok_or_else(replaced_meanwhile);
            }
        }
        // Before the intent, because the server may take its time.
        self.resolved()?;
        self.failpoint(Point::BeforeIntent)?;
        let grant = PresentedGrant::RefreshToken(token.clone());
        let intent = Intent {
            id: random::word(self.shared.random.as_ref())?[..12].to_owned(),
            token: token.clone(),
            grant: self.grant_mark(&grant, Some(&record)),
            seed: self.seed(),
            credentials,
            timeout_ms: self.shared.connection.network().timeout.as_millis() as i64,
        };
        let rotation = self.journal().intend(record, intent, unresolved);
        // A store that rejects this would reject the new token, too: nothing is sent.
        let version = self
            .persistence
            .write(lease.fence, loaded.version, &rotation.record)?;
        let intended = Intended {
            rotation,
            lease,
            version,
        };
        self.note_seed(token);
        self.failpoint(Point::IntentDurable)
            .and_then(|()| self.may_send(lease))
            .and_then(|()| self.failpoint(Point::BeforeSend))
            .map_err(|error| self.not_sent(&intended, error))?;
        self.present(&intended, &grant)
    }

    /// Sends the request and stores its outcome.
    fn present(&self, intended: &Intended<'_>, grant: &PresentedGrant) -> Result<Token, Error> {
        let rotation = &intended.rotation;
        let connection = self.resolved();
        let connection = &*connection.map_err(|error| self.not_sent(intended, error))?;
        let started = self.shared.clock.now();
        let traced = trace::TokenRequest::start(connection, grant.kind());
        let request = token_request(connection, grant, started, self.shared.random.as_ref())
            .inspect_err(|error| traced.end(Some(error)))
            .map_err(|error| self.not_sent(intended, error))?;
        let response = match self.send_request(&request) {
            Ok(response) => response,
            Err(SendError::NotSent(error)) => {
                let error = error.with_provider(&connection.profile().id);
                traced.end(Some(&error));
                return Err(self.not_sent(intended, error));
            }
            Err(error @ SendError::MaybeSent(_)) => {
                let error = explain_send_error(connection, grant, error);
                traced.end(Some(&error));
                return Err(self.response_lost(intended, error));
            }
        };
        if let Err(error) = self.failpoint(Point::Received) {
            return Err(self.response_lost(intended, explain_doubt(connection, grant, error)));
        }
        let now = self.shared.clock.now();
        let issued = read_token_response(connection, grant, &request, &response, now);
        traced.end(issued.as_ref().err());
        let issued = match issued {
            Ok(issued) => issued,
            Err(error) => {
                // For the next refresh: this one has presented its token.
                self.has_other_credentials(&error);
                return Err(self.failed(intended, grant, &response, error));
            }
        };
        let before = Some(&rotation.record);
        let mark = self.grant_mark(grant, before);
        let asked = self.asked(started, Some(&rotation.token), mark, before);
        let record = Record::of(connection, asked, issued, before);
        if record.refresh_token.as_ref() == Some(&rotation.token) {
            self.withdraw_seed(&rotation.token);
        }
        let record = self.journal().refreshed(rotation, record);
        let (version, spent) = (Some(intended.version), Some(&rotation.token));
        self.keep(intended.lease, version, record, spent)
    }

    /// Decides what a response without a usable token means for the grant.
    fn failed(
        &self,
        intended: &Intended<'_>,
        grant: &PresentedGrant,
        response: &Response,
        error: Error,
    ) -> Error {
        let connection = &self.shared.connection;
        let rotation = &intended.rotation;
        if let Some(token) = salvage(connection, response, &error) {
            let mut record = rotation.record.clone();
            record.grant = Some(self.grant_mark(grant, Some(&rotation.record)));
            record.refresh_token = Some(token);
            let (version, spent) = (Some(intended.version), Some(&rotation.token));
            return self.keep_salvaged(intended.lease, version, record, spent, error);
        }
        match leaves_doubt(response, &error) {
            true => self.response_lost(intended, explain_doubt(connection, grant, error)),
            false => self.rejected(intended, error),
        }
    }

    fn not_sent(&self, intended: &Intended<'_>, error: Error) -> Error {
        self.conclude(intended, Outcome::NotSent);
        error
    }

    fn response_lost(&self, intended: &Intended<'_>, error: Error) -> Error {
        self.conclude(intended, Outcome::ResponseLost);
        let id = &intended.rotation.attempt.id;
        error.in_context(format_args!("refresh attempt {id}"))
    }

    fn rejected(&self, intended: &Intended<'_>, error: Error) -> Error {
        if journal::ends_grant(&error)
            && let Ok(now) = self.persistence.load()
            && journal::is_replaced(&intended.rotation.token, now.record.as_ref())
        {
            return replaced_meanwhile();
        }
        let rest = match (error.verdict(), error.retry_after()) {
            (Verdict::Retry, Some(wait)) => Some(self.rest(wait, &error)),
            _ => None,
        };
        let outcome = Outcome::Rejected {
            error: &error,
            rest,
        };
        let ended = self.conclude(intended, outcome).ended;
        match ended.filter(|ended| ended.lost_attempt.is_some()) {
            Some(lost) => lost.error(&self.shared.connection),
            None => error,
        }
    }

    /// Stores an outcome. If the store rejects it, the intent stays there, and the next refresh
    /// treats the outcome as unknown: later, but right.
    fn conclude(&self, intended: &Intended<'_>, outcome: Outcome<'_>) -> Conclusion {
        let rotation = &intended.rotation;
        let conclusion = self.journal().conclude(rotation, outcome);
        let _ = self.persistence.write(
            intended.lease.fence,
            Some(intended.version),
            &conclusion.record,
        );
        if conclusion.unspent {
            self.withdraw_seed(&rotation.token);
        }
        conclusion
    }

    /// Returns the journal, with the present time.
    pub(super) fn journal(&self) -> RotationJournal<'_> {
        RotationJournal {
            by: &self.shared.who,
            now_ms: self.persistence.now_ms(),
        }
    }

    /// Waits until the request of an earlier attempt cannot reach the server any more.
    fn wait_out(&self, attempt: &Attempt) {
        // Counted in sleeps: a clock that stands still or jumps must not make this endless.
        let mut patience = self.shared.connection.network().timeout;
        loop {
            let left = attempt.deadline_ms - self.persistence.now_ms();
            if left <= 0 || patience.is_zero() {
                return;
            }
            let nap = Duration::from_millis(left.clamp(1, 50) as u64).min(patience);
            std::thread::sleep(nap);
            patience -= nap;
        }
    }

    fn is_in_grace(&self, attempt: &Attempt) -> bool {
        let grace_ms = i64::from(self.shared.connection.profile().refresh.grace_s) * 1000;
        self.persistence.now_ms() - attempt.started_ms < grace_ms
    }

    fn access_token_works(&self) -> bool {
        let now = self.shared.clock.now();
        let valid = self.shown.valid_for(Duration::ZERO, now);
        valid.is_some_and(|token| {
            token.remaining(now) > Duration::ZERO
                && !self.single_flight.was_rejected(token.secret())
        })
    }

    /// Returns the error of a refresh that waits for the access token's end.
    fn unresolved(&self, attempt: &Attempt) -> Error {
        let (id, by) = (&attempt.id, &attempt.by);
        let message = format!("the outcome of refresh attempt {id} (by {by}) is not known");
        let error = Error::new(ErrorKind::Interrupted, message);
        let grant = PresentedGrant::RefreshToken(Secret::new(""));
        explain_doubt(&self.shared.connection, &grant, error)
    }
}

fn replaced_meanwhile() -> Error {
    Error::new(ErrorKind::Busy, "another holder has refreshed meanwhile")
        .with_hint("try again: its token is in the store")
}
