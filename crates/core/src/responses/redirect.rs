//! Redirects, which are never followed.

use super::Redactor;
use crate::{Error, ErrorKind, Response, Url, Verdict};

/// Returns whether a status is a redirect of a request that was not processed (RFC 9110 sections
/// 15.4.2, 15.4.3, 15.4.8 and 15.4.9). With 303, the server may have processed it.
pub(crate) fn leaves_unprocessed(status: u16) -> bool {
    matches!(status, 301 | 302 | 307 | 308)
}

/// Returns the error for a redirect, which names the setting to change and the origin of
/// `Location`. Path and query aren't shown, because they may be private.
pub(crate) fn explain_redirect(
    asked: &Url,
    place: &str,
    response: &Response,
    redactor: &Redactor,
) -> Error {
    let (origin, status) = (asked.origin(), response.status);
    let location = response.header("location").unwrap_or_default().trim();
    let target = origin_of(location).map(|origin| redactor.clean(&origin));
    let (to, new) = match &target {
        Some(target) if target != origin => (format!("to {target}"), target.as_str()),
        _ if location.is_empty() => ("without a Location header".to_owned(), ""),
        _ => ("to another path of the same host".to_owned(), ""),
    };
    let message =
        format!("{origin} returned HTTP {status}, a redirect {to}, which was not followed");
    let hint = match new {
        "" => format!("redirects are not followed: set {place} to the final address"),
        new => format!(
            "redirects are not followed: if {new} is the vendor's, set {place} to the final address; if not, look for a proxy or captive portal in between"
        ),
    };
    Error::new(ErrorKind::Unreadable, message)
        .with_verdict(Verdict::FixConfiguration)
        .with_hint(hint)
        .with_http_status(status)
}

/// Returns scheme, host and port of an absolute URL, or of one that only omits the scheme.
fn origin_of(location: &str) -> Option<String> {
    let absolute = match location.strip_prefix("//") {
        Some(rest) => format!("https://{rest}"),
        None => location.to_owned(),
    };
    let end = absolute.find(['?', '#']).unwrap_or(absolute.len());
    let uri: http::Uri = absolute[..end].parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let port = authority.port().map(|port| format!(":{port}"));
    Some(format!(
        "{scheme}://{}{}",
        authority.host(),
        port.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_only_the_origin() {
        for (location, expected) in [
            (
                "https://new.example/token?state=canary",
                Some("https://new.example"),
            ),
            (
                "https://user:canary@new.example:8443/x",
                Some("https://new.example:8443"),
            ),
            ("http://new.example#canary", Some("http://new.example")),
            ("//new.example/x", Some("https://new.example")),
            ("/login", None),
            ("", None),
            ("https://canary canary/", None),
        ] {
            assert_eq!(origin_of(location).as_deref(), expected, "{location}");
        }
    }
}
