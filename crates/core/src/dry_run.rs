//! What a request would be, with its secrets named instead of shown.

mod named;
mod unsigned;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use self::named::Namer;
use self::unsigned::Unsigned;
use crate::profile::RevokedToken;
use crate::{
    BodyFormat, ClientAuth, Connection, Error, ErrorKind, GrantKind, Login, Moment, PresentedGrant,
    Random, Request, Secret, Signer, TokenTypeHint, device_authorization_request,
    revocation_request, signed_token, token_request,
};

/// A request as it would be sent, with its secrets named instead of shown.
///
/// Secrets appear as `<client_secret>`, `<refresh_token>`, `<code>`, `<code_verifier>`, `<state>`,
/// `<nonce>` and `<code_challenge>`. Every signed text appears as `<assertion>`, and its contents in
/// [`DryRun::assertions`]. Nothing is signed for it. The value of `jti` appears as `<jti>`.
///
/// It serializes as `{"method","url","headers","body","assertions"}`.
///
/// # Example
///
/// ```
/// use countersign_core::{Clock, GrantKind, ManualClock, dry_run, testing};
///
/// let connection = testing::connection([
///     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
/// ])?;
/// let now = ManualClock::at(testing::NOW).now();
/// let request = dry_run(&connection, GrantKind::ClientCredentials, now)?;
/// assert_eq!(
///     request.body.unwrap(),
///     "grant_type=client_credentials&client_id=app&client_secret=<client_secret>",
/// );
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DryRun {
    /// The HTTP method. `None` if the token needs no request, because the app signs it.
    pub method: Option<&'static str>,
    /// The URL. For a login, the one to open in a browser.
    pub url: Option<String>,
    /// The headers, in order.
    #[serde(serialize_with = "as_object")]
    pub headers: Vec<(String, String)>,
    /// The body: a text for a form, an object for JSON.
    pub body: Option<Value>,
    /// The contents of what is signed.
    pub assertions: Vec<UnsignedAssertion>,
}

/// The contents of an assertion that was not signed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UnsignedAssertion {
    /// The parameter that contains it, such as `assertion` or `client_assertion`. `authorization`
    /// if a header does, and `access_token` if it is the token itself.
    pub r#in: String,
    /// The JWT's header.
    pub header: Value,
    /// The JWT's claims.
    pub claims: Value,
}

/// Returns the token request that a connection would send, without sending or signing anything. A
/// pure function of its inputs.
///
/// `kind` is the connection's own grant type, or `refresh-token` after a login.
///
/// # Errors
///
/// Those of [`token_request`].
///
/// # Example
///
/// ```
/// use countersign_core::{Clock, GrantKind, ManualClock, dry_run, testing};
///
/// let now = ManualClock::at(testing::NOW).now();
/// let request = dry_run(&testing::signing_connection(), GrantKind::JwtBearer, now)?;
/// assert_eq!(request.assertions[0].r#in, "assertion");
/// assert_eq!(request.assertions[0].claims["sub"], "joe");
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn dry_run(connection: &Connection, kind: GrantKind, now: Moment) -> Result<DryRun, Error> {
    let connection = named_secrets(connection);
    if let Some(token) = signed_token(&connection, now, &Counting::default())? {
        let token = named::assertion("access_token".to_owned(), token.access_token.expose());
        return Ok(DryRun {
            method: None,
            url: None,
            headers: Vec::new(),
            body: None,
            assertions: token.into_iter().collect(),
        });
    }
    let request = token_request(
        &connection,
        &named_grant(&connection, kind),
        now,
        &Counting::default(),
    )?;
    Ok(describe(&connection, kind, &request))
}

/// Returns the URL that a login would open, without starting one.
///
/// # Errors
///
/// Those of [`Login::start`].
///
/// # Example
///
/// ```
/// use countersign_core::{dry_run_login, testing};
///
/// let connection = testing::connection([
///     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
///     ("redirect_uri", "https://app.example/callback"),
/// ])?;
/// let request = dry_run_login(&connection, "https://app.example/callback")?;
/// assert!(request.url.unwrap().contains("&state=<state>&"));
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn dry_run_login(connection: &Connection, redirect_uri: &str) -> Result<DryRun, Error> {
    let login = Login::start(connection, redirect_uri, &Counting::default())?;
    let fresh = login.fresh_parameters();
    let (base, query) = match login.url().as_str().split_once('?') {
        Some((base, query)) => (base, query),
        None => (login.url().as_str(), ""),
    };
    let pairs = query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match fresh.iter().find(|(_, known)| known == value) {
            Some((known, _)) => format!("{name}=<{known}>"),
            None => pair.to_owned(),
        }
    });
    Ok(DryRun {
        method: Some("GET"),
        url: Some(format!("{base}?{}", pairs.collect::<Vec<_>>().join("&"))),
        headers: Vec::new(),
        body: None,
        assertions: Vec::new(),
    })
}

/// Returns the revocation that a connection would send, without sending it. Fails if the vendor
/// revokes nothing.
pub(crate) fn dry_run_revocation(connection: &Connection, now: Moment) -> Result<DryRun, Error> {
    let connection = named_secrets(connection);
    let has_refresh_token = connection.grant().needs_login()
        && connection.profile().endpoints.revoke_token == RevokedToken::RefreshToken;
    let (token, hint) = match has_refresh_token {
        true => ("<refresh_token>", TokenTypeHint::RefreshToken),
        false => ("<access_token>", TokenTypeHint::AccessToken),
    };
    let random = Counting::default();
    let request = revocation_request(&connection, &token.into(), hint, now, &random)?;
    let request = request.ok_or_else(|| {
        let message = "the profile has no revocation endpoint";
        Error::new(ErrorKind::Setting, message).with_hint("add endpoints.revoke")
    })?;
    Ok(describe(&connection, GrantKind::RefreshToken, &request))
}

/// Returns the request that would start a login on another device, without sending or signing
/// anything (RFC 8628 section 3.1).
///
/// # Errors
///
/// Those of [`device_authorization_request`].
///
/// # Example
///
/// ```
/// use countersign_core::{Clock, ManualClock, dry_run_device_login, testing};
///
/// let connection = testing::connection([("grant", "device-code"), ("client_id", "app")])?;
/// let request = dry_run_device_login(&connection, ManualClock::at(testing::NOW).now())?;
/// assert_eq!(request.url.unwrap(), "https://demo.acme.example/device");
/// assert_eq!(request.body.unwrap(), "scope=sign+offline&client_id=app");
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn dry_run_device_login(connection: &Connection, now: Moment) -> Result<DryRun, Error> {
    let connection = named_secrets(connection);
    let request = device_authorization_request(&connection, now, &Counting::default())?;
    Ok(describe(&connection, GrantKind::DeviceCode, &request))
}

/// Returns the connection with names in place of its secrets, and a signer that doesn't sign.
pub(crate) fn named_secrets(connection: &Connection) -> Connection {
    let client = connection.client();
    let secret = client.secret.as_ref().map(|_| match client.auth {
        // Long enough for HMAC with SHA-512 (RFC 7518 section 3.2). It isn't shown.
        ClientAuth::ClientSecretJwt => Secret::new("<client_secret>".repeat(5)),
        _ => Secret::new("<client_secret>"),
    });
    let unsigned =
        |signer: &Arc<dyn Signer>| -> Arc<dyn Signer> { Arc::new(Unsigned(Arc::clone(signer))) };
    let names = client.secrets.keys();
    let own = names.map(|name| (name.clone(), Secret::new(format!("<secret.{name}>"))));
    let signer = client.signer.as_ref().map(unsigned);
    connection.with_credentials(secret, own.collect(), signer)
}

/// Returns a grant with names in place of its secrets.
pub(crate) fn named_grant(connection: &Connection, kind: GrantKind) -> PresentedGrant {
    match kind {
        GrantKind::JwtBearer => PresentedGrant::JwtBearer,
        GrantKind::ClientCredentials => PresentedGrant::ClientCredentials,
        GrantKind::RefreshToken => PresentedGrant::RefreshToken("<refresh_token>".into()),
        GrantKind::DeviceCode => PresentedGrant::DeviceCode("<device_code>".into()),
        GrantKind::AuthorizationCode => PresentedGrant::AuthorizationCode {
            code: "<code>".into(),
            redirect_uri: (connection.redirect_uri())
                .map(|uri| uri.as_str().to_owned())
                .unwrap_or_default(),
            verifier: "<code_verifier>".into(),
        },
    }
}

/// Describes a request that was built with named secrets.
pub(crate) fn describe(connection: &Connection, kind: GrantKind, request: &Request) -> DryRun {
    let mut namer = Namer::new(connection, kind);
    let mut headers: Vec<_> = request
        .headers()
        .map(|(name, value)| (name.to_owned(), namer.header(name, value.expose())))
        .collect();
    let content_type = request.content_type();
    headers.extend(content_type.map(|kind| ("Content-Type".to_owned(), kind.to_owned())));
    let url = namer.url(&request.full_url());
    let body = request.body().map(|body| match request.format() {
        BodyFormat::Form => namer.form(&body).into(),
        BodyFormat::Json => namer.json(&body),
        BodyFormat::Query => Value::Null,
    });
    DryRun {
        method: Some(request.method().as_str()),
        url: Some(url),
        headers,
        body: body.filter(|body| !body.is_null()),
        assertions: namer.assertions,
    }
}

fn as_object<S: Serializer>(
    headers: &[(String, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(headers.len()))?;
    for (name, value) in headers {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// No randomness: what depends on it is named, not shown. No two values are the same.
#[derive(Debug, Default)]
pub(crate) struct Counting(AtomicU8);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }
}
