//! What a revocation endpoint answered (RFC 7009 section 2.2), which is not a token response.

use super::read_token_response;
use crate::{Connection, Error, ErrorKind, Grant, Moment, Request, Response, Verdict};

/// Reads what the revocation endpoint answered: a pure function, no I/O.
///
/// A 2xx is a success, whatever its body. So is 400 `invalid_token`, which some vendors send
/// for a token that is already invalid: RFC 7009 has no error for that.
///
/// # Errors
///
/// If the server did not revoke the token. The error's `oauth_error` is `unsupported_token_type`
/// if it never revokes tokens of this type.
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
    // Refused by a grant that spends nothing and needs no login: neither is at stake here.
    let read = read_token_response(
        connection,
        &Grant::ClientCredentials,
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
            .with_hint("the server has no revocation endpoint there: check base_url and the profile's endpoints.revoke"),
        (_, ErrorKind::LoginRequired | ErrorKind::ConsentRequired) => error
            .with_verdict(Verdict::Unexpected)
            .with_hint("end the grant at the vendor, in the list of apps that the person has allowed"),
        _ => error,
    };
    Err(error.in_context("revocation"))
}

/// The response, called a form if its body is one: Salesforce sends errors so, whatever it calls them.
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
