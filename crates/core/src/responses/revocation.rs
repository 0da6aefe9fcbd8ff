//! Responses of revocation endpoints (RFC 7009 section 2.2).

use super::read_token_response;
use crate::{Connection, Error, ErrorKind, Moment, PresentedGrant, Request, Response, Verdict};

/// Reads a response of the revocation endpoint. A pure function without I/O.
///
/// A 2xx is a success, whatever its body is. So is 400 `invalid_token`, which some vendors send for
/// a token that is already invalid: RFC 7009 has no error for that.
///
/// # Errors
///
/// If the server did not revoke the token. The error's `oauth_error` is `unsupported_token_type`
/// if it never revokes tokens of this type.
///
/// # Example
///
/// ```
/// use countersign_core::{Form, Request, Response, Url, read_revocation_response};
///
/// # use countersign_core::{Clock, Connection, ManualClock, Profile, Settings};
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
/// # let now = ManualClock::at(1_700_000_000).now();
/// let url = Url::parse("https://login.acme.example/revoke")?;
/// let request = Request::post(url, Form::new().field("token", "t0ken"));
/// read_revocation_response(&connection, &request, &Response::new(200, [], ""), now)?;
///
/// let response = Response::new(400, [], r#"{"error":"unsupported_token_type"}"#);
/// let error = read_revocation_response(&connection, &request, &response, now).unwrap_err();
/// assert_eq!(error.oauth_error(), Some("unsupported_token_type"));
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn read_revocation_response(
    connection: &Connection,
    request: &Request,
    response: &Response,
    now: Moment,
) -> Result<(), Error> {
    if (200..300).contains(&response.status) {
        return Ok(());
    }
    let response = as_form(response);
    // A grant that spends nothing and needs no login: a revocation does neither.
    let read = read_token_response(
        connection,
        &PresentedGrant::ClientCredentials,
        request,
        &response,
        now,
    );
    let Err(error) = read else { return Ok(()) };
    if (response.status, error.oauth_error()) == (400, Some("invalid_token")) {
        return Ok(());
    }
    let error = match (response.status, error.kind()) {
        (404 | 405, _) => error
            .with_verdict(Verdict::FixConfiguration)
            .with_setting("base_url")
            .with_hint("there is no revocation endpoint at this address: check base_url and the profile's endpoints.revoke"),
        (_, ErrorKind::LoginRequired | ErrorKind::ConsentRequired) => error
            .with_verdict(Verdict::Unexpected)
            .with_hint("revoke the grant at the vendor, in the person's list of authorized apps"),
        _ => error,
    };
    Err(error.in_context("revocation"))
}

/// Sets the content type of a response whose body is a form: Salesforce sends errors as forms with
/// another content type.
fn as_form(response: &Response) -> Response {
    let mut response = response.clone();
    if response.body.trim_ascii_start().starts_with(b"error=") {
        response
            .headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        let form = "application/x-www-form-urlencoded".to_owned();
        response.headers.push(("Content-Type".to_owned(), form));
    }
    response
}
