//! Shared by the adapters for HTTP crates. `tests/adapters` specifies their rules.

use countersign_core::{Error, ErrorKind, Token, Verdict};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Returns an error if a request to this host would send the token in clear text.
///
/// An IPv6 address has brackets.
#[cfg(any(feature = "reqwest", feature = "ureq"))]
pub(crate) fn check_target(scheme: &str, host: &str) -> Result<(), Error> {
    use countersign_core::Url;

    // A URL of core is https, or http to a loopback address.
    if scheme == "https" || Url::parse(&format!("{scheme}://{host}/")).is_ok() {
        return Ok(());
    }
    let message = format!("the token is not sent to {host} over {scheme}");
    Err(usage(message)
        .with_hint("use https; plain http is allowed only to localhost and loopback addresses"))
}

/// Builds the error for a wrong call.
pub(crate) fn usage(message: String) -> Error {
    Error::new(ErrorKind::Setting, message).with_verdict(Verdict::Unexpected)
}

/// Sets the headers that carry the token. Their `Debug` doesn't show it.
pub(crate) fn authorize(headers: &mut HeaderMap, token: &Token) -> Result<(), Error> {
    for (name, value) in token.headers()? {
        let invalid = || {
            let message = format!("the header `{name}` of the token is not a valid header");
            Error::new(ErrorKind::Unreadable, message)
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| invalid())?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(())
}

/// Returns the token if it is another one than the API rejected.
pub(crate) fn other(token: Token, rejected: &Token) -> Option<Token> {
    (token.secret() != rejected.secret()).then_some(token)
}
