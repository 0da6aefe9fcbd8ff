//! Responses of resources, such as userinfo (RFC 6750 section 3) and a server's public keys.

use serde_json::{Map, Value};

use super::{Redactor, ServerError, explain_redirect, not_json, read_json, retry_after};
use crate::{App, Error, ErrorKind, Moment, Response, Url, Verdict};

/// Returns the error for a public document that the server did not return, such as its keys.
pub(crate) fn explain_plain_get(url: &Url, response: &Response, now: Moment) -> Error {
    let redactor = Redactor::of_secrets([]);
    let status = response.status;
    if (300..400).contains(&status) {
        return explain_redirect(url, "the URL", response, &redactor);
    }
    let reported = ServerError::of(response, &response.body);
    let message = format!(
        "the server returned HTTP {status}{}",
        redactor.quoted(&reported)
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

/// Reads the JSON object of a response to a request with an access token.
///
/// For providers, in [`Provider::read_identity`](crate::Provider::read_identity).
///
/// # Errors
///
/// If the server rejected the request. A 401 means that the token is no longer valid, whatever the
/// body says (RFC 6750 section 3.1). [`ErrorKind::Unreadable`] if the body is not a JSON object.
/// The error contains the server's message.
///
/// # Example
///
/// ```
/// use countersign_core::{Response, read_resource_response};
///
/// # use countersign_core::{Connection, Profile, Settings};
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
/// let response = Response::new(200, [], r#"{"sub":"42"}"#);
/// let members = read_resource_response(connection.app(), &response)?;
/// assert_eq!(members["sub"], "42");
///
/// let response = Response::new(403, [], r#"{"error":"insufficient_scope"}"#);
/// let error = read_resource_response(connection.app(), &response).unwrap_err();
/// assert_eq!(error.setting_name(), Some("scopes"));
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn read_resource_response(
    app: App<'_>,
    response: &Response,
) -> Result<Map<String, Value>, Error> {
    check_resource_response(app, response)?;
    read_json(response)
}

/// Like [`read_resource_response`], for a JSON object or array.
pub(crate) fn read_resource_document(app: App<'_>, response: &Response) -> Result<Value, Error> {
    check_resource_response(app, response)?;
    let document = serde_json::from_slice(&response.body);
    let document = document.map_err(|_| not_json(response))?;
    match document {
        Value::Object(_) | Value::Array(_) => Ok(document),
        _ => Err(not_json(response)),
    }
}

fn check_resource_response(app: App<'_>, response: &Response) -> Result<(), Error> {
    if (200..300).contains(&response.status) {
        return Ok(());
    }
    let redactor = Redactor::of_app(app);
    let error = match (response.status, &app.endpoints.userinfo_url) {
        (300..=399, Some(url)) => {
            explain_redirect(url, "base_url", response, &redactor).with_setting("base_url")
        }
        _ => rejection(app, response, &redactor),
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

fn rejection(app: App<'_>, response: &Response, redactor: &Redactor) -> Error {
    let reported = ServerError::of(response, &response.body);
    let words = redactor.quoted(&reported);
    let (name, status) = (&app.profile.name, response.status);
    let error = |kind, what: &str| {
        Error::new(
            kind,
            format!("{name} returned HTTP {status}: {what}{words}"),
        )
    };
    let error = match status {
        401 => error(
            ErrorKind::Rejected,
            "the access token is invalid, expired or revoked",
        )
        .with_verdict(Verdict::Retry)
        .with_hint("invalidate the token, and request another one"),
        403 => error(
            ErrorKind::Rejected,
            "the access token isn't allowed to do this",
        )
        .with_setting("scopes")
        .with_hint("add the missing scope to scopes, and consent or log in again"),
        429 => error(ErrorKind::Throttled, "too many requests"),
        500..=599 => error(ErrorKind::Unavailable, "the server is unavailable"),
        _ => error(
            ErrorKind::Unreadable,
            "this is not a response of this endpoint",
        )
        .with_hint("check environment, base_url, and any proxy in between"),
    };
    redactor.note(error, &reported)
}
