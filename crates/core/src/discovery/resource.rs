//! A protected resource's metadata (RFC 9728): which authorization servers issue its tokens.

use serde::Deserialize;

use super::{is_elsewhere, read_json};
use crate::responses::challenge_parameters;
use crate::{Clock, Error, ErrorKind, Request, Response, Transport, Url, Verdict};

/// The metadata of a protected resource (RFC 9728 section 2).
///
/// # Example
///
/// ```
/// use countersign_core::ResourceMetadata;
///
/// let metadata = ResourceMetadata::from_json("https://mcp.acme.example/v1", br#"{
///     "resource": "https://mcp.acme.example/v1",
///     "authorization_servers": ["https://login.acme.example"],
///     "scopes_supported": ["files:read"]
/// }"#)?;
/// assert_eq!(metadata.authorization_servers, ["https://login.acme.example"]);
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ResourceMetadata {
    /// The resource identifier.
    pub resource: String,
    /// The issuers of the authorization servers, the preferred one first.
    #[serde(default)]
    pub authorization_servers: Vec<String>,
    /// The scopes that requests to the resource need, as far as it lists them.
    #[serde(default)]
    pub scopes_supported: Vec<String>,
    /// The resource's name for people.
    pub resource_name: Option<String>,
}

impl ResourceMetadata {
    /// Reads and validates a metadata document.
    ///
    /// `resource` is the identifier that the caller expects. It is compared as text (RFC 9728
    /// section 3.3).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreadable`] if this is not a metadata document, and
    /// [`ErrorKind::Verification`] if it is that of another resource.
    pub fn from_json(resource: &str, body: &[u8]) -> Result<Self, Error> {
        let metadata: Self = read_json(resource, body)?;
        if metadata.resource == resource {
            return Ok(metadata);
        }
        let found: String = metadata.resource.chars().take(300).collect();
        let found = found.escape_debug();
        let message = format!("the metadata at {resource} is that of another resource, `{found}`");
        Err(Error::new(ErrorKind::Verification, message)
            .with_verdict(Verdict::FixConfiguration)
            .with_setting("resource")
            .with_hint(format!(
                "set resource = \"{found}\" if you trust that identifier; resources are compared exactly, so that one can't pass for another"
            )))
    }
}

/// Fetches a protected resource's metadata.
///
/// `resource` is the URL of the protected API. Asks at the well-known addresses of that URL; if
/// there is nothing, requests the resource without a token and reads `resource_metadata` of its
/// `WWW-Authenticate` header (RFC 9728 section 5.1). Redirects are not followed.
///
/// # Errors
///
/// - [`ErrorKind::Setting`]: `resource` is not a URL, or has a fragment.
/// - [`ErrorKind::Unreadable`]: the resource has no metadata, or names no authorization server.
/// - [`ErrorKind::Verification`]: the metadata is of another resource, is on another origin, or names
///   a server on this machine's loopback.
/// - As [`Transport::send`], and if the server is unavailable.
///
/// # Example
///
/// ```
/// use countersign_core::{Response, discover_resource, testing};
///
/// let transport = testing::MockTransport::new([Ok(Response::new(200, [], r#"{
///     "resource": "https://mcp.acme.example/v1",
///     "authorization_servers": ["https://login.acme.example"]
/// }"#))]);
/// let clock = testing::ManualClock::at(testing::NOW);
/// let metadata = discover_resource("https://mcp.acme.example/v1", &*transport, &clock)?;
/// assert_eq!(metadata.authorization_servers[0], "https://login.acme.example");
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn discover_resource(
    resource: &str,
    transport: &dyn Transport,
    clock: &dyn Clock,
) -> Result<ResourceMetadata, Error> {
    let url = Url::parse(resource).map_err(|error| error.with_setting("resource"))?;
    let context = || format!("the metadata of {}", url.without_query());
    let get = |url: &Url| {
        let sent = transport.send(&Request::get(url.clone()));
        sent.map_err(|error| error.into_error().in_context(context()))
    };
    for address in addresses(&url) {
        let response = get(&address)?;
        let read = match response.status {
            200 => ResourceMetadata::from_json(resource, &response.body),
            _ => Err(super::unavailable(&address, &response, clock).in_context(context())),
        };
        match read {
            Ok(metadata) => return with_servers(metadata),
            Err(error) if is_elsewhere(&error) => {}
            Err(error) => return Err(error),
        }
    }
    let challenge = get(&url)?;
    let Some(address) = metadata_address(&url, &challenge)? else {
        return Err(missing(&url, "publishes no metadata"));
    };
    let response = get(&address)?;
    if response.status != 200 {
        return Err(super::unavailable(&address, &response, clock).in_context(context()));
    }
    with_servers(ResourceMetadata::from_json(resource, &response.body)?)
}

/// Returns the addresses of a resource's metadata (RFC 9728 section 3.1).
fn addresses(resource: &Url) -> Vec<Url> {
    const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
    let (origin, path) = (resource.origin(), resource.path().trim_end_matches('/'));
    let mut texts = vec![format!("{origin}{WELL_KNOWN}{path}")];
    if !path.is_empty() {
        texts.push(format!("{origin}{WELL_KNOWN}"));
    }
    let urls = texts.iter().filter_map(|text| Url::parse(text).ok());
    urls.collect()
}

/// Returns the address that the resource names in the response to a request without a token.
fn metadata_address(resource: &Url, response: &Response) -> Result<Option<Url>, Error> {
    let challenge = response.header("www-authenticate").unwrap_or_default();
    let parameters = challenge_parameters(challenge);
    let mut named = parameters
        .into_iter()
        .filter(|(_, value)| !value.is_empty());
    let named = named.find(|(name, _)| name.eq_ignore_ascii_case("resource_metadata"));
    let Some((_, text)) = named else {
        return Ok(None);
    };
    let url = Url::parse(&text).map_err(|error| {
        Error::new(ErrorKind::Verification, error.message().to_owned())
            .with_verdict(Verdict::FixConfiguration)
            .with_setting("resource")
            .with_hint("check resource, or set issuer to the authorization server's identifier")
            .in_context("the resource's `resource_metadata`")
    })?;
    match url.origin() == resource.origin() {
        true => Ok(Some(url)),
        false => {
            let message = format!(
                "the metadata of {} is on another origin, {}",
                resource.without_query(),
                url.origin()
            );
            Err(Error::new(ErrorKind::Verification, message)
                .with_verdict(Verdict::FixConfiguration)
                .with_setting("resource")
                .with_hint(
                    "check resource; if that origin is right, set issuer instead of resource",
                ))
        }
    }
}

/// Checks that there is a server, and that a resource elsewhere doesn't lead to this machine's.
fn with_servers(metadata: ResourceMetadata) -> Result<ResourceMetadata, Error> {
    let resource = Url::parse(&metadata.resource)?;
    if metadata.authorization_servers.is_empty() {
        return Err(missing(&resource, "names no authorization server"));
    }
    let servers = metadata.authorization_servers.iter();
    let mut urls = servers.filter_map(|issuer| Url::parse(issuer).ok());
    match urls.find(|url| url.is_loopback() && !resource.is_loopback()) {
        None => Ok(metadata),
        Some(url) => {
            let message = format!(
                "{} names the authorization server {url}, which is on this machine's loopback",
                resource.without_query()
            );
            Err(Error::new(ErrorKind::Verification, message)
                .with_verdict(Verdict::FixConfiguration)
                .with_setting("resource")
                .with_hint(
                    "check resource; if that server is right, set issuer instead of resource",
                ))
        }
    }
}

fn missing(resource: &Url, what: &str) -> Error {
    Error::new(
        ErrorKind::Unreadable,
        format!("{} {what}", resource.without_query()),
    )
    .with_verdict(Verdict::FixConfiguration)
    .with_setting("resource")
    .with_hint("check resource, or set issuer to the authorization server's identifier")
}
