//! Finds the endpoints of an authorization server by its issuer (RFC 8414, OpenID Connect
//! Discovery).

mod connection;
mod registration;
mod resource;

use std::time::Duration;

pub(crate) use self::registration::{read_registration, registration_request};
pub use self::resource::{ResourceMetadata, discover_resource};
use crate::metadata::{parse_issuer, read_json};
use crate::responses::explain_plain_get;
use crate::{Clock, Error, ErrorKind, Request, Response, ServerMetadata, Transport, Url, Verdict};

/// For how long metadata is used if the response does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The limits of a lifetime that the server states.
const LIFETIMES: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(5 * 60)..=Duration::from_secs(7 * 24 * 3600);

/// A metadata document as the server returned it.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) metadata: ServerMetadata,
    pub(crate) document: Vec<u8>,
    pub(crate) lifetime: Duration,
}

/// Fetches an authorization server's metadata.
///
/// `issuer` is the server's issuer identifier, an https URL. Its well-known addresses are tried in
/// turn: RFC 8414's, then OpenID Connect's. Redirects are not followed.
///
/// # Errors
///
/// - [`ErrorKind::Setting`]: `issuer` is not an issuer identifier.
/// - [`ErrorKind::Unreadable`]: no address has metadata.
/// - [`ErrorKind::Verification`]: the metadata is of another issuer, or names unsafe endpoints.
/// - As [`Transport::send`], and if the server is unavailable.
///
/// # Example
///
/// ```
/// use countersign_core::{Response, discover, testing};
///
/// let transport = testing::MockTransport::new([Ok(Response::new(200, [], r#"{
///     "issuer": "https://login.acme.example",
///     "token_endpoint": "https://login.acme.example/token"
/// }"#))]);
/// let clock = testing::ManualClock::at(testing::NOW);
/// let metadata = discover("https://login.acme.example", &*transport, &clock)?;
/// assert_eq!(metadata.token_endpoint.unwrap().path(), "/token");
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn discover(
    issuer: &str,
    transport: &dyn Transport,
    clock: &dyn Clock,
) -> Result<ServerMetadata, Error> {
    fetch(issuer, transport, clock).map(|fetched| fetched.metadata)
}

/// Like [`discover`], but also returns the document and for how long it may be used.
pub(crate) fn fetch(
    issuer: &str,
    transport: &dyn Transport,
    clock: &dyn Clock,
) -> Result<Fetched, Error> {
    let mut tried = Vec::new();
    for url in metadata_urls(&parse_issuer(issuer)?) {
        let response = transport
            .send(&Request::get(url.clone()))
            .map_err(|error| error.into_error().in_context(metadata_of(issuer)))?;
        match read(issuer, &url, &response, clock) {
            Ok(metadata) => {
                return Ok(Fetched {
                    metadata,
                    lifetime: lifetime(&response),
                    document: response.body.to_vec(),
                });
            }
            Err(error) if is_elsewhere(&error) => tried.push((url, error)),
            Err(error) => return Err(error),
        }
    }
    Err(not_found(issuer, &tried))
}

/// Returns the addresses where an issuer may publish its metadata: RFC 8414 section 3.1, OpenID
/// Connect Discovery section 4, and RFC 8414 section 5.
fn metadata_urls(issuer: &Url) -> Vec<Url> {
    const OAUTH: &str = "/.well-known/oauth-authorization-server";
    const OPENID: &str = "/.well-known/openid-configuration";
    let (origin, path) = (issuer.origin(), issuer.path().trim_end_matches('/'));
    let mut texts = vec![
        format!("{origin}{OAUTH}{path}"),
        format!("{origin}{path}{OPENID}"),
    ];
    if !path.is_empty() {
        texts.push(format!("{origin}{OPENID}{path}"));
    }
    texts
        .iter()
        .filter_map(|text| Url::parse(text).ok())
        .collect()
}

fn read(
    issuer: &str,
    url: &Url,
    response: &Response,
    clock: &dyn Clock,
) -> Result<ServerMetadata, Error> {
    if response.status != 200 {
        return Err(unavailable(url, response, clock).in_context(metadata_of(issuer)));
    }
    ServerMetadata::from_json(issuer, &response.body)
}

/// Returns the error for an address without a document.
fn unavailable(url: &Url, response: &Response, clock: &dyn Clock) -> Error {
    explain_plain_get(url, response, clock.now())
}

/// Whether the metadata may be at another address: there is nothing to read at this one.
fn is_elsewhere(error: &Error) -> bool {
    let is_missing =
        matches!(error.http_status(), Some(300..=499)) && error.http_status() != Some(429);
    is_missing || (error.http_status().is_none() && error.kind() == ErrorKind::Unreadable)
}

fn not_found(issuer: &str, tried: &[(Url, Error)]) -> Error {
    let each = tried.iter().map(|(url, error)| match error.http_status() {
        Some(status) => format!("{url} returned HTTP {status}"),
        None => format!("{url} returned something else"),
    });
    let message = format!(
        "{issuer} publishes no metadata: {}",
        each.collect::<Vec<_>>().join(", ")
    );
    Error::new(ErrorKind::Unreadable, message)
        .with_verdict(Verdict::FixConfiguration)
        .with_setting("issuer")
        .with_hint(
            "check issuer; if the server publishes no metadata, write a profile with its endpoints",
        )
}

fn metadata_of(issuer: &str) -> String {
    format!("the metadata of {issuer}")
}

fn lifetime(response: &Response) -> Duration {
    limited(response.max_age().unwrap_or(DEFAULT_LIFETIME))
}

/// Limits a lifetime to [`LIFETIMES`].
pub(crate) fn limited(lifetime: Duration) -> Duration {
    lifetime.clamp(*LIFETIMES.start(), *LIFETIMES.end())
}
