//! What an endpoint behind the access token answered, such as userinfo (RFC 6750 section 3).

use serde_json::{Map, Value};

use super::{Redactor, read_json, retry_after};
use crate::{Connection, Error, ErrorKind, Response, Verdict};

impl Connection {
    /// Reads the JSON object that an endpoint behind the access token answered: for providers, in
    /// [`Provider::read_identity`](crate::Provider::read_identity).
    ///
    /// # Errors
    ///
    /// Where the server refused: 401 means that the token is dead, whatever word the body has for
    /// it (RFC 6750 section 3.1). [`ErrorKind::Unreadable`] where the body is not a JSON object.
    pub fn read_resource_response(&self, response: &Response) -> Result<Map<String, Value>, Error> {
        if (200..300).contains(&response.status) {
            return read_json(response);
        }
        let (name, status) = (&self.profile().name, response.status);
        let error =
            |kind, what: &str| Error::new(kind, format!("{name} answered {status}: {what}"));
        let error = match status {
            401 => error(
                ErrorKind::Refused,
                "the access token is not valid, or not any more",
            )
            .with_verdict(Verdict::Retry)
            .with_hint("ask for a new token, as with: countersign token NAME --force"),
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
        let error = match (error.kind(), retry_after(response, None)) {
            (ErrorKind::Throttled | ErrorKind::Unavailable, Some(wait)) => {
                error.with_retry_after(wait)
            }
            _ => error,
        };
        let header = self.profile().response.trace_header.as_ref();
        let error = match header.and_then(|header| response.header(header)) {
            Some(id) => error.with_trace_id(Redactor::empty().clean(id)),
            None => error,
        };
        Err(error.with_http_status(status))
    }
}
