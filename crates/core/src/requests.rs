//! Builds token requests, revocation requests, and requests that start a login.

mod device;

use std::collections::BTreeMap;

use serde_json::Value;
use zeroize::Zeroizing;

pub use self::device::device_authorization_request;
use crate::app::text_of;
use crate::parameters::{ACCESS_TOKEN, is_ours};
use crate::profile::{BasicUser, Rotation, SentAs};
use crate::{
    App, BasicEncoding, BodyFormat, ClientAuth, ClientIdentity, Connection, Error, ErrorKind, Form,
    GrantKind, Method, Moment, PresentedGrant, Profile, Random, Request, Secret, TokenResponse,
    TokenTypeHint, assertion, form,
};

/// `grant_type` of an assertion (RFC 7523 section 2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// `grant_type` of a login on another device (RFC 8628 section 3.4).
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// `client_assertion_type` (RFC 7523 section 2.2).
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Builds a token request. A pure function of its inputs, without I/O.
///
/// Each call signs new assertions with their own `jti`, `iat` and `exp`.
///
/// # Errors
///
/// If the connection lacks a setting that the grant needs, or signing fails.
///
/// # Example
///
/// ```
/// use countersign_core::{
///     Clock, Connection, PresentedGrant, ManualClock, Profile, Settings, SystemRandom, token_request,
/// };
///
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
/// let now = ManualClock::at(1_700_000_000).now();
/// let request = token_request(&connection, &PresentedGrant::ClientCredentials, now, &SystemRandom::new())?;
/// assert_eq!(
///     request.body().unwrap().as_str(),
///     "grant_type=client_credentials&client_id=app&client_secret=s3cret",
/// );
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn token_request(
    connection: &Connection,
    grant: &PresentedGrant,
    now: Moment,
    random: &dyn Random,
) -> Result<Request, Error> {
    if connection.needs_metadata() {
        return Err(connection.lacks_metadata());
    }
    let app = connection.app();
    if matches!(grant, PresentedGrant::JwtBearer) && app.signs_tokens() {
        return Err(makes_no_request(app));
    }
    let (form, authorization) = match grant {
        PresentedGrant::JwtBearer
            if app.profile.assertion.sent_as == SentAs::AuthorizationHeader =>
        {
            let assertion = Zeroizing::new(assertion::of_grant(app, now, random)?);
            let form = add_params(connection, Form::new(), grant.kind())?;
            (form, Some(Secret::new(format!("Bearer {}", *assertion))))
        }
        _ => {
            let parameters = grant_parameters(connection, grant, now, random)?;
            let form = add_params(connection, parameters.form, grant.kind())?;
            let parameters = Parameters { form, ..parameters };
            authenticate_client(app, app.client.auth, parameters, grant, now, random)?
        }
    };
    let url = connection.request_url(grant.kind());
    let url = url.ok_or_else(|| Error::missing("token_url"))?.clone();
    let rules = app.request_rules(grant.kind());
    let body = rules.map_or(BodyFormat::Form, |rules| rules.body);
    let method = rules.map_or(Method::Post, |rules| rules.method.method());
    let request = Request::post(url, form)
        .with_format(body)
        .with_method(method);
    let mut request = with_headers(app, request, grant.kind(), authorization)?;
    if spends_single_use_secret(connection.profile(), grant) {
        request = request.spending_a_single_use_secret();
    }
    Ok(request)
}

/// Signs an access token, if the connection's assertions are access tokens. Otherwise returns
/// `None`: a token has to be requested. A pure function of its inputs, without I/O.
///
/// # Errors
///
/// If the connection lacks a setting that the assertion needs, or signing fails.
///
/// # Example
///
/// ```
/// use countersign_core::{
///     Clock, Connection, ManualClock, Profile, Settings, SystemRandom, signed_token,
/// };
///
/// let profile = Profile::from_toml(r#"
///     id = "acme"
///     name = "Acme"
///     documentation = "https://acme.example/docs"
///     environments.production = {}
///     endpoints = {}
///     [grants.jwt-bearer]
///     client_auth = ["none"]
///     without_client_id = true
///     [assertion]
///     as = "access_token"
///     algorithms = ["EdDSA"]
///     ttl_s = 1200
///     claims = { iss = "{extra.issuer_id}", sub = "{subject?}", aud = "acme-api" }
///     [extra]
///     issuer_id = "the team's issuer id"
/// "#)?;
/// # // RFC 8037 appendix A.1.
/// # let key = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
/// #     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let settings = Settings::from_pairs([
///     ("provider", "acme"), ("private_key", key), ("extra.issuer_id", "42"),
/// ])?;
/// let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
/// let now = ManualClock::at(1_700_000_000).now();
/// let token = signed_token(&connection, now, &SystemRandom::new())?.unwrap();
/// assert_eq!(token.expires_in.unwrap().as_secs(), 1200);
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn signed_token(
    connection: &Connection,
    now: Moment,
    random: &dyn Random,
) -> Result<Option<TokenResponse>, Error> {
    let app = connection.app();
    if !app.signs_tokens() {
        return Ok(None);
    }
    let mut extra = connection.environment_extra().clone();
    if let Some(usage) = app.usage() {
        usage.set_api_base(&mut extra).map_err(|why| {
            let message = format!("`use.api_base` can't be filled in: {why}");
            Error::new(ErrorKind::Setting, message).with_provider(&app.profile.id)
        })?;
    }
    Ok(Some(TokenResponse {
        access_token: Secret::new(assertion::of_grant(app, now, random)?),
        token_type: "Bearer".to_owned(),
        expires_in: Some(assertion::lifetime(app)),
        refresh_token: None,
        refresh_token_expires_in: None,
        id_token: None,
        scope: None,
        extra,
    }))
}

fn makes_no_request(app: App<'_>) -> Error {
    let (grant, vendor) = (app.policy.grant, &app.profile.name);
    let message = format!("grant {grant} of {vendor} makes no request: its token is signed here");
    Error::new(ErrorKind::Setting, message)
        .with_provider(&app.profile.id)
        .with_hint("call signed_token instead of token_request")
}

/// Builds a request that revokes a token (RFC 7009 section 2.1).
///
/// Returns `None` if the provider has no revocation endpoint.
///
/// # Errors
///
/// If the client can't authenticate: a secret or key is missing, or signing fails.
///
/// # Example
///
/// ```
/// # use countersign_core::{Connection, Profile, Settings};
/// # let profile = Profile::from_toml(r#"
/// #     id = "acme"
/// #     name = "Acme"
/// #     documentation = "https://acme.example/docs"
/// #     environments.production.base_url = "https://login.acme.example"
/// #     endpoints.token = "{base_url}/token"
/// #     endpoints.revoke = "{base_url}/revoke"
/// #     grants.client-credentials.client_auth = ["post"]
/// # "#)?;
/// # let settings = Settings::from_pairs([
/// #     ("provider", "acme"),
/// #     ("client_id", "app"),
/// #     ("client_secret", "s3cret"),
/// # ])?;
/// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
/// use countersign_core::{Clock, ManualClock, SystemRandom, TokenTypeHint, revocation_request};
///
/// let now = ManualClock::at(1_700_000_000).now();
/// let hint = TokenTypeHint::RefreshToken;
/// let random = SystemRandom::new();
/// let request = revocation_request(&connection, &"r1".into(), hint, now, &random)?.unwrap();
/// assert_eq!(request.url().as_str(), "https://login.acme.example/revoke");
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn revocation_request(
    connection: &Connection,
    token: &Secret,
    hint: TokenTypeHint,
    now: Moment,
    random: &dyn Random,
) -> Result<Option<Request>, Error> {
    let Some(url) = connection.revoke_url() else {
        return Ok(None);
    };
    let app = connection.app();
    let as_refresh = PresentedGrant::RefreshToken(token.clone());
    let endpoints = &connection.profile().endpoints;
    let of_access_token =
        hint == TokenTypeHint::AccessToken && endpoints.revoke_names.contains_key(ACCESS_TOKEN);
    let name = match of_access_token {
        true => ACCESS_TOKEN,
        false => "token",
    };
    let parameters = Parameters::of_revocation(app, as_refresh.kind())
        .with(name, token.expose())
        .with("token_type_hint", hint.as_str());
    let is_alone = endpoints.revoke_without_client || endpoints.revoke_bearer;
    let (form, authorization) = match endpoints.revoke_client_auth {
        None if is_alone => (parameters.form, None),
        own => {
            let auth = own.unwrap_or(app.client.auth);
            authenticate_client(app, auth, parameters, &as_refresh, now, random)?
        }
    };
    let authorization = match endpoints.revoke_bearer {
        true => Some(Secret::new(format!("Bearer {}", token.expose()))),
        false => authorization,
    };
    let params = app.fill("endpoints.revoke_params", &endpoints.revoke_params, None);
    let form = with_params(
        form,
        params.collect::<Result<_, _>>()?,
        endpoints.revoke_format,
    );
    let request = Request::post(url.clone(), form)
        .with_format(endpoints.revoke_format)
        .with_method(endpoints.revoke_method.method());
    with_headers(app, request, as_refresh.kind(), authorization).map(Some)
}

/// Adds the profile's headers, and the client's credentials if they are a header.
fn with_headers(
    app: App<'_>,
    request: Request,
    grant: GrantKind,
    authorization: Option<Secret>,
) -> Result<Request, Error> {
    let headers = match app.request_rules(grant) {
        Some(rules) => app.headers(grant, rules)?,
        None => Vec::new(),
    };
    let headers = headers.into_iter();
    let request = headers.fold(request, |request, (name, value)| {
        request.with_header(name, value)
    });
    Ok(match authorization {
        Some(authorization) => request.with_header("Authorization", authorization),
        None => request,
    })
}

/// Whether this grant contains a secret that the server accepts only once.
pub(crate) fn spends_single_use_secret(profile: &Profile, grant: &PresentedGrant) -> bool {
    match grant {
        PresentedGrant::AuthorizationCode { .. } => true,
        PresentedGrant::RefreshToken(_) => profile.refresh.rotation != Rotation::Never,
        // RFC 8628 section 3.5: it is sent until the person has decided.
        PresentedGrant::DeviceCode(_) => false,
        PresentedGrant::JwtBearer | PresentedGrant::ClientCredentials => false,
    }
}

/// The parameters of the protocol, by the vendor's names for them.
struct Parameters<'a> {
    form: Form,
    /// The vendor's names. The first table that has one counts.
    names: [Option<&'a BTreeMap<String, String>>; 2],
}

impl<'a> Parameters<'a> {
    fn of(app: App<'a>, grant: GrantKind) -> Self {
        Self {
            form: Form::new(),
            names: [app.request_rules(grant).map(|rules| &rules.names), None],
        }
    }

    /// The parameters of a revocation, which is like a request with this grant type otherwise.
    fn of_revocation(app: App<'a>, grant: GrantKind) -> Self {
        let Self { form, names } = Self::of(app, grant);
        let own = &app.profile.endpoints.revoke_names;
        Self {
            form,
            names: [Some(own), names[0]],
        }
    }

    /// Adds a parameter, unless the profile omits it.
    fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        let mut tables = self.names.into_iter().flatten();
        let renamed = tables.find_map(|names| names.get(name));
        let form = match renamed.map(String::as_str) {
            None => self.form.field(name, value),
            // The value may be a secret.
            Some("") => {
                drop(Zeroizing::new(value.into()));
                self.form
            }
            Some(name) => self.form.field(name.to_owned(), value),
        };
        Self { form, ..self }
    }

    fn with_client_id(self, client: &ClientIdentity) -> Self {
        match client.known_id() {
            Some(id) => self.with("client_id", id),
            None => self,
        }
    }
}

fn grant_parameters<'a>(
    connection: &'a Connection,
    grant: &PresentedGrant,
    now: Moment,
    random: &dyn Random,
) -> Result<Parameters<'a>, Error> {
    let app = connection.app();
    let rules = app.profile.grants.get(&grant.kind());
    let parameters = Parameters::of(app, grant.kind());
    let parameters = match grant {
        PresentedGrant::JwtBearer => parameters
            .with("grant_type", JWT_BEARER)
            .with("assertion", assertion::of_grant(app, now, random)?),
        PresentedGrant::ClientCredentials => parameters.with("grant_type", "client_credentials"),
        PresentedGrant::AuthorizationCode {
            code,
            redirect_uri,
            verifier,
        } => {
            let parameters = parameters
                .with("grant_type", "authorization_code")
                .with("code", code.expose());
            let parameters = match rules.is_some_and(|rules| rules.send_redirect_uri) {
                true => parameters.with("redirect_uri", redirect_uri),
                false => parameters,
            };
            match connection.uses_pkce() {
                true => parameters.with("code_verifier", verifier.expose()),
                false => parameters,
            }
        }
        PresentedGrant::DeviceCode(code) => parameters
            .with("grant_type", DEVICE_CODE)
            .with("device_code", code.expose()),
        PresentedGrant::RefreshToken(token) => {
            let parameters = parameters
                .with("grant_type", "refresh_token")
                .with("refresh_token", token.expose());
            let redirect_uri = app.client.redirect_uri.as_ref();
            match redirect_uri.filter(|_| rules.is_some_and(|rules| rules.send_redirect_uri)) {
                Some(redirect_uri) => parameters.with("redirect_uri", redirect_uri.as_str()),
                None => parameters,
            }
        }
    };
    let scopes = app.joined_scopes(grant.kind());
    let send = rules.is_some_and(|rules| rules.send_scope) && !scopes.is_empty();
    let parameters = match send {
        true => parameters.with("scope", scopes),
        false => parameters,
    };
    // RFC 8707 section 2.2.
    Ok(match &app.policy.resource {
        Some(resource) => parameters.with("resource", resource),
        None => parameters,
    })
}

/// Adds the parameters of the profile and of the provider's code.
fn add_params(connection: &Connection, form: Form, grant: GrantKind) -> Result<Form, Error> {
    let form = with_profile_params(connection.app(), form, grant)?;
    with_provider_parameters(connection, form, grant)
}

/// Adds the profile's `params` for the grant type. They replace fields of the same name.
///
/// An array becomes one field per item (as in RFC 8707 section 2). In a JSON body, it stays an
/// array.
fn with_profile_params(app: App<'_>, form: Form, grant: GrantKind) -> Result<Form, Error> {
    let Some(rules) = app.profile.grants.get(&grant) else {
        return Ok(form);
    };
    Ok(with_params(form, app.params(grant, rules)?, rules.body))
}

fn with_params(form: Form, params: Vec<(&str, Option<Value>)>, body: BodyFormat) -> Form {
    params
        .into_iter()
        .fold(form, |form, (name, value)| match value {
            None => form.without(name),
            Some(Value::String(text)) => form.with(name.to_owned(), text),
            Some(value) if body == BodyFormat::Json => form.with_json(name.to_owned(), &value),
            Some(Value::Array(items)) => {
                let mut items = items.into_iter().map(text_of);
                let form = match items.next() {
                    Some(first) => form.with(name.to_owned(), first),
                    None => form.without(name),
                };
                items.fold(form, |form, item| form.field(name.to_owned(), item))
            }
            Some(value) => form.with(name.to_owned(), text_of(value)),
        })
}

/// Adds the parameters that the provider's code returns.
fn with_provider_parameters(
    connection: &Connection,
    form: Form,
    grant: GrantKind,
) -> Result<Form, Error> {
    let app = connection.app();
    let names = app.request_rules(grant).map(|rules| &rules.names);
    let is_ours = |name: &str| {
        let mut renamed = names.into_iter().flatten();
        is_ours(name) || renamed.any(|(old, new)| new == name && is_ours(old))
    };
    let parameters = connection.provider().parameters(app, grant)?;
    parameters
        .into_iter()
        .try_fold(form, |form, (name, value)| {
            if is_ours(&name) {
                let id = &connection.profile().id;
                let message = format!("provider `{id}` may not set the request parameter `{name}`");
                return Err(Error::new(ErrorKind::Plugin, message));
            }
            Ok(form.with(name, value))
        })
}

/// Adds the client authentication to the form, or returns it as an `Authorization` header.
fn authenticate_client(
    app: App<'_>,
    auth: ClientAuth,
    parameters: Parameters<'_>,
    grant: &PresentedGrant,
    now: Moment,
    random: &dyn Random,
) -> Result<(Form, Option<Secret>), Error> {
    let client = app.client;
    let rules = app.request_rules(grant.kind());
    // An assertion that is all of the request identifies the client, too.
    let is_bare = auth == ClientAuth::None && matches!(grant, PresentedGrant::JwtBearer);
    let send_client_id = rules.and_then(|rules| rules.send_client_id);
    let parameters = match send_client_id.unwrap_or(!is_bare) && auth != ClientAuth::Basic {
        true => parameters.with_client_id(client),
        false => parameters,
    };
    let parameters = match auth {
        ClientAuth::None => parameters,
        ClientAuth::Basic => {
            let user = rules.map(|rules| rules.basic_user).unwrap_or_default();
            return Ok((parameters.form, Some(basic(client, user)?)));
        }
        ClientAuth::Post => parameters.with("client_secret", client.require_secret()?.expose()),
        ClientAuth::PrivateKeyJwt => {
            let signer = client.require_signer()?;
            let assertion = assertion::of_client(app, signer, now, random)?;
            match app.profile.assertion.sent_as {
                SentAs::ClientSecret => parameters.with("client_secret", assertion),
                _ => parameters
                    .with("client_assertion_type", CLIENT_ASSERTION)
                    .with("client_assertion", assertion),
            }
        }
        ClientAuth::ClientSecretJwt => {
            let key = crate::PrivateKey::from_secret(client.require_secret()?.expose());
            let signer = crate::KeySigner::new(key, None, None)?;
            parameters
                .with("client_assertion_type", CLIENT_ASSERTION)
                .with(
                    "client_assertion",
                    assertion::of_client(app, &signer, now, random)?,
                )
        }
    };
    Ok((parameters.form, None))
}

/// Returns the `Basic` credentials (RFC 6749 section 2.3.1, RFC 7617 section 2).
fn basic(client: &ClientIdentity, user: BasicUser) -> Result<Secret, Error> {
    let (id, secret) = (client.id.as_str(), client.require_secret()?.expose());
    let (user, password) = match user {
        BasicUser::ClientId => (id, secret),
        BasicUser::ClientSecret => (secret, ""),
    };
    let mut pair = Zeroizing::new(String::with_capacity(3 * (user.len() + password.len()) + 1));
    match client.basic_encoding {
        BasicEncoding::Raw => {
            pair.push_str(user);
            pair.push(':');
            pair.push_str(password);
        }
        BasicEncoding::Rfc6749 => {
            form::encode_into(user, &mut pair);
            pair.push(':');
            form::encode_into(password, &mut pair);
        }
    }
    let encoded = base64_simd::STANDARD.encode_to_string(pair.as_bytes());
    let encoded = Zeroizing::new(encoded);
    Ok(Secret::new(format!("Basic {}", *encoded)))
}
