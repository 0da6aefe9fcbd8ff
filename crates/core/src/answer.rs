//! What a token endpoint answered: a token, or an error with a verdict.

mod charset;
mod json;
mod redact;
mod redirect;
mod reference;
mod refusal;
mod resource;
mod revocation;
mod said;
mod salvage;
mod spelling;
mod token;

use std::time::Duration;

use serde_json::Value;

use self::json::Members;
pub(crate) use self::redact::Redactor;
use self::redirect::explain_redirect;
pub(crate) use self::redirect::leaves_unprocessed;
pub(crate) use self::resource::explain_plain_get;
pub use self::resource::read_resource_response;
pub use self::revocation::read_revocation_response;
use self::said::Said;
pub(crate) use self::salvage::salvage;
use crate::profile::Rotation;
use crate::{
    Connection, Error, ErrorKind, Grant, Moment, Request, Response, SendError, TokenResponse, Url,
    Verdict,
};

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
    connection: &Connection,
    grant: &Grant,
    request: &Request,
    response: &Response,
    now: Moment,
) -> Result<TokenResponse, Error> {
    let answer = Answer {
        connection,
        grant,
        asked: request.url(),
        response,
        redactor: Redactor::of(request, connection.app()),
        now,
    };
    let translated = connection
        .provider()
        .translate(connection.app(), response)
        .map_err(|error| answer.explain_untranslated(error));
    let read = translated.and_then(|translated| {
        let body = translated.as_ref().unwrap_or(&response.body);
        answer.read(body)
    });
    read.map_err(|error| {
        let error = match leaves_doubt(response, &error) {
            true => explain_doubt(connection, grant, error),
            false => error,
        };
        let error = error
            .with_http_status(response.status)
            .with_provider(&connection.profile().id);
        match answer.trace_id() {
            Some(id) => error.with_trace_id(id),
            None => error,
        }
    })
}

/// Turns a failure to send into an error, with the verdict that fits what may be spent.
pub(crate) fn explain_send_error(
    connection: &Connection,
    grant: &Grant,
    error: SendError,
) -> Error {
    let error = match error {
        SendError::NotSent(error) => error,
        SendError::MaybeSent(error) => explain_doubt(connection, grant, error),
    };
    error.with_provider(&connection.profile().id)
}

/// Whether an answer that is an error leaves open what the server did: it is neither a
/// readable success nor a refusal, nor a redirect of a request that was not processed.
pub(crate) fn leaves_doubt(response: &Response, error: &Error) -> bool {
    match response.status {
        503 => false,
        500..=599 => true,
        400..=499 => false,
        status if leaves_unprocessed(status) => false,
        300..=399 => true,
        _ => match error.kind() {
            // A token of a type that cannot be used: what the server did is plain.
            ErrorKind::Unreadable => error.verdict() != Verdict::FixConfiguration,
            ErrorKind::Verification | ErrorKind::Plugin | ErrorKind::Internal => true,
            _ => false,
        },
    }
}

/// The verdict where the server may have acted on the request and its answer is lost.
pub(crate) fn explain_doubt(connection: &Connection, grant: &Grant, error: Error) -> Error {
    let refresh = &connection.profile().refresh;
    match grant {
        Grant::AuthorizationCode { .. } => connection.with_login_hint(
            error
                .with_verdict(Verdict::Reauthorize)
                .with_hint("the code may be spent and is not sent again: log in once more"),
        ),
        Grant::RefreshToken(_) if refresh.rotation != Rotation::Never && refresh.grace_s == 0 => {
            connection.with_login_hint(error
                .with_verdict(Verdict::OutcomeUnknown)
                .with_hint("the server may have replaced the refresh token, and nothing was sent twice: if the next refresh is refused, log in again"))
        }
        _ => error,
    }
}

struct Answer<'a> {
    connection: &'a Connection,
    grant: &'a Grant,
    /// Where the response comes from.
    asked: &'a Url,
    response: &'a Response,
    redactor: Redactor,
    now: Moment,
}

impl Answer<'_> {
    fn read(&self, body: &[u8]) -> Result<TokenResponse, Error> {
        let members = Members::read(self.response, body);
        if !(200..300).contains(&self.response.status) {
            let said = Said::of(self.response, body);
            return Err(match members {
                // It may mean one thing or the other.
                Err(why) if why.contains("twice") && !self.is_about_load() => {
                    self.unreadable(&why, &said)
                }
                _ => self.refusal(&said),
            });
        }
        let said = || Said::besides_tokens(self.response, body);
        match members {
            Ok(members) if members.says_oauth_error() => Err(self.refusal(&said())),
            Ok(members) if members.has_access_token() => self.read_token(&members),
            Ok(members) => {
                let said = said();
                let is_failure = members.has_errors() && !said.is_nothing();
                // A failure that only the profile knows as one.
                Err(match is_failure || self.row(&said).is_some() {
                    true => self.refusal(&said),
                    false => self.unreadable("the answer has no `access_token`", &said),
                })
            }
            Err(why) => Err(self.unreadable(&why, &said())),
        }
    }

    /// What a provider could not put into the words of RFC 6749, with what the server said.
    fn explain_untranslated(&self, error: Error) -> Error {
        let error = self.redactor.scrub(error);
        let is_refusal = !(200..300).contains(&self.response.status);
        match is_refusal && error.oauth_error().is_none() {
            true => {
                let said = Said::of(self.response, &self.response.body);
                let quoted = self.redactor.quoted(&said);
                self.redactor.note(error.with_more(&quoted), &said)
            }
            false => error,
        }
    }

    /// A response that is not one of a token endpoint: of a proxy, a captive portal, a wrong URL.
    fn unreadable(&self, why: &str, said: &Said) -> Error {
        let response = self.response;
        let origin = self.asked.origin();
        let header = |name: &str, word: &str| {
            let value = response.header(name)?;
            Some(format!(" {word} {}", self.redactor.clean(value)))
        };
        let kind = header("content-type", "of type").unwrap_or_default();
        let encoding = header("content-encoding", "in encoding").unwrap_or_default();
        let status = response.status;
        let message = format!(
            "{origin} answered {status} with {} bytes{kind}{encoding}, which is not an answer of a token endpoint: {why}{}",
            response.body.len(),
            self.redactor.quoted(said),
        );
        Error::new(ErrorKind::Unreadable, message)
            .with_hint("check base_url and token_url, and what stands between")
    }

    fn throttled(&self, message: String) -> Error {
        let hint =
            "wait, and ask less often: a store keeps a token for every process that needs it";
        self.wait(Error::new(ErrorKind::Throttled, message).with_hint(hint))
    }

    /// Adds the wait that the server asks for.
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

/// How long `Retry-After` asks to wait (RFC 9110 section 10.2.3), as seconds or as a date; at least
/// a second. A century is for ever, and keeps sums of times in range.
fn retry_after(response: &Response, now_unix_s: Option<i64>) -> Option<Duration> {
    const CENTURY_S: u64 = 100 * 366 * 24 * 3600;
    let text = response.header("retry-after")?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let seconds = match is_number {
        true => text.parse().unwrap_or(CENTURY_S),
        false => {
            let until = crate::date::parse_http_date(text)?;
            (until - response.date().or(now_unix_s)?).max(0) as u64
        }
    };
    Some(Duration::from_secs(seconds.clamp(1, CENTURY_S)))
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
            "the answer with status {} is not a JSON object{}",
            response.status,
            Redactor::of_secrets([]).quoted(&Said::besides_tokens(response, &response.body)),
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
