//! An authorization server's metadata, validated, and clients that it registered.

mod registration;
mod source;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

pub(crate) use self::registration::{Registration, WrittenRegistration};
pub(crate) use self::source::MetadataSource;
use crate::{ClientAuth, Error, ErrorKind, Url};

/// The metadata of an authorization server (RFC 8414 section 2, OpenID Connect Discovery section 3).
///
/// # Example
///
/// ```
/// use countersign_core::ServerMetadata;
///
/// let metadata = ServerMetadata::from_json("https://login.acme.example/t1", br#"{
///     "issuer": "https://login.acme.example/t1",
///     "token_endpoint": "https://login.acme.example/t1/token",
///     "token_endpoint_auth_methods_supported": ["private_key_jwt"]
/// }"#)?;
/// assert_eq!(metadata.token_endpoint.unwrap().path(), "/t1/token");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerMetadata {
    /// The issuer identifier.
    pub issuer: String,
    /// The token endpoint.
    pub token_endpoint: Option<Url>,
    /// The authorization endpoint.
    pub authorization_endpoint: Option<Url>,
    /// The device authorization endpoint (RFC 8628 section 4).
    pub device_authorization_endpoint: Option<Url>,
    /// The userinfo endpoint (OpenID Connect Core section 5.3).
    pub userinfo_endpoint: Option<Url>,
    /// The revocation endpoint (RFC 7009).
    pub revocation_endpoint: Option<Url>,
    /// The registration endpoint (RFC 7591).
    pub registration_endpoint: Option<Url>,
    /// Where the server's public keys are.
    pub jwks_uri: Option<Url>,
    /// The client authentications of the token endpoint. `client_secret_basic` if the server does
    /// not say (RFC 8414 section 2).
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// The algorithms of client assertions.
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// The PKCE methods. Empty if the server does not say.
    pub code_challenge_methods_supported: Vec<String>,
    /// The grant types. Empty if the server does not say.
    pub grant_types_supported: Vec<String>,
    /// The scopes, as far as the server lists them.
    pub scopes_supported: Vec<String>,
    /// Whether every authorization response contains `iss` (RFC 9207 section 3).
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether a client may be identified by the URL of its own metadata document
    /// (draft-ietf-oauth-client-id-metadata-document).
    pub client_id_metadata_document_supported: bool,
}

/// The members that are read, as the server sends them.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: Option<String>,
    authorization_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    registration_endpoint: Option<String>,
    jwks_uri: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    grant_types_supported: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
    client_id_metadata_document_supported: Option<bool>,
}

impl ServerMetadata {
    /// Reads and validates a metadata document.
    ///
    /// `issuer` is the identifier that the caller expects. It is compared as text (RFC 8414 section
    /// 3.3): a trailing slash makes another issuer.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Unreadable`]: this is not a metadata document, or a member has another type.
    /// - [`ErrorKind::Verification`]: the document is of another issuer, or names an endpoint that
    ///   is neither https nor on the issuer's own loopback address.
    pub fn from_json(issuer: &str, body: &[u8]) -> Result<Self, Error> {
        let document: Document = read_json(issuer, body)?;
        if document.issuer != issuer {
            return Err(other_issuer(issuer, &document.issuer));
        }
        let at_home = Url::parse(issuer).is_ok_and(|url| url.is_loopback());
        let endpoint = |name: &str, url: Option<String>| {
            let parsed = url.filter(|url| !url.is_empty()).map(|url| {
                let parsed = Url::parse(&url).map_err(|error| error.message().to_owned())?;
                match parsed.is_loopback() && !at_home {
                    true => Err(format!("`{parsed}` is on this machine's loopback")),
                    false => Ok(parsed),
                }
            });
            parsed.transpose().map_err(|why| {
                let message = format!("the metadata of {issuer} has an unusable `{name}`: {why}");
                Error::new(ErrorKind::Verification, message)
                    .with_setting("issuer")
                    .with_hint("check issuer; if it is right, report this to whoever runs the server, or set token_url and authorize_url instead")
            })
        };
        Ok(Self {
            token_endpoint: endpoint("token_endpoint", document.token_endpoint)?,
            authorization_endpoint: endpoint(
                "authorization_endpoint",
                document.authorization_endpoint,
            )?,
            device_authorization_endpoint: endpoint(
                "device_authorization_endpoint",
                document.device_authorization_endpoint,
            )?,
            userinfo_endpoint: endpoint("userinfo_endpoint", document.userinfo_endpoint)?,
            revocation_endpoint: endpoint("revocation_endpoint", document.revocation_endpoint)?,
            registration_endpoint: endpoint(
                "registration_endpoint",
                document.registration_endpoint,
            )?,
            jwks_uri: endpoint("jwks_uri", document.jwks_uri)?,
            token_endpoint_auth_methods_supported: document
                .token_endpoint_auth_methods_supported
                .unwrap_or_else(|| vec!["client_secret_basic".to_owned()]),
            token_endpoint_auth_signing_alg_values_supported: document
                .token_endpoint_auth_signing_alg_values_supported
                .unwrap_or_default(),
            code_challenge_methods_supported: document
                .code_challenge_methods_supported
                .unwrap_or_default(),
            grant_types_supported: document.grant_types_supported.unwrap_or_default(),
            scopes_supported: document.scopes_supported.unwrap_or_default(),
            authorization_response_iss_parameter_supported: document
                .authorization_response_iss_parameter_supported
                .unwrap_or(false),
            client_id_metadata_document_supported: document
                .client_id_metadata_document_supported
                .unwrap_or(false),
            issuer: document.issuer,
        })
    }

    /// Checks that the server offers this client authentication.
    ///
    /// [`ClientAuth::None`] is always accepted: servers that let public clients in, such as Keycloak,
    /// don't all list `none`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] for `client_auth`; the hint lists what the server offers. The client
    /// authentication is declared, never chosen from the metadata.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{ClientAuth, ServerMetadata};
    ///
    /// let metadata = ServerMetadata::from_json("https://login.acme.example", br#"{
    ///     "issuer": "https://login.acme.example",
    ///     "token_endpoint": "https://login.acme.example/token",
    ///     "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"]
    /// }"#)?;
    /// assert!(metadata.check_client_auth(ClientAuth::Basic).is_ok());
    /// let error = metadata.check_client_auth(ClientAuth::Post).unwrap_err();
    /// assert_eq!(error.hint(), Some("set client_auth to one of: basic, private_key_jwt"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn check_client_auth(&self, client_auth: ClientAuth) -> Result<(), Error> {
        let offered = &self.token_endpoint_auth_methods_supported;
        let wanted = registered_name(client_auth);
        if client_auth == ClientAuth::None || offered.iter().any(|method| method == wanted) {
            return Ok(());
        }
        let usable: Vec<_> = ClientAuth::ALL
            .iter()
            .filter(|auth| offered.iter().any(|m| m == registered_name(**auth)))
            .map(|auth| auth.as_str())
            .collect();
        let issuer = &self.issuer;
        let message = format!("`client_auth` is {client_auth}, which {issuer} does not offer");
        let hint = match usable.as_slice() {
            [] => format!(
                "register the app at the server for a client authentication that countersign supports, and set client_auth to it; the server offers {}",
                listed(offered)
            ),
            usable => format!("set client_auth to one of: {}", usable.join(", ")),
        };
        Err(Error::setting("client_auth", message).with_hint(hint))
    }
}

/// Lists words of the metadata in an error. They are the server's text.
pub(crate) fn listed(words: &[String]) -> String {
    let list: String = words.join(", ").chars().take(300).collect();
    list.escape_debug().to_string()
}

/// Returns the name in the IANA registry of token endpoint authentication methods.
fn registered_name(client_auth: ClientAuth) -> &'static str {
    match client_auth {
        ClientAuth::None => "none",
        ClientAuth::Basic => "client_secret_basic",
        ClientAuth::Post => "client_secret_post",
        ClientAuth::PrivateKeyJwt => "private_key_jwt",
        ClientAuth::ClientSecretJwt => "client_secret_jwt",
    }
}

fn other_issuer(expected: &str, found: &str) -> Error {
    let found: String = found.chars().take(300).collect();
    let found = found.escape_debug();
    let message = format!("the metadata at {expected} is that of another issuer, `{found}`");
    let differs_in_slash =
        expected.trim_end_matches('/') == found.to_string().trim_end_matches('/');
    let hint = match differs_in_slash {
        true => format!("set issuer = \"{found}\": the trailing slash is part of the identifier"),
        false => "set issuer to the identifier in the server's documentation; issuers are compared exactly, so that one server can't pass for another".to_owned(),
    };
    Error::new(ErrorKind::Verification, message)
        .with_verdict(crate::Verdict::FixConfiguration)
        .with_setting("issuer")
        .with_hint(hint)
}

/// Returns the issuer's URL.
pub(crate) fn parse_issuer(issuer: &str) -> Result<Url, Error> {
    let url = Url::parse(issuer).map_err(|error| error.with_setting("issuer"))?;
    if issuer.contains('?') {
        let message = format!(
            "`issuer` is `{}?…`, but an issuer has no query",
            url.origin()
        );
        return Err(Error::setting("issuer", message)
            .with_hint("set issuer to the identifier in the server's documentation"));
    }
    Ok(url)
}

/// Reads the metadata document of `owner`, an issuer or a resource.
pub(crate) fn read_json<T: DeserializeOwned>(owner: &str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        let why = match error.classify() {
            Category::Data => format!("it is not metadata: {error}"),
            _ => "it is not JSON".to_owned(),
        };
        let message = format!("the metadata of {owner} can't be read: {why}");
        Error::new(ErrorKind::Unreadable, message)
    })
}
