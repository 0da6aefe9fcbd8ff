//! The async forms of a client's calls.

use std::time::Duration;

use super::lane::{Lane, Read};
use super::pending::Pending;
use super::refresh::Returned;
use super::single_flight::Want;
use super::slot::Begun;
use super::{Client, DEFAULT_WANT, Event, Inner, Revocation};
use crate::login::kept_parameters;
use crate::{Extra, Login, Token, read_authorization_response};

/// The reads that a client's callers share.
#[derive(Default)]
pub(super) struct Reads {
    identity: Lane<Extra>,
    events: Lane<Vec<Event>>,
    expiry: Lane<Option<i64>>,
}

const IDENTITY: &Read<Extra> = &Read {
    what: "the identity request",
    lane: |inner| &inner.reads.identity,
    run: |inner| {
        let token = Client(inner.clone()).token()?;
        inner.identity_or_replace(&token)
    },
};

const EVENTS: &Read<Vec<Event>> = &Read {
    what: "reading the events",
    lane: |inner| &inner.reads.events,
    run: |inner| inner.persistence.events(),
};

const EXPIRY: &Read<Option<i64>> = &Read {
    what: "reading the record",
    lane: |inner| &inner.reads.expiry,
    run: |inner| {
        let record = inner.persistence.load()?.record;
        Ok(record.and_then(|record| record.refresh_token_expires_at()))
    },
};

impl Client {
    /// Like [`Client::token`], for async code on any runtime.
    ///
    /// The future resolves at once if the cached token is fresh, or else when the request's own
    /// thread has finished. Dropping the future doesn't interrupt that thread. See [`Pending`] for
    /// timeouts and cancellation.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Client, Error};
    ///
    /// /// Runs on any runtime.
    /// async fn authorization(client: &Client) -> Result<String, Error> {
    ///     Ok(client.token_async().await?.authorization().expose().to_owned())
    /// }
    /// # use std::task::{Context, Poll, Waker};
    /// # let client = countersign_core::testing::client([
    /// #     Ok(countersign_core::testing::token_response("t1", 3600)),
    /// # ]).client;
    /// # client.token()?;
    /// # let mut future = std::pin::pin!(authorization(&client));
    /// # let Poll::Ready(header) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
    /// #     panic!("the cached token is fresh");
    /// # };
    /// # assert_eq!(header?, "Bearer t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn token_async(&self) -> Pending<Token> {
        Pending::token(&self.0, DEFAULT_WANT)
    }

    /// Like [`Client::token_valid_for`], for async code on any runtime.
    ///
    /// See [`Client::token_async`] for when the future resolves.
    pub fn token_valid_for_async(&self, min_valid: Duration) -> Pending<Token> {
        let want = Want {
            min_valid: Some(min_valid),
            force: false,
        };
        Pending::token(&self.0, want)
    }

    /// Like [`Client::refresh_now`], for async code on any runtime.
    ///
    /// See [`Client::token_async`] for when the future resolves.
    pub fn refresh_now_async(&self) -> Pending<Token> {
        let want = Want {
            force: true,
            ..DEFAULT_WANT
        };
        Pending::token(&self.0, want)
    }

    /// Like [`Client::complete_login`], for async code on any runtime.
    ///
    /// Dropping the future doesn't end the login once it was polled: the code is exchanged, and the
    /// tokens are stored.
    pub fn complete_login_async(&self, login: &Login, callback: &str) -> Pending<Token> {
        let (login, callback) = (login.clone(), callback.to_owned());
        Pending::of(&self.0, "the login", move |inner| {
            let connection = &inner.shared.connection;
            let read = || {
                let grant = read_authorization_response(connection, &login, &callback)?;
                Ok((grant, kept_parameters(connection.profile(), &callback)?))
            };
            match read() {
                Err(error) => Begun::Done(Err(error)),
                Ok((grant, kept)) => Inner::start_work(inner, "the login", move |inner| {
                    let login = &login;
                    let web = None;
                    inner.exchange_login(&grant, &Returned { login, kept, web })
                }),
            }
        })
    }

    /// Like [`Client::identity`], for async code on any runtime.
    ///
    /// At most one thread runs, however many callers wait.
    pub fn identity_async(&self) -> Pending<Extra> {
        Pending::of(&self.0, IDENTITY.what, |inner| IDENTITY.begin(inner))
    }

    /// Like [`Client::forget`], for async code on any runtime.
    pub fn forget_async(&self) -> Pending<Revocation> {
        Inner::on_own_thread(&self.0, "the revocation", |inner| inner.forget(false))
    }

    /// Like [`Client::force_forget`], for async code on any runtime.
    pub fn force_forget_async(&self) -> Pending<Revocation> {
        Inner::on_own_thread(&self.0, "the revocation", |inner| inner.forget(true))
    }

    /// Like [`Client::events`], for async code on any runtime.
    ///
    /// At most one thread runs, however many callers wait.
    pub fn events_async(&self) -> Pending<Vec<Event>> {
        Pending::of(&self.0, EVENTS.what, |inner| EVENTS.begin(inner))
    }

    /// Like [`Client::refresh_token_expires_at`], for async code on any runtime.
    ///
    /// At most one thread runs, however many callers wait.
    pub fn refresh_token_expires_at_async(&self) -> Pending<Option<i64>> {
        Pending::of(&self.0, EXPIRY.what, |inner| EXPIRY.begin(inner))
    }
}
