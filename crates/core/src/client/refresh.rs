//! One refresh: store, lease, store again, request, store, callers. And what else needs the lease.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::failpoint::Point;
use super::history::{Rest, What};
use super::lease::Held;
use super::record::{Asked, Record, identity_mark};
use super::save::{Loaded, Saved};
use super::single_flight::Want;
use super::{Change, Inner, login_needed};
use crate::answer::{Redactor, explain_send_error, salvage};
use crate::requests::spends_single_use_secret;
use crate::secret::fingerprint;
use crate::{
    Error, ErrorKind, Extra, Grant, GrantKind, Login, Moment, Request, Response, Secret, SendError,
    Source, Token, TokenResponse, Verdict, random, read_token_response, token_request,
};

/// What a refresh begins with.
enum Begun<'a> {
    /// The store has what is wanted.
    Adopted(Token),
    /// The lease is ours; the record as it is under it.
    Leased(Held<'a>, Box<Loaded>),
}

impl Inner {
    /// Gets a token from the store or the server. Runs on the refresh thread.
    pub(super) fn refresh(&self, want: Want) -> Result<Token, Error> {
        self.reread_changed();
        let begun = match self.begin(want) {
            Ok(begun) => begun,
            // Nothing was sent so far.
            Err(error) => return self.without_store(want, error),
        };
        let (lease, loaded) = match begun {
            Begun::Adopted(token) => return Ok(token),
            Begun::Leased(lease, loaded) => (lease, *loaded),
        };
        if loaded.is_logged_out() {
            // Elsewhere: no failure below may bring the old token back.
            self.shown.clear();
        }
        self.respect_rest(&loaded)?;
        let grant = self.choose_grant(&loaded)?;
        match &grant {
            Grant::RefreshToken(token)
                if spends_single_use_secret(self.connection.profile(), &grant) =>
            {
                self.rotate(&lease, loaded, token, want)
            }
            _ => {
                let mark = self.grant_mark(&grant, loaded.record.as_ref());
                self.exchange(&lease, &grant, mark, &loaded, None)
            }
        }
    }

    /// Looks into the store, takes the lease, and looks again.
    fn begin(&self, want: Want) -> Result<Begun<'_>, Error> {
        if !want.force
            && let Some(token) = self.adopt(&self.load()?, want)
        {
            return Ok(Begun::Adopted(token));
        }
        let shown = self.shown.any();
        let lease = self.lease(|| self.is_draining())?;
        self.failpoint(Point::Leased)?;
        let loaded = self.load_recovered(&lease)?;
        // Somebody else may have refreshed while we waited for the lease.
        let renewed = loaded.record.as_ref().is_some_and(|record| {
            let (Some(shown), Some(stored)) = (&shown, &record.token) else {
                return false;
            };
            shown.secret() != stored.secret()
        });
        if (!want.force || renewed)
            && let Some(token) = self.adopt(&loaded, want)
        {
            return Ok(Begun::Adopted(token));
        }
        if !want.force
            && let Some(token) = self.not_yet_replaceable(&lease, &loaded, want)
        {
            return Ok(Begun::Adopted(token));
        }
        Ok(Begun::Leased(lease, Box::new(loaded)))
    }

    /// Exchanges a login's code under the lease.
    pub(super) fn exchange_login(
        &self,
        grant: &Grant,
        returned: &Returned<'_>,
    ) -> Result<Token, Error> {
        let _in_flight = self.enter()?;
        self.reread_changed();
        let lease = self.lease(|| self.is_draining())?;
        let loaded = self.load_recovered(&lease)?;
        self.single_flight.clear();
        // Every login is a grant of its own, whoever it was that logged in.
        let mark = random::word(self.random.as_ref())?[..12].to_owned();
        let token = self.exchange(&lease, grant, mark, &loaded, Some(returned))?;
        drop(lease);
        self.warn_of_login(&token);
        Ok(token)
    }

    /// Sends a request that spends nothing which a lost answer could lose.
    fn exchange(
        &self,
        lease: &Held<'_>,
        grant: &Grant,
        mark: String,
        loaded: &Loaded,
        returned: Option<&Returned<'_>>,
    ) -> Result<Token, Error> {
        let connection = &self.connection;
        lease.still_ours()?;
        self.failpoint(Point::BeforeSend)?;
        let mut started = self.clock.now();
        let mut asked = self.ask(grant, started);
        if let Err(refusal) = &asked {
            let other_credentials = self.has_other_credentials(&refusal.error);
            // What can be spent once is spent by the first request, whatever its answer blames.
            if !spends_single_use_secret(connection.profile(), grant)
                && refusal.salvaged.is_none()
                && (other_credentials || self.follow_the_servers_clock(refusal))
            {
                // A fresh request, dated by the server's clock; nothing is sent twice.
                lease.still_ours()?;
                started = self.clock.now();
                asked = self.ask(grant, started);
            }
        }
        let answer = asked.map_err(|refusal| match refusal.salvaged {
            Some(token) => {
                let mut record = self.salvaged_grant(grant, &mark, loaded, token);
                if let Some(returned) = returned {
                    record.callback = returned.kept.clone();
                }
                self.keep_salvaged(lease, loaded.version, record, None, refusal.error)
            }
            None => {
                self.note_rest(lease, loaded, &refusal.error);
                refusal.error
            }
        })?;
        let spent = match grant {
            Grant::RefreshToken(token) => Some(token),
            _ => None,
        };
        if let Some(returned) = returned {
            returned.login.check_id_token(answer.id_token.as_ref())?;
        }
        let before = loaded.record.as_ref();
        let asked = Asked {
            callback: returned.map(|returned| returned.kept.clone()),
            ..self.asked(started, spent, mark, before)
        };
        let mut record = Record::of(connection, asked, answer, before);
        if let Grant::AuthorizationCode { .. } = grant {
            let got = record.refresh_token.clone();
            record
                .history
                .add(self.event(What::LoggedIn, None, None, got.as_ref()));
        }
        self.keep(lease, loaded.version, record, None)
    }

    pub(super) fn asked<'a>(
        &self,
        started: Moment,
        spent: Option<&'a Secret>,
        grant: String,
        before: Option<&Record>,
    ) -> Asked<'a> {
        Asked {
            started,
            spent,
            grant,
            token_for: self.asks_for.clone(),
            seed: self.seed(),
            replaces_rejected: self.replaces_rejected(before),
            callback: None,
        }
    }

    /// The mark of the grant that a request goes on with: that of the record whose refresh token
    /// it presents, else one that the grant itself tells.
    pub(super) fn grant_mark(&self, grant: &Grant, record: Option<&Record>) -> String {
        match grant {
            Grant::RefreshToken(token) => record
                .filter(|record| record.refresh_token.as_ref() == Some(token))
                .and_then(|record| record.grant.clone())
                .unwrap_or_else(|| fingerprint(token)),
            _ => grant.kind().to_string(),
        }
    }

    /// Sends a request, and reports what is wrong with the transport or the store although they work.
    pub(super) fn send_request(&self, request: &Request) -> Result<Response, SendError> {
        let sent = self.transport.send(request);
        let warnings = [
            self.transport.warning(),
            self.store.warning().map(Error::from),
        ];
        for warning in warnings.into_iter().flatten() {
            self.warn(&warning);
        }
        sent
    }

    /// One request and its answer.
    pub(super) fn ask(&self, grant: &Grant, started: Moment) -> Result<TokenResponse, Refusal> {
        let connection = self.credentials.current();
        let plain = |error| Refusal {
            error,
            ahead_s: None,
            salvaged: None,
        };
        let skew_ms = self.skew_s.load(Ordering::Relaxed) * 1000;
        let by_server = Moment {
            unix_ms: started.unix_ms + skew_ms,
            ..started
        };
        let request =
            token_request(&connection, grant, by_server, self.random.as_ref()).map_err(plain)?;
        let sent = self.send_request(&request);
        let response =
            sent.map_err(|error| plain(explain_send_error(&connection, grant, error)))?;
        self.failpoint(Point::Answered).map_err(plain)?;
        let now = self.clock.now();
        let date = response.header("date").and_then(crate::parse_http_date);
        read_token_response(&connection, grant, &request, &response, now).map_err(|error| Refusal {
            ahead_s: date.map(|date| date - now.unix_s()),
            salvaged: match grant {
                Grant::AuthorizationCode { .. } | Grant::RefreshToken(_) => {
                    salvage(&connection, &response, &error)
                }
                Grant::JwtBearer | Grant::ClientCredentials => None,
            },
            error,
        })
    }

    /// Whether an assertion was refused by a server whose clock differs so much from ours that
    /// this may be why; then later assertions follow its clock.
    pub(super) fn follow_the_servers_clock(&self, refusal: &Refusal) -> bool {
        const NOTABLE_S: i64 = 20;
        // Beyond this the machine is set wrong, and says so instead of hiding it.
        const MOST_S: i64 = 15 * 60;
        let signs = self.connection.signer().is_some();
        let judged = refusal.error.kind() == ErrorKind::Clock
            || refusal.error.verdict() == Verdict::FixConfiguration;
        let Some(ahead_s) = refusal.ahead_s.filter(|_| signs && judged) else {
            return false;
        };
        let differs = (ahead_s - self.skew_s.load(Ordering::Relaxed)).abs() > NOTABLE_S;
        let follow = differs && ahead_s.abs() <= MOST_S;
        if follow {
            self.skew_s.store(ahead_s, Ordering::Relaxed);
        }
        follow
    }

    /// Makes a record durable, and then shows its token.
    pub(super) fn keep(
        &self,
        lease: &Held<'_>,
        expected: Option<u64>,
        record: Record,
        spent: Option<&Secret>,
    ) -> Result<Token, Error> {
        let Some(token) = record.token.clone() else {
            return Err(Error::new(
                ErrorKind::Internal,
                "an answer without a token was kept",
            ));
        };
        match self.save(lease, expected, &record, spent) {
            Saved::Store => {
                self.single_flight.keep_unsaved(None);
                self.failpoint(Point::Persisted)?;
            }
            Saved::Fallback => {}
            // What could be asked for again need not wait for the store.
            Saved::Memory(_) if record.refresh_token.is_none() => {}
            Saved::Memory(error) => return Err(error),
        }
        match token.source() {
            Source::Refreshed => self.counters.refreshed.add(),
            _ => self.counters.minted.add(),
        }
        let expired = token.remaining(self.clock.now()).is_zero();
        // Callers may still have use for the token before it.
        if !expired {
            self.show(&token);
        }
        self.tell(&Change::Obtained {
            token: token.clone(),
            rotated: spent.is_some() && record.refresh_token.as_ref() != spent,
        });
        self.failpoint(Point::Published)?;
        if !expired {
            return Ok(token);
        }
        let life = token.facts().lifetime.length;
        let error = match life.is_zero() {
            true => super::born_expired(&self.connection),
            false => too_slow(life),
        };
        Err(error.with_provider(&self.connection.profile().id))
    }

    pub(super) fn identity(&self, token: &Token) -> Result<Extra, Error> {
        let mark = identity_mark(token, self.asks_for.as_deref());
        // What came with the token says what holds for this token.
        let with_token = |mut identity: Extra| {
            identity.extend(token.extra().clone());
            identity
        };
        let loaded = match self.load() {
            // The vendor tells it again.
            Err(error) if error.kind() == ErrorKind::Store && self.needs_no_store() => {
                Loaded::default()
            }
            loaded => loaded?,
        };
        let kept = loaded.record.and_then(|record| {
            let bound = record.identity_of.as_ref() == Some(&mark);
            record.identity.filter(|_| bound)
        });
        if let Some(identity) = kept {
            return Ok(with_token(identity));
        }
        let connection = &self.connection;
        let provider = connection.provider();
        let Some(request) = provider.identity_request(connection.app(), token)? else {
            return Ok(token.extra().clone());
        };
        let _in_flight = self.enter()?;
        let vendor = |error: Error| error.with_provider(&connection.profile().id);
        let response = self
            .send_request(&request)
            .map_err(|error| vendor(error.into_error()))?;
        let redactor = Redactor::of(&request, connection.app());
        let identity = provider
            .read_identity(connection.app(), &response)
            .map_err(|error| vendor(redactor.scrub(error)))?;
        self.keep_identity(token, &identity, mark);
        Ok(with_token(identity))
    }

    /// Notes whom the token stands for, unless somebody has logged in anew meanwhile. It can be
    /// asked for again: what fails here is not told.
    fn keep_identity(&self, token: &Token, identity: &Extra, mark: String) {
        let Ok(loaded) = self.load() else { return };
        let same_grant = |record: &Record| record.grant.as_ref() == Some(&token.facts().grant);
        if let Some(mut record) = loaded.record.filter(same_grant) {
            record.identity = Some(identity.clone());
            record.identity_of = Some(mark);
            let bytes = record.encode(&self.connection);
            let swap = self
                .store
                .compare_and_swap(&self.key, loaded.version, None, &bytes);
            drop(swap);
        }
    }

    fn choose_grant(&self, loaded: &Loaded) -> Result<Grant, Error> {
        let connection = &self.connection;
        match connection.grant() {
            GrantKind::JwtBearer => Ok(Grant::JwtBearer),
            GrantKind::ClientCredentials => Ok(Grant::ClientCredentials),
            GrantKind::AuthorizationCode | GrantKind::RefreshToken => {
                let record = loaded.record.as_ref();
                if record.is_some_and(|record| record.logged_out) {
                    return Err(self.logged_out());
                }
                if record.is_none()
                    && connection.policy().refresh_token.is_some()
                    && let Some(place) = self.store.set_aside(&self.key)?
                {
                    return Err(login_needed::damaged(connection, &place));
                }
                // The record is of this grant alone: the setting `refresh_token` is in its key.
                let stored = record.and_then(|record| record.refresh_token.clone());
                let token = match stored {
                    Some(stored) => Some(stored),
                    None => self.seed_for(record)?,
                };
                let token = token.ok_or_else(|| self.login_needed(loaded))?;
                self.store.fit_for_rotation()?;
                Ok(Grant::RefreshToken(token))
            }
            GrantKind::DeviceCode => Err(Error::setting(
                "grant",
                "`grant` is device-code, which is not implemented yet",
            )),
        }
    }

    /// Takes over what is in the store, where it is what the caller wants.
    pub(super) fn adopt(&self, loaded: &Loaded, want: Want) -> Option<Token> {
        let record = loaded.record.as_ref()?;
        let token = record.token.as_ref()?;
        if !self.may_hand_out(record) || self.single_flight.has_refused(token.secret()) {
            return None;
        }
        let now = self.clock.now();
        // The record tells its age by the wall clock alone. If it is the token in memory, that one
        // knows by the boot clock as well, and a wall clock set back does not make it young again.
        // A vendor may give the same token twice: then it is another answer.
        let since = |token: &Token| token.facts().lifetime.obtained.unix_ms;
        let known = self.shown.any();
        let known =
            known.filter(|known| known.secret() == token.secret() && since(known) == since(token));
        let token = &known.map_or_else(|| token.clone(), |known| known.with_source(Source::Store));
        // Still valid but not for long enough: callers may need it if the refresh fails.
        if token.remaining(now) > Duration::ZERO {
            self.show(token);
        }
        let wanted = want.min_valid.unwrap_or_else(|| self.early(token));
        let enough = super::fresh::enough_of(token, wanted);
        (token.remaining(now) > enough).then(|| {
            self.counters.adopted.add();
            token.clone()
        })
    }

    /// Whether the record's token is what this connection asks for, and of a grant that goes on.
    pub(super) fn may_hand_out(&self, record: &Record) -> bool {
        !record.logged_out && record.token_for.is_some() && record.token_for == self.asks_for
    }

    pub(super) fn show(&self, token: &Token) {
        self.shown
            .show(token.clone(), self.early(token), self.clock.now());
    }

    /// Answers with the wait that a server asked of anybody who shares the store.
    fn respect_rest(&self, loaded: &Loaded) -> Result<(), Error> {
        let Some(rest) = loaded
            .record
            .as_ref()
            .and_then(|record| record.rest.as_ref())
        else {
            return Ok(());
        };
        let left = rest.left(self.store_ms());
        if left.is_zero() {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Throttled, rest.message.clone())
            .with_provider(&self.connection.profile().id)
            .with_retry_after(left);
        Err(match rest.http_status {
            Some(status) => error.with_http_status(status),
            None => error,
        })
    }

    /// Notes in the store for how long a server wants to be left alone. Whoever does not read it
    /// asks once too often: what fails here is not told.
    pub(super) fn note_rest(&self, lease: &Held<'_>, loaded: &Loaded, error: &Error) {
        let (Some(wait), Verdict::Retry) = (error.retry_after(), error.verdict()) else {
            return;
        };
        let mut record = loaded.record.clone().unwrap_or_default();
        record.rest = Some(self.rest(wait, error));
        let _ = self.write(lease, loaded.version, &record);
    }

    pub(super) fn rest(&self, wait: Duration, error: &Error) -> Rest {
        // So that a fleet does not come back all at once.
        let wait = wait.min(Rest::LONGEST);
        let wait_ms = (wait + wait.mul_f32(self.jitter / 10.0)).as_millis() as i64;
        Rest {
            until_ms: self.store_ms() + wait_ms,
            wait_ms: Some(wait_ms),
            message: error.message().to_owned(),
            http_status: error.http_status(),
        }
    }
}

/// A login whose browser came back.
pub(super) struct Returned<'a> {
    pub(super) login: &'a Login,
    /// What its callback told besides the code, and is kept.
    pub(super) kept: Extra,
}

/// A request that brought no token, with how far the server's clock was ahead of ours.
pub(super) struct Refusal {
    pub(super) error: Error,
    ahead_s: Option<i64>,
    /// The new refresh token in a response that is of no other use.
    salvaged: Option<Secret>,
}

/// Lifetimes count from the start of the request, since nobody knows when in it they began.
fn too_slow(life: Duration) -> Error {
    let message = format!(
        "the token's {} s of life were over before its answer was here",
        life.as_secs()
    );
    Error::new(ErrorKind::Unavailable, message)
        .with_verdict(Verdict::Retry)
        .with_hint("the server or the way to it is slow; ask for tokens that live longer")
}
