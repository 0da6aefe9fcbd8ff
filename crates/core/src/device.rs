//! One login on another device: the code that the person enters there, and how often to poll
//! (RFC 8628).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::{
    Connection, Error, ErrorKind, Moment, PresentedGrant, Request, Response, Secret, Url, Verdict,
    read_token_response,
};

/// A login in progress that the person finishes on another device, such as a phone.
///
/// [`Client::start_device_login`](crate::Client::start_device_login) starts one. Show
/// [`DeviceLogin::verification_uri`] and [`DeviceLogin::user_code`] to the person, and poll with
/// [`Client::poll_device_login`](crate::Client::poll_device_login).
///
/// Clones are handles to the same login.
#[derive(Clone)]
pub struct DeviceLogin {
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    started: Moment,
    expires_in: Duration,
    pace: Arc<Mutex<Pace>>,
}

/// How often to poll.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    /// The wait before the next poll, if it is another one.
    once: Option<Duration>,
    /// Whether the response of a poll was lost, so that the code may have been used.
    is_doubtful: bool,
    /// Why the last poll failed, if it did.
    failure: Option<Error>,
}

/// The interval if the server doesn't say (RFC 8628 section 3.2).
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// What `slow_down` adds to the interval (RFC 8628 section 3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// How far lost responses raise the interval.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// The longest time that a login may take, whatever the server says.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// What a poll found, if it wasn't a token or an error that ends the login.
pub(crate) enum Polled {
    /// The person has not decided yet.
    Pending,
    /// The server wants fewer polls.
    SlowDown,
    /// The response was lost, or the server or the store was unavailable.
    Failed {
        error: Error,
        /// Whether the server may have acted on the poll.
        is_doubtful: bool,
    },
    /// The next poll is different: the client's credentials or its idea of the time have changed.
    Again,
}

impl DeviceLogin {
    /// Returns the code that the person enters.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::DeviceLogin;
    ///
    /// fn instructions(login: &DeviceLogin) -> String {
    ///     format!("open {} and enter {}", login.verification_uri(), login.user_code())
    /// }
    /// ```
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Returns the URL that the person opens on any device.
    pub fn verification_uri(&self) -> &str {
        &self.verification_uri
    }

    /// Returns a URL that contains the code, if the server has one. It is for QR codes and links.
    pub fn verification_uri_complete(&self) -> Option<&str> {
        self.verification_uri_complete.as_deref()
    }

    /// Returns how long the code is valid, from the start of the login.
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }

    /// Returns how long to wait before the next poll.
    ///
    /// It grows when the server asks for that, and when responses are lost.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::{Client, DeviceLogin, Error, Token};
    ///
    /// /// Polls once every interval, for example with the timer of an async runtime.
    /// fn next(client: &Client, login: &DeviceLogin) -> Result<Result<Token, Duration>, Error> {
    ///     Ok(client.poll_device_login(login)?.ok_or_else(|| login.wait()))
    /// }
    /// ```
    pub fn wait(&self) -> Duration {
        let pace = self.pace();
        pace.once.unwrap_or(pace.interval)
    }

    pub(crate) fn grant(&self) -> PresentedGrant {
        PresentedGrant::DeviceCode(self.device_code.clone())
    }

    /// Fails if the code has expired. Nothing is sent then: the server would only confirm it.
    pub(crate) fn check_expiry(&self, connection: &Connection, now: Moment) -> Result<(), Error> {
        // A boot clock that has started over says nothing.
        let age_ms = now.boot_ms.saturating_sub(self.started.boot_ms);
        if Duration::from_millis(age_ms) < self.expires_in {
            return Ok(());
        }
        let message = format!(
            "the code expired after {} s, before the login was finished",
            self.expires_in.as_secs()
        );
        let message = match &self.pace().failure {
            Some(failure) => format!("{message}; the last poll failed: {}", failure.message()),
            None => message,
        };
        let error = Error::new(ErrorKind::LoginRequired, message)
            .with_provider(&connection.profile().id)
            .with_hint("log in again");
        Err(connection.with_login_hint(error))
    }

    /// Sets the wait before the next poll.
    pub(crate) fn note(&self, polled: Polled) {
        let mut pace = self.pace();
        pace.once = None;
        match polled {
            Polled::Pending => pace.failure = None,
            Polled::SlowDown => {
                pace.failure = None;
                pace.interval += SLOW_DOWN;
            }
            Polled::Failed { error, is_doubtful } => {
                // RFC 8628 section 3.5 recommends exponential backoff.
                let doubled = pace.interval.saturating_mul(2);
                pace.interval = doubled.min(MAX_BACKOFF.max(pace.interval));
                pace.once = error
                    .retry_after()
                    .map(|wait| wait.max(pace.interval).min(self.expires_in));
                pace.is_doubtful |= is_doubtful;
                pace.failure = Some(error);
            }
            Polled::Again => pace.once = Some(Duration::ZERO),
        }
    }

    /// Explains an error that ends the login.
    pub(crate) fn explain(&self, error: Error) -> Error {
        if !self.pace().is_doubtful || error.oauth_error() != Some("invalid_grant") {
            return error;
        }
        let hint = "log in again: the response of an earlier poll was lost, and it may have contained the tokens";
        let hint = match error.hint() {
            Some(more) => format!("{hint}; {more}"),
            None => hint.to_owned(),
        };
        error.with_hint(hint)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceLogin")
            .field("verification_uri", &self.verification_uri)
            .field("expires_in", &self.expires_in)
            .field("wait", &self.wait())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Returns the error for a provider without logins on another device.
    pub(crate) fn has_no_device_login(&self) -> Error {
        let name = &self.profile().name;
        let message = format!("{name} has no device authorization endpoint");
        Error::setting("grant", message)
            .with_provider(&self.profile().id)
            .with_hint(
                "set grant = \"authorization-code\", and log in with a browser on this machine",
            )
    }
}

/// Reads a response of the device authorization endpoint (RFC 8628 section 3.2). A pure function
/// without I/O.
///
/// `started` is the time before the request was sent: the code's lifetime counts from then.
///
/// # Errors
///
/// If the server rejected the request: as [`read_token_response`]. [`ErrorKind::Unreadable`] if this
/// isn't a response of a device authorization endpoint.
///
/// # Example
///
/// ```
/// use countersign_core::{
///     Clock, ManualClock, Response, SystemRandom, device_authorization_request,
///     read_device_authorization_response, testing,
/// };
///
/// let connection = testing::connection([("grant", "device-code"), ("client_id", "app")])?;
/// let now = ManualClock::at(testing::NOW).now();
/// let request = device_authorization_request(&connection, now, &SystemRandom::new())?;
/// let response = Response::new(200, [], r#"{"device_code":"d3v1ce","user_code":"WDJB-MJHT",
///     "verification_uri":"https://demo.acme.example/activate","expires_in":900}"#);
/// let login = read_device_authorization_response(&connection, &request, &response, now)?;
/// assert_eq!(login.user_code(), "WDJB-MJHT");
/// assert_eq!(login.wait().as_secs(), 5);
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn read_device_authorization_response(
    connection: &Connection,
    request: &Request,
    response: &Response,
    started: Moment,
) -> Result<DeviceLogin, Error> {
    let named = |error: Error| {
        error
            .in_context("device authorization")
            .with_http_status(response.status)
            .with_provider(&connection.profile().id)
    };
    let is_success = (200..300).contains(&response.status);
    let document = serde_json::from_slice::<Map<String, Value>>(&response.body);
    let document = document
        .ok()
        .filter(|members| is_success && !members.contains_key("error"));
    if let Some(members) = document {
        return read(&members, started).map_err(|why| {
            let message = format!("the response of {} {why}", request.url().origin());
            named(
                Error::new(ErrorKind::Unreadable, message)
                    .with_hint("check base_url and the profile's endpoints.device_authorization"),
            )
        });
    }
    let grant = PresentedGrant::DeviceCode(Secret::new(""));
    let error = match read_token_response(connection, &grant, request, response, started) {
        Err(error) => error,
        Ok(_) => Error::new(
            ErrorKind::Unreadable,
            "the response is a token, not a code for the person",
        ),
    };
    let error = match (response.status, error.kind()) {
        (404 | 405 | 410, ErrorKind::Unreadable) => error
            .with_verdict(Verdict::FixConfiguration)
            .with_setting("base_url")
            .with_hint("there is no device authorization endpoint at this address: check base_url and the profile's endpoints.device_authorization"),
        // Nothing was spent, and no code was issued.
        (_, ErrorKind::LoginRequired) => error
            .with_verdict(Verdict::Unexpected)
            .with_hint("look up the server's response in the vendor's documentation"),
        _ => error,
    };
    Err(named(error))
}

/// Returns what is wrong with the response, if it is.
fn read(members: &Map<String, Value>, started: Moment) -> Result<DeviceLogin, String> {
    let text = |name: &str| {
        let text = members.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    let seconds = |name: &str| -> Result<_, String> {
        match members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = match value {
                    Value::String(text) => text.trim().parse().ok(),
                    value => value.as_f64(),
                };
                let number = number.filter(|s: &f64| s.is_finite() && *s >= 0.0);
                let number = number.ok_or_else(|| format!("has an invalid `{name}`"))?;
                Ok(Some(Duration::from_secs(number as u64).min(MAX_LIFETIME)))
            }
        }
    };
    let required = |name: &str| text(name).ok_or_else(|| format!("has no `{name}`"));
    let url = |name: &str, text: &str| {
        let parsed = Url::parse(text);
        let why = |error: Error| format!("has an unusable `{name}`: {}", error.message());
        parsed.map(|url| url.as_str().to_owned()).map_err(why)
    };
    // Google calls it `verification_url`.
    let verification_uri = match text("verification_url") {
        Some(text) if !members.contains_key("verification_uri") => url("verification_url", text)?,
        _ => url("verification_uri", required("verification_uri")?)?,
    };
    let complete = text("verification_uri_complete");
    let user_code = required("user_code")?;
    if user_code.chars().any(char::is_control) || user_code.chars().count() > 200 {
        return Err("has an unusable `user_code`".to_owned());
    }
    let expires_in = seconds("expires_in")?.ok_or("has no `expires_in`")?;
    let interval = seconds("interval")?.unwrap_or(DEFAULT_INTERVAL);
    Ok(DeviceLogin {
        device_code: Secret::from(required("device_code")?),
        user_code: user_code.to_owned(),
        verification_uri,
        verification_uri_complete: complete
            .map(|text| url("verification_uri_complete", text))
            .transpose()?,
        started,
        expires_in,
        pace: Arc::new(Mutex::new(Pace {
            interval: interval.max(Duration::from_secs(1)),
            once: None,
            is_doubtful: false,
            failure: None,
        })),
    })
}
