//! Reads the responses of servers: a token, or an error with a verdict.

mod charset;
mod failure;
mod json;
mod redact;
mod redirect;
mod reference;
mod rejection;
mod resource;
mod revocation;
mod salvage;
mod server_error;
mod spelling;
mod token;

use std::time::Duration;

use serde_json::Value;

use self::failure::Failure;
use self::json::Members;
pub(crate) use self::redact::{Redactor, on_one_line};
use self::redirect::explain_redirect;
pub(crate) use self::redirect::leaves_unprocessed;
pub use self::resource::read_resource_response;
pub(crate) use self::resource::{explain_plain_get, read_resource_document};
pub use self::revocation::read_revocation_response;
pub(crate) use self::salvage::salvage;
use self::server_error::ServerError;
pub(crate) use self::server_error::challenge_parameters;
use crate::profile::{ResponseRules, Rotation};
use crate::{
    Connection, Error, ErrorKind, Moment, PresentedGrant, Request, Response, SendError,
    TokenResponse, Url, Verdict,
};

/// Reads a response of the token endpoint. A pure function without I/O.
///
/// Tolerates the habits of vendors: numbers as strings, a missing `expires_in`, unknown members, an
/// error in a 200. `now` is only compared with the server's `Date`.
///
/// # Errors
///
/// If the server rejected the request: the provider's table of errors decides, then RFC 6749
/// section 5.2. [`ErrorKind::Unreadable`] if this isn't a response of a token endpoint. If the
/// request may have spent a rotating refresh token, the verdict is [`Verdict::OutcomeUnknown`].
///
/// # Example
///
/// ```
/// use countersign_core::{Response, read_token_response};
///
/// # use countersign_core::{
/// #     Clock, Connection, PresentedGrant, ManualClock, Profile, Settings, SystemRandom, token_request,
/// # };
/// # let profile = Profile::from_toml(r#"
/// #     id = "acme"
/// #     name = "Acme"
/// #     documentation = "https://acme.example/docs"
/// #     environments.production.base_url = "https://login.acme.example"
/// #     endpoints.token = "{base_url}/token"
/// #     grants.client-credentials.client_auth = ["post"]
/// # "#)?;
/// # let settings = Settings::from_pairs([
/// #     ("provider", "acme"), ("client_id", "app"), ("client_secret", "s3cret"),
/// # ])?;
/// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
/// # let grant = PresentedGrant::ClientCredentials;
/// # let now = ManualClock::at(1_700_000_000).now();
/// # let request = token_request(&connection, &grant, now, &SystemRandom::new())?;
/// let response = Response::new(200, [], r#"{"access_token":"t0ken","expires_in":3600}"#);
/// let token = read_token_response(&connection, &grant, &request, &response, now)?;
/// assert_eq!(token.access_token.expose(), "t0ken");
///
/// let response = Response::new(400, [], r#"{"error":"invalid_scope"}"#);
/// let error = read_token_response(&connection, &grant, &request, &response, now).unwrap_err();
/// assert_eq!(error.setting_name(), Some("scopes"));
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn read_token_response(
    connection: &Connection,
    grant: &PresentedGrant,
    request: &Request,
    response: &Response,
    now: Moment,
) -> Result<TokenResponse, Error> {
    let reader = ResponseReader {
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
        .map_err(|error| reader.explain_untranslated(error));
    let read = translated.and_then(|translated| {
        let body = translated.as_ref().unwrap_or(&response.body);
        reader.read(body)
    });
    read.map_err(|error| {
        let error = match leaves_doubt(response, &error) {
            true => explain_doubt(connection, grant, error),
            false => error,
        };
        let error = error
            .with_http_status(response.status)
            .with_provider(&connection.profile().id);
        match reader.trace_id() {
            Some(id) => error.with_trace_id(id),
            None => error,
        }
    })
}

/// Converts a failure to send into an error. Its verdict depends on whether the request may have
/// spent something.
pub(crate) fn explain_send_error(
    connection: &Connection,
    grant: &PresentedGrant,
    error: SendError,
) -> Error {
    let error = match error {
        SendError::NotSent(error) => error,
        SendError::MaybeSent(error) => explain_doubt(connection, grant, error),
    };
    error.with_provider(&connection.profile().id)
}

/// Returns whether a response leaves open what the server did: it is neither a readable success,
/// nor a rejection, nor a redirect of a request that was not processed.
pub(crate) fn leaves_doubt(response: &Response, error: &Error) -> bool {
    match response.status {
        503 => false,
        500..=599 => true,
        400..=499 => false,
        status if leaves_unprocessed(status) => false,
        300..=399 => true,
        _ => match error.kind() {
            // The server issued a token of a type that isn't supported.
            ErrorKind::Unreadable => error.verdict() != Verdict::FixConfiguration,
            ErrorKind::Verification | ErrorKind::Plugin | ErrorKind::Internal => true,
            _ => false,
        },
    }
}

/// Sets the verdict for when the server may have acted on the request, but its response was lost.
pub(crate) fn explain_doubt(
    connection: &Connection,
    grant: &PresentedGrant,
    error: Error,
) -> Error {
    let refresh = &connection.profile().refresh;
    match grant {
        PresentedGrant::AuthorizationCode { .. } => connection.with_login_hint(
            error
                .with_verdict(Verdict::Reauthorize)
                .with_hint("the code may have been used and is not sent again: log in again"),
        ),
        PresentedGrant::RefreshToken(_) if refresh.rotation != Rotation::Never && refresh.grace_s == 0 => {
            connection.with_login_hint(error
                .with_verdict(Verdict::OutcomeUnknown)
                .with_hint("the server may have replaced the refresh token, and nothing was sent twice: if the next refresh is rejected, log in again"))
        }
        _ => error,
    }
}

/// A response of the token endpoint, with the request that it belongs to.
struct ResponseReader<'a> {
    connection: &'a Connection,
    grant: &'a PresentedGrant,
    /// The URL that the request was sent to.
    asked: &'a Url,
    response: &'a Response,
    redactor: Redactor,
    now: Moment,
}

impl ResponseReader<'_> {
    fn read(&self, body: &[u8]) -> Result<TokenResponse, Error> {
        let rules = self.rules();
        let members = Members::read(self.response, body, rules);
        if !(200..300).contains(&self.response.status) {
            let failure = Failure::of(self.response, body, rules);
            return Err(match members {
                // Which of the two members counts is unknown.
                Err(why) if why.contains("twice") && !self.is_about_load() => {
                    self.unreadable(&why, &failure.reported)
                }
                _ => self.rejection(&failure),
            });
        }
        let failure = || Failure::besides_tokens(self.response, body, rules);
        let is_failure = |members: &Members| match rules.success.is_empty() {
            true => members.says_oauth_error(),
            false => !members.says_success(rules),
        };
        match members {
            Ok(members) if is_failure(&members) => Err(self.rejection(&failure())),
            Ok(members) if members.has_access_token(rules) => self.read_token(&members),
            Ok(members) => {
                let failure = failure();
                let has_errors = members.has_errors() || failure.is_where_expected;
                let is_failure = has_errors && !failure.reported.is_nothing();
                // Some failures only the profile recognizes.
                Err(match is_failure || self.row(&failure).is_some() {
                    true => self.rejection(&failure),
                    false => self.unreadable(&self.no_access_token(), &failure.reported),
                })
            }
            Err(why) => Err(self.unreadable(&why, &failure().reported)),
        }
    }

    fn rules(&self) -> &ResponseRules {
        &self.connection.profile().response
    }

    fn no_access_token(&self) -> String {
        match &self.rules().access_token {
            places if places.is_empty() => "the response has no `access_token`".to_owned(),
            places => format!("the response has no access token at {places}"),
        }
    }

    /// Adds the server's message to the error of a provider that couldn't translate a response.
    fn explain_untranslated(&self, error: Error) -> Error {
        let error = self.redactor.scrub(error);
        let is_rejection = !(200..300).contains(&self.response.status);
        match is_rejection && error.oauth_error().is_none() {
            true => {
                let reported = ServerError::of(self.response, &self.response.body);
                let quoted = self.redactor.quoted(&reported);
                self.redactor.note(error.with_more(&quoted), &reported)
            }
            false => error,
        }
    }

    /// Returns the error for something other than a token response: from a proxy, a captive portal
    /// or a wrong URL.
    fn unreadable(&self, why: &str, reported: &ServerError) -> Error {
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
            "{origin} returned HTTP {status} with {} bytes{kind}{encoding}, which is not a token response: {why}{}",
            response.body.len(),
            self.redactor.quoted(reported),
        );
        Error::new(ErrorKind::Unreadable, message)
            .with_hint("check base_url, token_url, and any proxy in between")
    }

    fn throttled(&self, message: String) -> Error {
        let hint =
            "wait, and request tokens less often: a store shares one token between all processes";
        self.wait(Error::new(ErrorKind::Throttled, message).with_hint(hint))
    }

    /// Adds the wait that the server requests.
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

/// Returns the wait that `Retry-After` requests as seconds or as a date (RFC 9110 section 10.2.3),
/// at least one second. The maximum of a century keeps sums of times in range.
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

/// Reads the JSON object in a response that is not a token response, such as userinfo.
///
/// For providers. Call it from [`Provider::translate`](crate::Provider::translate), for example.
///
/// # Errors
///
/// [`ErrorKind::Unreadable`] if the body is not a JSON object.
///
/// # Example
///
/// ```
/// use countersign_core::{Response, read_json};
///
/// let response = Response::new(200, [], r#"{"sub":"42"}"#);
/// assert_eq!(read_json(&response)?["sub"], "42");
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn read_json(response: &Response) -> Result<serde_json::Map<String, Value>, Error> {
    serde_json::from_slice(&response.body).map_err(|_| not_json(response))
}

/// Returns the error for a response that is not a JSON object, or not an array where one may be.
fn not_json(response: &Response) -> Error {
    let message = format!(
        "the response with status {} is not a JSON object{}",
        response.status,
        Redactor::of_secrets([]).quoted(&ServerError::besides_tokens(response, &response.body)),
    );
    Error::new(ErrorKind::Unreadable, message).with_http_status(response.status)
}

/// Returns a JSON scalar as text, for [`Extra`](crate::Extra), or `None` if it isn't a scalar.
///
/// # Example
///
/// ```
/// use countersign_core::scalar_text;
///
/// assert_eq!(scalar_text(&42.into()).as_deref(), Some("42"));
/// assert_eq!(scalar_text(&serde_json::Value::Null), None);
/// ```
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
