//! One refresh: lease, read again, ask, store, publish; and what else needs the lease.

use std::sync::Arc;
use std::time::Duration;

use super::record::{Record, fingerprint};
use super::{Inner, Revocation};
use crate::{
    Connection, Error, ErrorKind, Extra, Grant, GrantKind, Lease, Moment, Secret, Source, Stored,
    Swap, Token, Verdict,
};

impl Inner {
    /// Gets a token from the store or the server. Runs on the refresh thread.
    pub(super) fn refresh(&self, min_valid: Duration, force: bool) -> Result<Token, Error> {
        if !force && let Some(token) = self.adopt(&self.load()?, min_valid) {
            return Ok(token);
        }
        let shown = self.flights.shown();
        let lease = self.lease()?;
        self.save_unsaved(&lease)?;
        let stored = self.load()?;
        // Somebody else may have refreshed while we waited for the lease.
        let renewed = stored.record.as_ref().is_some_and(|record| {
            shown
                .as_ref()
                .is_some_and(|shown| *shown != record.token.access_token)
        });
        if (!force || renewed)
            && let Some(token) = self.adopt(&stored, min_valid)
        {
            return Ok(token);
        }
        let grant = self.choose_grant(stored.record.as_ref())?;
        self.exchange(&lease, &grant, &stored)
    }

    /// Exchanges a login's code under the lease.
    pub(super) fn exchange_login(&self, grant: &Grant) -> Result<Token, Error> {
        let lease = self.lease()?;
        let stored = self.load()?;
        self.exchange(&lease, grant, &stored)
    }

    pub(super) fn identity(&self, token: &Token) -> Result<Extra, Error> {
        let mut known = token.extra().clone();
        let stored = self.load()?;
        let kept = stored
            .record
            .as_ref()
            .and_then(|record| record.identity.clone());
        if let Some(identity) = kept {
            known.extend(identity);
            return Ok(known);
        }
        let connection = &self.connection;
        let provider = connection.provider();
        let Some(request) = provider.identity_request(connection, token)? else {
            return Ok(known);
        };
        let vendor = |error: Error| error.with_provider(&connection.profile().id);
        let response = self
            .transport
            .send(&request)
            .map_err(|error| vendor(error.into_error()))?;
        let identity = provider
            .read_identity(connection, &response)
            .map_err(vendor)?;
        self.keep_identity(&identity);
        known.extend(identity);
        Ok(known)
    }

    /// Notes whom the token stands for. It can be asked for again: what fails here is not told.
    fn keep_identity(&self, identity: &Extra) {
        let Ok(stored) = self.load() else { return };
        if let Some(mut record) = stored.record.clone() {
            record.identity = Some(identity.clone());
            let bytes = record.encode(&self.connection);
            let _ = self
                .store
                .compare_and_swap(&self.key, stored.version, None, &bytes);
        }
    }

    pub(super) fn forget(&self) -> Result<Revocation, Error> {
        let lease = self.lease()?;
        let stored = self.load()?;
        let configured = self.connection.refresh_token.as_ref();
        let held = match &stored.record {
            Some(record) => record
                .refresh_token
                .clone()
                .or(Some(record.token.access_token.clone())),
            None => configured.cloned(),
        };
        let revocation = match held {
            Some(token) => self.revoke(&token)?,
            None => Revocation::NothingHeld,
        };
        if let Some(version) = stored.version {
            match self.store.tombstone(&self.key, version, Some(lease.fence)) {
                Swap::Applied(_) => {}
                other => return Err(not_stored(other)),
            }
        }
        self.flights.clear();
        Ok(revocation)
    }

    fn revoke(&self, token: &Secret) -> Result<Revocation, Error> {
        let now = self.clock.now();
        let connection = &self.connection;
        let Some(request) = connection.revocation_request(token, now, self.random.as_ref())? else {
            return Ok(Revocation::NotOffered);
        };
        Ok(match self.transport.send(&request) {
            Ok(response) if (200..300).contains(&response.status) => Revocation::Revoked,
            Ok(response) => {
                let grant = Grant::RefreshToken(token.clone());
                let refused = connection.read_token_response(&grant, &request, &response, now);
                let plain = || {
                    let message =
                        format!("the vendor answered {} to the revocation", response.status);
                    Error::new(ErrorKind::Refused, message).with_http_status(response.status)
                };
                Revocation::Failed(refused.err().unwrap_or_else(plain))
            }
            Err(error) => Revocation::Failed(error.into_error()),
        })
    }

    /// Sends one request, and makes what it brings durable before anybody sees it.
    fn exchange(&self, lease: &Held<'_>, grant: &Grant, before: &Loaded) -> Result<Token, Error> {
        let connection = &self.connection;
        let started = self.clock.now();
        let request = connection.token_request(grant, started, self.random.as_ref())?;
        let response = self
            .transport
            .send(&request)
            .map_err(|error| connection.explain_send_error(grant, error))?;
        let answer =
            connection.read_token_response(grant, &request, &response, self.clock.now())?;
        let source = match grant {
            Grant::RefreshToken(_) => Source::Refreshed,
            _ => Source::Minted,
        };
        let rotated = answer.refresh_token.is_some();
        let record = Record::of(
            connection,
            answer,
            started,
            source,
            before.record.as_ref(),
            self.seed(),
        );
        // A refresh by the configured token, answered without a new one, goes on with it.
        let record = match (grant, &record.refresh_token) {
            (Grant::RefreshToken(used), None) => Record {
                refresh_token: Some(used.clone()),
                ..record
            },
            _ => record,
        };
        let token = record.token.clone();
        match self.save(lease, before.version, &record) {
            Ok(()) => {
                self.flights.keep_unsaved(None);
                self.flights.publish(record);
                Ok(token)
            }
            Err(error) => {
                let error = error.with_hint(
                    "the new token is kept in memory, and the next call stores it first",
                );
                let unsaved = (Arc::new(record.clone()), error.clone());
                self.flights.keep_unsaved(Some(unsaved));
                if rotated {
                    return Err(error);
                }
                // Nothing in it that could not be asked for again.
                self.flights.publish(record);
                Ok(token)
            }
        }
    }

    /// Stores what an earlier refresh could not; without that, nothing new is asked for.
    fn save_unsaved(&self, lease: &Held<'_>) -> Result<(), Error> {
        let Some(record) = self.flights.unsaved_record() else {
            return Ok(());
        };
        let stored = self.load()?;
        self.save(lease, stored.version, &record)?;
        self.flights.publish(Record::clone(&record));
        self.flights.keep_unsaved(None);
        Ok(())
    }

    fn save(&self, lease: &Held<'_>, expected: Option<u64>, record: &Record) -> Result<(), Error> {
        let bytes = record.encode(&self.connection);
        let fence = Some(lease.fence);
        match self
            .store
            .compare_and_swap(&self.key, expected, fence, &bytes)
        {
            Swap::Applied(_) => Ok(()),
            // Under the lease only a note about the record can have come between (its identity):
            // what we hold is newer than that.
            Swap::Conflict(now) => {
                let version = now.map(|stored| stored.version);
                match self
                    .store
                    .compare_and_swap(&self.key, version, fence, &bytes)
                {
                    Swap::Applied(_) => Ok(()),
                    other => Err(not_stored(other)),
                }
            }
            other => Err(not_stored(other)),
        }
    }

    fn choose_grant(&self, record: Option<&Record>) -> Result<Grant, Error> {
        let connection = &self.connection;
        match connection.grant() {
            GrantKind::JwtBearer => Ok(Grant::JwtBearer),
            GrantKind::ClientCredentials => Ok(Grant::ClientCredentials),
            GrantKind::AuthorizationCode | GrantKind::RefreshToken => {
                // A new refresh token in the settings starts a grant of its own.
                let descends = record.filter(|record| record.seed == self.seed());
                let stored = descends.and_then(|record| record.refresh_token.clone());
                let token = stored.or_else(|| connection.refresh_token.clone());
                token
                    .map(Grant::RefreshToken)
                    .ok_or_else(|| no_token(connection))
            }
            GrantKind::DeviceCode => Err(Error::setting(
                "grant",
                "`grant` is device-code, which is not implemented yet",
            )),
        }
    }

    fn seed(&self) -> Option<String> {
        self.connection.refresh_token.as_ref().map(fingerprint)
    }

    /// Takes over what is in the store, where it is good enough.
    fn adopt(&self, loaded: &Loaded, min_valid: Duration) -> Option<Token> {
        let record = loaded.record.as_ref()?;
        let ours =
            record.asked_scopes == self.connection.scopes().join(" ") && record.seed == self.seed();
        if !ours {
            return None;
        }
        // Still valid but not for long enough: callers may need it if the refresh fails.
        self.flights.publish(record.clone());
        (record.token.remaining(self.clock.now()) > min_valid).then(|| record.token.clone())
    }

    fn load(&self) -> Result<Loaded, Error> {
        let stored = self.store.load(&self.key)?;
        Loaded::of(stored, self.clock.now())
    }

    /// Waits for the lease, within bounds: longer than one request of another holder can take.
    fn lease(&self) -> Result<Held<'_>, Error> {
        let timeout = self.connection.network().timeout;
        let ttl = timeout + Duration::from_secs(10);
        let started = self.clock.now().boot_ms;
        let patience = timeout + Duration::from_secs(5);
        loop {
            match self.store.lease(&self.key, &self.owner, ttl)? {
                Lease::Granted { fence, .. } => return Ok(Held { inner: self, fence }),
                Lease::Busy { retry_in } => {
                    let waited = self.clock.now().boot_ms.saturating_sub(started);
                    if Duration::from_millis(waited) > patience {
                        let name = self.connection.name();
                        let message = format!(
                            "connection `{name}`: another holder of its lease did not finish within {} s",
                            patience.as_secs()
                        );
                        return Err(Error::new(ErrorKind::Busy, message)
                            .with_hint("try again; if it stays, look for a process that hangs"));
                    }
                    std::thread::sleep(retry_in.min(Duration::from_millis(50)));
                }
            }
        }
    }
}

/// A lease that is given back when it goes out of scope.
struct Held<'a> {
    inner: &'a Inner,
    fence: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let inner = self.inner;
        // A lease that cannot be given back runs out or ends with the process.
        let _ = inner.store.release(&inner.key, &inner.owner, self.fence);
    }
}

/// The record as it was read, with the version to replace.
struct Loaded {
    version: Option<u64>,
    record: Option<Record>,
}

impl Loaded {
    fn of(stored: Option<Stored>, now: Moment) -> Result<Self, Error> {
        let Some(stored) = stored else {
            return Ok(Self {
                version: None,
                record: None,
            });
        };
        let record = stored
            .value
            .as_ref()
            .map(|value| Record::decode(value, now));
        Ok(Self {
            version: Some(stored.version),
            record: record.transpose()?,
        })
    }
}

fn no_token(connection: &Connection) -> Error {
    let name = connection.name();
    let message = format!("connection `{name}` has no token yet: it needs a login");
    let error = Error::new(ErrorKind::NoToken, message)
        .with_provider(&connection.profile().id)
        .with_hint(format!("log in once, as with: countersign login {name}"));
    match connection.login_url() {
        Some(url) => error.with_url(url.as_str()),
        None => error,
    }
}

fn not_stored(swap: Swap) -> Error {
    match swap {
        Swap::Unavailable(error) | Swap::Unknown(error) => error,
        Swap::Conflict(_) | Swap::Applied(_) => Error::new(
            ErrorKind::Store,
            "the record was changed by somebody else meanwhile",
        ),
        Swap::Fenced => Error::new(
            ErrorKind::Store,
            "the lease was lost to another holder meanwhile",
        ),
    }
    .with_verdict(Verdict::Retry)
}
