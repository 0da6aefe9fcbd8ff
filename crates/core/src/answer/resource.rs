//! What an endpoint behind the access token answered, such as userinfo (RFC 6750 section 3).

use serde_json::{Map, Value};

use super::{Redactor, Said, explain_redirect, read_json, retry_after};
use crate::{App, Error, ErrorKind, Moment, Response, Url, Verdict};

/// The error for a document that anybody may read and the server did not give, such as its keys.
pub(crate) fn explain_plain_get(url: &Url, response: &Response, now: Moment) -> Error {
    let redactor = Redactor::of_secrets([]);
    let status = response.status;
    if (300..400).contains(&status) {
        return explain_redirect(url, "the URL", response, &redactor);
    }
    let said = Said::of(response, &response.body);
    let message = format!(
        "the server answered with status {status}{}",
        redactor.quoted(&said)
    );
    let kind = match status {
        429 => ErrorKind::Throttled,
        400..=499 => ErrorKind::Unreadable,
        _ => ErrorKind::Unavailable,
    };
    let error = Error::new(kind, message).with_http_status(status);
    match (status, retry_after(response, Some(now.unix_s()))) {
        (429 | 500..=599, Some(wait)) => error.with_retry_after(wait),
        (400..=499, _) if status != 429 => error
            .with_verdict(Verdict::FixConfiguration)
            .with_hint("check the URL"),
        _ => error,
    }
}

/// Reads the JSON object that an endpoint behind the access token answered: for providers, in
/// [`Provider::read_identity`](crate::Provider::read_identity).
///
/// # Errors
///
/// If the server refused: 401 means that the token is dead, whatever word the body has for
/// it (RFC 6750 section 3.1). [`ErrorKind::Unreadable`] if the body is not a JSON object. What
/// the server said is in the error.
pub fn read_resource_response(
    app: App<'_>,
    response: &Response,
) -> Result<Map<String, Value>, Error> {
    if (200..300).contains(&response.status) {
        return read_json(response);
    }
    let redactor = Redactor::of_app(app);
    let error = match (response.status, &app.endpoints.userinfo_url) {
        (300..=399, Some(url)) => {
            explain_redirect(url, "base_url", response, &redactor).with_setting("base_url")
        }
        _ => refusal(app, response, &redactor),
    };
    let error = match (error.kind(), retry_after(response, None)) {
        (ErrorKind::Throttled | ErrorKind::Unavailable, Some(wait)) => error.with_retry_after(wait),
        _ => error,
    };
    let header = app.profile.response.trace_header.as_ref();
    let error = match header.and_then(|header| response.header(header)) {
        Some(id) => error.with_trace_id(redactor.clean(id)),
        None => error,
    };
    Err(error.with_http_status(response.status))
}

fn refusal(app: App<'_>, response: &Response, redactor: &Redactor) -> Error {
    let said = Said::of(response, &response.body);
    let words = redactor.quoted(&said);
    let (name, status) = (&app.profile.name, response.status);
    let error =
        |kind, what: &str| Error::new(kind, format!("{name} answered {status}: {what}{words}"));
    let error = match status {
        401 => error(
            ErrorKind::Refused,
            "the access token is not valid, or not any more",
        )
        .with_verdict(Verdict::Retry)
        .with_hint("report the token with invalidate, and ask for another one"),
        403 => error(ErrorKind::Refused, "the access token may not do this")
            .with_setting("scopes")
            .with_hint("add the scope that is missing to scopes, and consent or log in again"),
        429 => error(ErrorKind::Throttled, "too many requests"),
        500..=599 => error(ErrorKind::Unavailable, "it is not able to answer now"),
        _ => error(
            ErrorKind::Unreadable,
            "this is not an answer of this endpoint",
        )
        .with_hint("check environment and base_url, and what stands between"),
    };
    redactor.note(error, &said)
}
