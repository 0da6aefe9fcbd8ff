//! One refresh: store, lease, store again, request, store, callers. Also a login's code exchange.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::account::account_of;
use super::failpoint::Point;
use super::history::{Rest, What};
use super::leases::Held;
use super::persistence::Loaded;
use super::record::{Asked, FinishedId, Record};
use super::save::Saved;
use super::single_flight::Want;
use super::{Change, Inner, login_needed, trace};
use crate::requests::spends_single_use_secret;
use crate::responses::{explain_send_error, salvage};
use crate::secret::fingerprint;
use crate::{
    Error, ErrorKind, Extra, GrantKind, Login, Moment, PresentedGrant, Request, Response, Secret,
    SendError, Source, Token, TokenResponse, Verdict, random, read_token_response, signed_token,
    token_request,
};

/// How a refresh starts.
enum Begun<'a> {
    /// The store has a token that the caller can use.
    Adopted(Token),
    /// The lease is held, and the record was read under it.
    Leased(Held<'a>, Box<Loaded>),
}

impl Inner {
    /// Returns a token from the store or the server. Runs on the refresh thread.
    pub(super) fn refresh(&self, want: Want) -> Result<Token, Error> {
        let refreshed = trace::refresh(&self.shared.connection, want.force, || {
            self.refresh_traced(want)
        });
        refreshed.map_err(|error| self.of_this_grant(error))
    }

    fn refresh_traced(&self, want: Want) -> Result<Token, Error> {
        self.reread_changed();
        let begun = match self.begin(want) {
            Ok(begun) => begun,
            // Nothing was sent yet.
            Err(error) => return self.without_store(want, error),
        };
        let (lease, loaded) = match begun {
            Begun::Adopted(token) => return Ok(token),
            Begun::Leased(lease, loaded) => (lease, *loaded),
        };
        if loaded.is_logged_out() {
            // Another process logged out: no failure below may return the old token again.
            self.shown.clear();
        }
        self.respect_rest(&loaded)?;
        let grant = self.choose_grant(&loaded)?;
        match &grant {
            PresentedGrant::RefreshToken(token)
                if spends_single_use_secret(self.shared.connection.profile(), &grant) =>
            {
                self.rotate(&lease, loaded, token, want)
            }
            _ => {
                let mark = self.grant_mark(&grant, loaded.record.as_ref());
                self.exchange(&lease, &grant, mark, &loaded, None)
            }
        }
    }

    /// Reads the store, takes the lease, and reads the store again.
    fn begin(&self, want: Want) -> Result<Begun<'_>, Error> {
        if !want.force
            && let Some(token) = self.adopt(&self.persistence.load()?, want)
        {
            return Ok(Begun::Adopted(token));
        }
        let shown = self.shown.any();
        let lease = self.lease()?;
        self.failpoint(Point::Leased)?;
        let loaded = self.load_recovered(&lease)?;
        // Another holder may have refreshed while this client waited for the lease.
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
        grant: &PresentedGrant,
        returned: &Returned<'_>,
    ) -> Result<Token, Error> {
        match self.exchange_returned(grant, returned)? {
            Exchanged::New(token) => Ok(token),
            Exchanged::Before(_) => Err(Error::new(
                ErrorKind::Internal,
                "the login was finished before",
            )),
        }
    }

    /// Exchanges a login's code under the lease, unless a principal's login had been finished.
    pub(super) fn exchange_returned(
        &self,
        grant: &PresentedGrant,
        returned: &Returned<'_>,
    ) -> Result<Exchanged, Error> {
        let _in_flight = self.enter()?;
        self.reread_changed();
        let lease = self.lease()?;
        let loaded = self.load_recovered(&lease)?;
        if let Some(web) = &returned.web
            && was_finished(web, loaded.record.as_ref())?
        {
            // The cached token may be of an earlier login, whose account may be another one.
            let token = self.adopt(&loaded, super::DEFAULT_WANT);
            if token.is_none() {
                self.shown.clear();
            }
            return Ok(Exchanged::Before(token));
        }
        self.single_flight.clear();
        self.use_registration(returned.login.registration().cloned());
        // Each login is a grant of its own, even if the same person logged in before.
        let mark = random::word(self.shared.random.as_ref())?[..12].to_owned();
        let token = self.exchange(&lease, grant, mark, &loaded, Some(returned))?;
        drop(lease);
        self.warn_of_login(&token);
        Ok(Exchanged::New(self.look_up_for_requests(token)))
    }

    /// Sends a request whose response may be lost without losing the grant.
    fn exchange(
        &self,
        lease: &Held<'_>,
        grant: &PresentedGrant,
        mark: String,
        loaded: &Loaded,
        returned: Option<&Returned<'_>>,
    ) -> Result<Token, Error> {
        let connection = &self.shared.connection;
        self.may_send(lease)?;
        self.failpoint(Point::BeforeSend)?;
        let mut started = self.shared.clock.now();
        let mut asked = self.ask(grant, started);
        if let Err(rejection) = &asked {
            let other_credentials = self.has_other_credentials(&rejection.error);
            // A single-use secret in the request is spent now, whatever the response says.
            if !spends_single_use_secret(connection.profile(), grant)
                && rejection.salvaged.is_none()
                && (other_credentials || self.follow_the_servers_clock(rejection))
            {
                // A new request with a new assertion, dated by the server's clock.
                self.may_send(lease)?;
                started = self.shared.clock.now();
                asked = self.ask(grant, started);
            }
        }
        let response = asked.map_err(|rejection| match rejection.salvaged {
            Some(token) => {
                let mut record = self.salvaged_grant(grant, &mark, loaded, token);
                if let Some(returned) = returned {
                    record.callback = returned.kept.clone();
                    record.registration = returned.login.registration().cloned();
                }
                self.keep_salvaged(lease, loaded.version, record, None, rejection.error)
            }
            None => {
                self.note_rest(lease, loaded, &rejection.error);
                rejection.error
            }
        })?;
        let spent = match grant {
            PresentedGrant::RefreshToken(token) => Some(token),
            _ => None,
        };
        if let Some(returned) = returned {
            returned.login.check_id_token(response.id_token.as_ref())?;
        }
        let before = loaded.record.as_ref();
        let asked = Asked {
            callback: returned.map(|returned| returned.kept.clone()),
            registration: returned.and_then(|returned| returned.login.registration().cloned()),
            ..self.asked(started, spent, mark, before)
        };
        let account = account_of(connection, response.id_token.as_ref());
        let mut record = Record::of(connection, asked, response, before);
        if returned.is_some() {
            record.account = account;
        }
        if let Some(web) = returned.and_then(|returned| returned.web.as_ref()) {
            if web.expect_same_account {
                self.check_same_account(&record, before)?;
            }
            let finished = FinishedId {
                id: web.id.clone(),
                expires_ms: web.expires_ms,
            };
            record.add_login(finished, self.shared.clock.now().unix_ms);
            record.keep_replaced(before, connection.profile().endpoints.revoke_token);
        }
        if let PresentedGrant::AuthorizationCode { .. } = grant {
            let got = record.refresh_token.clone();
            record.history.add(
                self.journal()
                    .event(What::LoggedIn, None, None, got.as_ref()),
            );
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
            registration: None,
        }
    }

    /// Returns the mark of a request's grant.
    ///
    /// If the request sends the record's refresh token, this is the record's mark. Otherwise it is
    /// derived from the grant.
    pub(super) fn grant_mark(&self, grant: &PresentedGrant, record: Option<&Record>) -> String {
        match grant {
            PresentedGrant::RefreshToken(token) => record
                .filter(|record| record.refresh_token.as_ref() == Some(token))
                .and_then(|record| record.grant.clone())
                .unwrap_or_else(|| fingerprint(token)),
            _ => grant.kind().to_string(),
        }
    }

    /// Sends a request, and reports the warnings of the transport and the store.
    pub(super) fn send_request(&self, request: &Request) -> Result<Response, SendError> {
        let sent = self.shared.transport.send(request);
        let warnings = [
            self.shared.transport.warning(),
            self.persistence.store().warning().map(Error::from),
        ];
        for warning in warnings.into_iter().flatten() {
            self.warn(&warning);
        }
        sent
    }

    /// Sends one request and reads its response.
    pub(super) fn ask(
        &self,
        grant: &PresentedGrant,
        started: Moment,
    ) -> Result<TokenResponse, Rejection> {
        let signed = signed_token(
            &self.shared.credentials.current(),
            self.by_server(started),
            self.shared.random.as_ref(),
        );
        if let Some(signed) = signed.map_err(Rejection::plain)? {
            return Ok(signed);
        }
        let traced = trace::TokenRequest::start(&self.shared.connection, grant.kind());
        let asked = self.ask_traced(grant, started);
        let error = asked.as_ref().err().map(|rejection| &rejection.error);
        traced.end(error.filter(|error| error.oauth_error() != Some("authorization_pending")));
        asked
    }

    /// Returns the time by the server's clock, if assertions must follow it.
    pub(super) fn by_server(&self, now: Moment) -> Moment {
        let skew_ms = self.shared.skew_s.load(Ordering::Relaxed) * 1000;
        Moment {
            unix_ms: now.unix_ms + skew_ms,
            ..now
        }
    }

    fn ask_traced(
        &self,
        grant: &PresentedGrant,
        started: Moment,
    ) -> Result<TokenResponse, Rejection> {
        let plain = Rejection::plain;
        let connection = self.resolved().map_err(plain)?;
        let by_server = self.by_server(started);
        let request = token_request(&connection, grant, by_server, self.shared.random.as_ref())
            .map_err(plain)?;
        let sent = self.send_request(&request);
        let response =
            sent.map_err(|error| plain(explain_send_error(&connection, grant, error)))?;
        self.failpoint(Point::Received).map_err(plain)?;
        let now = self.shared.clock.now();
        let date = response.header("date").and_then(crate::parse_http_date);
        read_token_response(&connection, grant, &request, &response, now).map_err(|error| {
            Rejection {
                ahead_s: date.map(|date| date - now.unix_s()),
                salvaged: match grant {
                    PresentedGrant::AuthorizationCode { .. }
                    | PresentedGrant::DeviceCode(_)
                    | PresentedGrant::RefreshToken(_) => salvage(&connection, &response, &error),
                    PresentedGrant::JwtBearer | PresentedGrant::ClientCredentials => None,
                },
                error,
            }
        })
    }

    /// Returns whether a different clock may be why the server rejected an assertion.
    ///
    /// If so, later assertions follow the server's clock.
    pub(super) fn follow_the_servers_clock(&self, rejection: &Rejection) -> bool {
        const NOTABLE_S: i64 = 20;
        // Beyond this, this machine's clock is wrong, and hiding that wouldn't help.
        const MAX_S: i64 = 15 * 60;
        let signs = self.shared.connection.signer().is_some();
        let plausible = rejection.error.kind() == ErrorKind::Clock
            || rejection.error.verdict() == Verdict::FixConfiguration;
        let Some(ahead_s) = rejection.ahead_s.filter(|_| signs && plausible) else {
            return false;
        };
        let differs = (ahead_s - self.shared.skew_s.load(Ordering::Relaxed)).abs() > NOTABLE_S;
        let follow = differs && ahead_s.abs() <= MAX_S;
        if follow {
            self.shared.skew_s.store(ahead_s, Ordering::Relaxed);
        }
        follow
    }

    /// Makes a record durable, and then caches its token.
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
                "a response without a token was about to be stored",
            ));
        };
        match self.save(lease, expected, &record, spent) {
            Saved::Store => {
                self.single_flight.keep_unsaved(None);
                self.failpoint(Point::Persisted)?;
            }
            Saved::Fallback => {}
            // Only a refresh token must be durable before callers see the access token.
            Saved::Memory(_) if record.refresh_token.is_none() => {}
            Saved::Memory(error) => return Err(error),
        }
        match token.source() {
            Source::Refreshed => self.counters.refreshed.add(),
            _ => self.counters.minted.add(),
        }
        let expired = token.remaining(self.shared.clock.now()).is_zero();
        // Otherwise the cached token before it may still be usable.
        if !expired {
            self.show(&token);
        }
        self.notify(&Change::Obtained {
            token: token.clone(),
            rotated: spent.is_some() && record.refresh_token.as_ref() != spent,
        });
        self.failpoint(Point::Published)?;
        if !expired {
            return Ok(token);
        }
        let lifetime = token.data().lifetime.length;
        let error = match lifetime.is_zero() {
            true => super::born_expired(&self.shared.connection),
            false => too_slow(lifetime),
        };
        Err(error.with_provider(&self.shared.connection.profile().id))
    }

    fn choose_grant(&self, loaded: &Loaded) -> Result<PresentedGrant, Error> {
        let connection = &self.shared.connection;
        match connection.grant() {
            GrantKind::JwtBearer => Ok(PresentedGrant::JwtBearer),
            GrantKind::ClientCredentials => Ok(PresentedGrant::ClientCredentials),
            GrantKind::AuthorizationCode | GrantKind::RefreshToken | GrantKind::DeviceCode => {
                let record = loaded.record.as_ref();
                if record.is_some_and(|record| record.logged_out) {
                    return Err(self.logged_out());
                }
                if record.is_none()
                    && self.configured().is_some()
                    && let Some(place) = self.persistence.set_aside()?
                {
                    return Err(login_needed::damaged(connection, &place));
                }
                // The record belongs to this grant: its key includes the setting `refresh_token`.
                let stored = record.and_then(|record| record.refresh_token.clone());
                let token = match stored {
                    Some(stored) => Some(stored),
                    None => self.seed_for(record)?,
                };
                let token = token.ok_or_else(|| self.login_needed(loaded))?;
                self.persistence.store().fit_for_rotation()?;
                Ok(PresentedGrant::RefreshToken(token))
            }
        }
    }

    /// Takes the token from the store if the caller can use it.
    pub(super) fn adopt(&self, loaded: &Loaded, want: Want) -> Option<Token> {
        let record = loaded.record.as_ref()?;
        let token = record.token.as_ref()?;
        if !self.may_hand_out(record) || self.single_flight.was_rejected(token.secret()) {
            return None;
        }
        let now = self.shared.clock.now();
        // The record's age is known by the wall clock only. If the same token is cached, its age is
        // known by the boot clock as well, so that setting the wall clock back doesn't make it
        // young again. If a vendor returned the same token twice, the later response counts.
        let since = |token: &Token| token.data().lifetime.obtained.unix_ms;
        let known = self.shown.any();
        let known =
            known.filter(|known| known.secret() == token.secret() && since(known) == since(token));
        let token = &known.map_or_else(|| token.clone(), |known| known.with_source(Source::Store));
        // If it isn't valid long enough, callers may still need it if the refresh fails.
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

    /// Returns whether the connection would send the record's request, and the grant wasn't ended.
    pub(super) fn may_hand_out(&self, record: &Record) -> bool {
        !record.logged_out && record.token_for.is_some() && record.token_for == self.asks_for
    }

    pub(super) fn show(&self, token: &Token) {
        self.shown
            .show(token.clone(), self.early(token), self.shared.clock.now());
    }

    /// Fails while a pause lasts that the server asked for and that is stored for all clients.
    fn respect_rest(&self, loaded: &Loaded) -> Result<(), Error> {
        let Some(rest) = loaded
            .record
            .as_ref()
            .and_then(|record| record.rest.as_ref())
        else {
            return Ok(());
        };
        let left = rest.left(self.persistence.now_ms());
        if left.is_zero() {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Throttled, rest.message.clone())
            .with_provider(&self.shared.connection.profile().id)
            .with_retry_after(left);
        Err(match rest.http_status {
            Some(status) => error.with_http_status(status),
            None => error,
        })
    }

    /// Stores the pause that a server asked for.
    ///
    /// Errors are ignored: they cost other clients one request too many.
    pub(super) fn note_rest(&self, lease: &Held<'_>, loaded: &Loaded, error: &Error) {
        let (Some(wait), Verdict::Retry) = (error.retry_after(), error.verdict()) else {
            return;
        };
        let mut record = loaded.record.clone().unwrap_or_default();
        record.rest = Some(self.rest(wait, error));
        let _ = self.persistence.write(lease.fence, loaded.version, &record);
    }

    pub(super) fn rest(&self, wait: Duration, error: &Error) -> Rest {
        // Jitter keeps a fleet from coming back all at once.
        let wait = wait.min(Rest::MAX);
        let wait_ms = (wait + wait.mul_f32(self.shared.jitter / 10.0)).as_millis() as i64;
        Rest {
            until_ms: self.persistence.now_ms() + wait_ms,
            wait_ms: Some(wait_ms),
            message: error.message().to_owned(),
            http_status: error.http_status(),
        }
    }
}

/// A login whose callback has arrived.
pub(super) struct Returned<'a> {
    pub(super) login: &'a Login,
    /// The callback's other parameters that are kept.
    pub(super) kept: Extra,
    /// What is known of the login if it is a principal's in the host's web server.
    pub(super) web: Option<WebLogin>,
}

/// A principal's login in the host's web server.
pub(super) struct WebLogin {
    /// The fingerprint of its `state`.
    pub(super) id: String,
    pub(super) expires_ms: i64,
    pub(super) expect_same_account: bool,
}

/// The outcome of a login's callback.
pub(super) enum Exchanged {
    /// The code was exchanged for this token.
    New(Token),
    /// The grant was made by this very login before. Nothing was sent. The token is the stored one,
    /// unless it must be refreshed.
    Before(Option<Token>),
}

/// Returns whether this login made the grant that the record has.
///
/// # Errors
///
/// If it was finished before, and another login has replaced its grant.
fn was_finished(web: &WebLogin, record: Option<&Record>) -> Result<bool, Error> {
    let logins = record.map_or(&[][..], |record| &record.logins);
    match logins.iter().rposition(|login| login.id == web.id) {
        None => Ok(false),
        Some(position) if position + 1 == logins.len() => Ok(true),
        Some(_) => {
            let message = "this login was finished before, and a later one has replaced it";
            Err(Error::new(ErrorKind::Callback, message)
                .with_hint("nothing was changed; begin a new login to connect another account"))
        }
    }
}

/// A request that returned no token.
pub(super) struct Rejection {
    pub(super) error: Error,
    /// How far the server's clock was ahead of ours.
    ahead_s: Option<i64>,
    /// The new refresh token of a response that is unusable otherwise.
    pub(super) salvaged: Option<Secret>,
}

impl Rejection {
    /// Returns a rejection that has nothing but its error.
    fn plain(error: Error) -> Self {
        Self {
            error,
            ahead_s: None,
            salvaged: None,
        }
    }
}

/// Builds the error for a token that expired before its response arrived.
///
/// A lifetime counts from the start of the request, because nobody knows when the server issued the
/// token.
fn too_slow(lifetime: Duration) -> Error {
    let message = format!(
        "the token's lifetime of {} s ended before the response arrived",
        lifetime.as_secs()
    );
    Error::new(ErrorKind::Unavailable, message)
        .with_verdict(Verdict::Retry)
        .with_hint("check why the server or the network is slow, or raise the access token lifetime at the vendor")
}
