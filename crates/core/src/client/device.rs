//! Logins on another device: the client polls until the person has decided (RFC 8628).

use std::time::Duration;

use super::failpoint::Point;
use super::history::What;
use super::leases::Held;
use super::pending::Pending;
use super::persistence::Loaded;
use super::record::Record;
use super::refresh::Rejection;
use super::{Client, Inner};
use crate::device::Polled;
use crate::{
    DeviceLogin, Error, ErrorKind, GrantKind, Token, TokenResponse, Verdict,
    device_authorization_request, random, read_device_authorization_response,
};

impl Client {
    /// Starts a login that the person finishes on another device, such as a phone.
    ///
    /// Works with the grants `device-code` and `authorization-code`, if the provider has a device
    /// authorization endpoint.
    ///
    /// # Errors
    ///
    /// If the provider has no such endpoint, or rejects the request.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{MemoryStore, Response, testing};
    ///
    /// # let connection = testing::connection([("grant", "device-code"), ("client_id", "app")])?;
    /// # let responses = [
    /// #     Ok(Response::new(200, [], r#"{"device_code":"d3v1ce","user_code":"WDJB-MJHT",
    /// #         "verification_uri":"https://demo.acme.example/activate","expires_in":900}"#)),
    /// #     Ok(testing::error_response(400, "authorization_pending")),
    /// #     Ok(testing::rotated_response("t1", "r1", 3600)),
    /// # ];
    /// # let client = testing::client_of(connection, responses, Arc::new(MemoryStore::new())).client;
    /// let login = client.start_device_login()?;
    /// println!("open {} and enter {}", login.verification_uri(), login.user_code());
    /// let token = client.complete_device_login(&login, |_| Ok(()))?;
    /// assert_eq!(token.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn start_device_login(&self) -> Result<DeviceLogin, Error> {
        self.start_device_login_async().wait()
    }

    /// Like [`Client::start_device_login`], for async code on any runtime.
    pub fn start_device_login_async(&self) -> Pending<DeviceLogin> {
        Inner::on_own_thread(&self.0, "the login", |inner| inner.start_device_login())
    }

    /// Asks the server once whether the person has finished the login. Returns `None` if not yet.
    ///
    /// Wait for [`DeviceLogin::wait`] before each call. A failure that may pass, such as a lost
    /// response, also returns `None`, is reported to
    /// [`ClientBuilder::on_warning`](crate::ClientBuilder::on_warning), and makes that wait longer.
    /// The tokens are stored before they are returned.
    ///
    /// # Errors
    ///
    /// If the login has ended without a token: the code expired, the person denied access, or the
    /// server rejected the request.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{MemoryStore, Response, testing};
    ///
    /// # let connection = testing::connection([("grant", "device-code"), ("client_id", "app")])?;
    /// # let responses = [
    /// #     Ok(Response::new(200, [], r#"{"device_code":"d3v1ce","user_code":"WDJB-MJHT",
    /// #         "verification_uri":"https://demo.acme.example/activate","expires_in":900}"#)),
    /// #     Ok(testing::error_response(400, "slow_down")),
    /// # ];
    /// # let client = testing::client_of(connection, responses, Arc::new(MemoryStore::new())).client;
    /// let login = client.start_device_login()?;
    /// assert_eq!(login.wait().as_secs(), 5);
    /// // The server wants fewer polls.
    /// assert!(client.poll_device_login(&login)?.is_none());
    /// assert_eq!(login.wait().as_secs(), 10);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn poll_device_login(&self, login: &DeviceLogin) -> Result<Option<Token>, Error> {
        self.poll_device_login_async(login).wait()
    }

    /// Like [`Client::poll_device_login`], for async code on any runtime.
    ///
    /// Dropping the future doesn't end a poll once it was started: tokens that it receives are
    /// stored.
    pub fn poll_device_login_async(&self, login: &DeviceLogin) -> Pending<Option<Token>> {
        let login = login.clone();
        Inner::on_own_thread(&self.0, "the login", move |inner| {
            inner.poll_device_login(&login)
        })
    }

    /// Polls until the login has ended, and returns its token.
    ///
    /// `wait` is called before each poll with the time to wait. It usually sleeps. If it returns an
    /// error, the login is given up with that error. The whole call ends with the code's lifetime,
    /// and each poll within [`Client::max_wait`].
    ///
    /// # Errors
    ///
    /// As [`Client::poll_device_login`], and those of `wait`.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{Cancel, Error, ErrorKind, MemoryStore, Response, testing};
    ///
    /// # let connection = testing::connection([("grant", "device-code"), ("client_id", "app")])?;
    /// # let responses = [
    /// #     Ok(Response::new(200, [], r#"{"device_code":"d3v1ce","user_code":"WDJB-MJHT",
    /// #         "verification_uri":"https://demo.acme.example/activate","expires_in":900}"#)),
    /// # ];
    /// # let client = testing::client_of(connection, responses, Arc::new(MemoryStore::new())).client;
    /// let login = client.start_device_login()?;
    /// let given_up = client.complete_device_login(&login, |wait| {
    ///     assert_eq!(wait.as_secs(), 5);
    ///     Err(Error::new(ErrorKind::Cancelled, "the window was closed"))
    /// });
    /// assert_eq!(given_up.unwrap_err().kind(), ErrorKind::Cancelled);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn complete_device_login(
        &self,
        login: &DeviceLogin,
        mut wait: impl FnMut(Duration) -> Result<(), Error>,
    ) -> Result<Token, Error> {
        loop {
            wait(login.wait())?;
            if let Some(token) = self.poll_device_login(login)? {
                return Ok(token);
            }
        }
    }
}

impl Inner {
    fn start_device_login(&self) -> Result<DeviceLogin, Error> {
        let _in_flight = self.enter()?;
        let logs_in = [GrantKind::DeviceCode, GrantKind::AuthorizationCode];
        let grant = self.shared.connection.grant();
        if !logs_in.contains(&grant) {
            let label = self.shared.connection.label();
            let message = format!("{label}: grant {grant} has no login on another device");
            return Err(Error::setting("grant", message)
                .with_provider(&self.shared.connection.profile().id)
                .with_hint("set grant = \"device-code\""));
        }
        self.reread_changed();
        let connection = self.resolved()?;
        let started = self.shared.clock.now();
        let by_server = self.by_server(started);
        let request =
            device_authorization_request(&connection, by_server, self.shared.random.as_ref())?;
        let response = self.send_request(&request).map_err(|error| {
            error
                .into_error()
                .with_provider(&connection.profile().id)
                .in_context("device authorization")
        })?;
        read_device_authorization_response(&connection, &request, &response, started)
    }

    fn poll_device_login(&self, login: &DeviceLogin) -> Result<Option<Token>, Error> {
        let _in_flight = self.enter()?;
        login.check_expiry(&self.shared.connection, self.shared.clock.now())?;
        self.reread_changed();
        let failed = |error: Error, is_doubtful| {
            if error.verdict() != Verdict::Retry || self.is_draining() {
                return Err(login.explain(error));
            }
            self.warn(&error);
            login.note(Polled::Failed { error, is_doubtful });
            Ok(None)
        };
        // Held for one poll only: the person may take minutes.
        let prepared = self.lease().and_then(|lease| {
            let loaded = self.load_recovered(&lease)?;
            self.may_send(&lease)?;
            self.failpoint(Point::BeforeSend)?;
            Ok((lease, loaded))
        });
        let (lease, loaded) = match prepared {
            Ok(prepared) => prepared,
            // Nothing was sent.
            Err(error) => return failed(error, false),
        };
        let started = self.shared.clock.now();
        let mark = random::word(self.shared.random.as_ref())?[..12].to_owned();
        let rejection = match self.ask(&login.grant(), started) {
            Ok(response) => {
                let token = self.keep_device_login(&lease, &loaded, (started, mark), response)?;
                drop(lease);
                self.warn_of_login(&token);
                return Ok(Some(self.look_up_for_requests(token)));
            }
            Err(rejection) => rejection,
        };
        let Rejection {
            error, salvaged, ..
        } = &rejection;
        if let Some(refresh_token) = salvaged {
            let grant = login.grant();
            let record = self.salvaged_grant(&grant, &mark, &loaded, refresh_token.clone());
            let error = self.keep_salvaged(&lease, loaded.version, record, None, error.clone());
            return Err(error);
        }
        match error.oauth_error() {
            Some("authorization_pending") => login.note(Polled::Pending),
            Some("slow_down") => login.note(Polled::SlowDown),
            _ if self.has_other_credentials(error) || self.follow_the_servers_clock(&rejection) => {
                login.note(Polled::Again);
            }
            _ => {
                let unsent = [ErrorKind::Connect, ErrorKind::Throttled];
                let is_doubtful = !unsent.contains(&error.kind());
                return failed(rejection.error, is_doubtful);
            }
        }
        Ok(None)
    }

    fn keep_device_login(
        &self,
        lease: &Held<'_>,
        loaded: &Loaded,
        (started, mark): (crate::Moment, String),
        response: TokenResponse,
    ) -> Result<Token, Error> {
        self.single_flight.clear();
        let before = loaded.record.as_ref();
        let asked = self.asked(started, None, mark, before);
        let mut record = Record::of(&self.shared.connection, asked, response, before);
        let got = record.refresh_token.clone();
        record.history.add(
            self.journal()
                .event(What::LoggedIn, None, None, got.as_ref()),
        );
        self.keep(lease, loaded.version, record, None)
    }
}
