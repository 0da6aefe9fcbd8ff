//! What a token endpoint answered: a token, or an error with a verdict.

mod json;
mod redact;
mod refusal;
mod resource;
mod salvage;

use std::time::Duration;

use serde_json::Value;

use self::json::Members;
pub(crate) use self::redact::Redactor;
use crate::profile::Rotation;
use crate::{
    Connection, Error, ErrorKind, Grant, Moment, Request, Response, Secret, SendError,
    TokenResponse, Verdict,
};

impl Connection {
    /// Reads what the token endpoint answered: a pure function, no I/O.
    ///
    /// Tolerant of what vendors do: numbers as strings, no `expires_in`, members nobody knows, an
    /// error in a 200. `now` is only used to compare the server's `Date` with.
    ///
    /// # Errors
    ///
    /// What the server refused, by the provider's table of errors and RFC 6749 section 5.2; or
    /// [`ErrorKind::Unreadable`] where the answer is not one of a token endpoint. Where the
    /// request may have spent a rotating refresh token, the verdict is
    /// [`Verdict::OutcomeUnknown`].
    pub fn read_token_response(
        &self,
        grant: &Grant,
        request: &Request,
        response: &Response,
        now: Moment,
    ) -> Result<TokenResponse, Error> {
        let answer = Answer {
            connection: self,
            grant,
            response,
            redactor: Redactor::of(request, self),
            now,
        };
        let translated = self.provider().translate(self, response);
        let read = translated.and_then(|translated| {
            let body = translated.as_ref().unwrap_or(&response.body);
            answer.read(body)
        });
        read.map_err(|error| {
            let error = match Self::leaves_doubt(response, &error) {
                true => self.explain_doubt(grant, error),
                false => error,
            };
            let error = error
                .with_http_status(response.status)
                .with_provider(&self.profile().id);
            match answer.trace_id() {
                Some(id) => error.with_trace_id(id),
                None => error,
            }
        })
    }

    /// Turns a failure to send into an error, with the verdict that fits what may be spent.
    pub(crate) fn explain_send_error(&self, grant: &Grant, error: SendError) -> Error {
        let error = match error {
            SendError::NotSent(error) => error,
            SendError::MaybeSent(error) => self.explain_doubt(grant, error),
        };
        error.with_provider(&self.profile().id)
    }

    /// Whether an answer that is an error leaves open what the server did: it is neither a
    /// readable success nor a well-formed refusal.
    pub(crate) fn leaves_doubt(response: &Response, error: &Error) -> bool {
        match response.status {
            503 => false,
            500..=599 => true,
            400..=499 => false,
            _ => error.oauth_error().is_none(),
        }
    }

    /// The verdict where the server may have acted on the request and its answer is lost.
    pub(crate) fn explain_doubt(&self, grant: &Grant, error: Error) -> Error {
        let url = self.login_url();
        let with_login = |error: Error| match &url {
            Some(url) => error.with_url(url.as_str()),
            None => error,
        };
        let refresh = &self.profile().refresh;
        match grant {
            Grant::AuthorizationCode { .. } => with_login(error)
                .with_verdict(Verdict::Reauthorize)
                .with_hint("the code may be spent and is not sent again: log in once more"),
            Grant::RefreshToken(_) if refresh.rotation != Rotation::Never && refresh.grace_s == 0 => {
                with_login(error)
                    .with_verdict(Verdict::OutcomeUnknown)
                    .with_hint("the server may have replaced the refresh token, and nothing was sent twice: if the next refresh is refused, log in again")
            }
            _ => error,
        }
    }
}

struct Answer<'a> {
    connection: &'a Connection,
    grant: &'a Grant,
    response: &'a Response,
    redactor: Redactor,
    now: Moment,
}

impl Answer<'_> {
    fn read(&self, body: &[u8]) -> Result<TokenResponse, Error> {
        let status = self.response.status;
        let members = match Members::parse(body) {
            Ok(members) => members,
            Err(why) => return Err(self.unreadable(&why)),
        };
        let succeeded = (200..300).contains(&status);
        if succeeded && !members.says_oauth_error() {
            return self.read_token(&members);
        }
        if !members.says_oauth_error() && !self.is_about_load() {
            return Err(self.unreadable("the answer has no `error`"));
        }
        Err(self.refusal(&members))
    }

    fn read_token(&self, members: &Members) -> Result<TokenResponse, Error> {
        let Some(access_token) = members.text("access_token").filter(|t| !t.is_empty()) else {
            return Err(self.unreadable("the answer has no `access_token`"));
        };
        if access_token.bytes().any(|b| b <= b' ' || b == 0x7f) {
            return Err(self.unreadable("`access_token` has blanks or control characters"));
        }
        let secret = |name| {
            members
                .text(name)
                .filter(|t| !t.is_empty())
                .map(Secret::from)
        };
        let mut extra = self.connection.environment_extra().clone();
        for name in &self.connection.profile().response.keep {
            if let Some(text) = members.scalar(name) {
                extra.insert(name.clone(), text);
            }
        }
        self.connection
            .provider()
            .read(self.connection, &mut extra)?;
        Ok(TokenResponse {
            access_token: Secret::from(access_token),
            token_type: members.text("token_type").unwrap_or("Bearer").to_owned(),
            expires_in: members
                .member("expires_in")
                .and_then(read_seconds)
                .or_else(|| self.own_lifetime(access_token)),
            refresh_token: secret("refresh_token"),
            id_token: secret("id_token"),
            scope: members.text("scope").map(str::to_owned),
            extra,
        })
    }

    /// What is left by the `exp` of an access token that is a JWT (RFC 9068), for an answer that
    /// does not say: told by the server's own clock, which is the one that `exp` goes by.
    fn own_lifetime(&self, access_token: &str) -> Option<Duration> {
        #[derive(serde::Deserialize)]
        struct Claims {
            exp: Value,
        }
        let parsed = crate::jws::inspect(access_token).ok()?;
        let Claims { exp } = serde_json::from_slice(&parsed.payload).ok()?;
        let sent = self
            .response
            .header("date")
            .and_then(crate::parse_http_date);
        let left = exp.as_f64()? - sent.unwrap_or(self.now.unix_s()) as f64;
        read_seconds(&left.max(0.0).into())
    }

    /// An answer that is not one of a token endpoint: of a proxy, a captive portal, a wrong URL.
    fn unreadable(&self, why: &str) -> Error {
        let response = self.response;
        let origin = self.connection.token_url().origin();
        let kind = match response.header("content-type") {
            Some(kind) => format!(" of type {}", self.redactor.clean(kind)),
            None => String::new(),
        };
        let status = response.status;
        let message = format!(
            "{origin} answered {status} with {} bytes{kind}, which is not an answer of a token endpoint: {why}",
            response.body.len()
        );
        match status {
            429 => self.throttled(message),
            500..=599 => self.wait(Error::new(ErrorKind::Unavailable, message)),
            400..=499 => Error::new(ErrorKind::Unreadable, message).with_hint(
                "something between refused the request, or base_url or token_url is wrong",
            ),
            300..=399 => Error::new(ErrorKind::Unreadable, message).with_hint(
                "redirects are not followed: set base_url or token_url to the final address",
            ),
            _ => Error::new(ErrorKind::Unreadable, message)
                .with_hint("check base_url and token_url, and what stands between"),
        }
    }

    fn throttled(&self, message: String) -> Error {
        let hint =
            "wait, and ask less often: a store keeps a token for every process that needs it";
        self.wait(Error::new(ErrorKind::Throttled, message).with_hint(hint))
    }

    /// Adds the wait that the server asks for, within reason: from a second to a quarter of an hour.
    fn wait(&self, error: Error) -> Error {
        match retry_after(self.response, Some(self.now.unix_s())) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }

    fn is_about_load(&self) -> bool {
        matches!(self.response.status, 429 | 500..=599)
    }

    fn trace_id(&self) -> Option<String> {
        let header = self.connection.profile().response.trace_header.as_ref()?;
        self.response
            .header(header)
            .map(|id| self.redactor.clean(id))
    }
}

/// How long `Retry-After` asks to wait (RFC 9110 section 10.2.3), as seconds or as a date.
fn retry_after(response: &Response, now_unix_s: Option<i64>) -> Option<Duration> {
    let text = response.header("retry-after")?;
    let seconds = match text.trim().parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let sent = response
                .header("date")
                .and_then(crate::date::parse_http_date);
            let until = crate::date::parse_http_date(text)?;
            (until - sent.or(now_unix_s)?).max(0) as u64
        }
    };
    Some(Duration::from_secs(seconds.clamp(1, 900)))
}

/// A lifetime in seconds: a number or a string of digits, clamped to what makes sense.
fn read_seconds(value: &Value) -> Option<Duration> {
    const TEN_YEARS: f64 = 10.0 * 366.0 * 24.0 * 3600.0;
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        _ => return None,
    };
    // NaN fails both comparisons and is no lifetime.
    (seconds.is_finite() || seconds > 0.0)
        .then(|| Duration::from_secs(seconds.clamp(0.0, TEN_YEARS) as u64))
}

/// Reads the members that `names` lists from a JSON answer to another request than a token's,
/// such as userinfo: for providers.
///
/// # Errors
///
/// [`ErrorKind::Unreadable`] where the body is not a JSON object.
pub fn read_json(response: &Response) -> Result<serde_json::Map<String, Value>, Error> {
    serde_json::from_slice(&response.body).map_err(|_| {
        let message = format!(
            "the answer with status {} is not a JSON object",
            response.status
        );
        Error::new(ErrorKind::Unreadable, message).with_http_status(response.status)
    })
}

/// A JSON scalar as text, for [`Extra`](crate::Extra).
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
