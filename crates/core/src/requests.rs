//! Builds token requests and revocation requests.

use crate::parameters::is_ours;
use crate::profile::Rotation;
use crate::{
    App, BasicEncoding, ClientAuth, ClientIdentity, Connection, Error, ErrorKind, Form, Grant,
    GrantKind, Moment, Profile, Random, Request, Secret, TokenTypeHint, assertion, form,
};

/// `grant_type` of an assertion (RFC 7523 section 2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
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
///     Clock, Connection, Grant, ManualClock, Profile, Settings, SystemRandom, token_request,
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
/// let request = token_request(&connection, &Grant::ClientCredentials, now, &SystemRandom::new())?;
/// assert_eq!(
///     request.body().unwrap().as_str(),
///     "grant_type=client_credentials&client_id=app&client_secret=s3cret",
/// );
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn token_request(
    connection: &Connection,
    grant: &Grant,
    now: Moment,
    random: &dyn Random,
) -> Result<Request, Error> {
    let form = grant_form(connection, grant, now, random)?;
    let (form, authorization) = authenticate_client(connection.app(), form, grant, now, random)?;
    let mut request = Request::post(connection.token_url().clone(), form);
    if let Some(authorization) = authorization {
        request = request.with_header("Authorization", authorization);
    }
    if spends_single_use_secret(connection.profile(), grant) {
        request = request.spending_a_single_use_secret();
    }
    Ok(request)
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
    let form = Form::new()
        .field("token", token.expose())
        .field("token_type_hint", hint.as_str());
    if connection.profile().endpoints.revoke_without_client {
        return Ok(Some(Request::post(url.clone(), form)));
    }
    let as_refresh = Grant::RefreshToken(token.clone());
    let (form, authorization) =
        authenticate_client(connection.app(), form, &as_refresh, now, random)?;
    let request = Request::post(url.clone(), form);
    Ok(Some(match authorization {
        Some(authorization) => request.with_header("Authorization", authorization),
        None => request,
    }))
}

/// Whether this grant contains a secret that the server accepts only once.
pub(crate) fn spends_single_use_secret(profile: &Profile, grant: &Grant) -> bool {
    match grant {
        Grant::AuthorizationCode { .. } => true,
        Grant::RefreshToken(_) => profile.refresh.rotation != Rotation::Never,
        Grant::JwtBearer | Grant::ClientCredentials => false,
    }
}

fn grant_form(
    connection: &Connection,
    grant: &Grant,
    now: Moment,
    random: &dyn Random,
) -> Result<Form, Error> {
    let app = connection.app();
    let form = Form::new();
    let rules = app.profile.grants.get(&grant.kind());
    let form = match grant {
        Grant::JwtBearer => form
            .field("grant_type", JWT_BEARER)
            .field("assertion", assertion::of_grant(app, now, random)?),
        Grant::ClientCredentials => form.field("grant_type", "client_credentials"),
        Grant::AuthorizationCode {
            code,
            redirect_uri,
            verifier,
        } => {
            let form = form
                .field("grant_type", "authorization_code")
                .field("code", code.expose());
            let form = match rules.is_some_and(|rules| rules.send_redirect_uri) {
                true => form.field("redirect_uri", redirect_uri),
                false => form,
            };
            form.field("code_verifier", verifier.expose())
        }
        Grant::RefreshToken(token) => form
            .field("grant_type", "refresh_token")
            .field("refresh_token", token.expose()),
    };
    let scopes = app.policy.scopes.join(" ");
    let send = rules.is_some_and(|rules| rules.send_scope) && !scopes.is_empty();
    let form = match send {
        true => form.field("scope", scopes),
        false => form,
    };
    let form = with_profile_params(app, form, grant.kind())?;
    with_provider_parameters(connection, form, grant.kind())
}

/// Adds the profile's `params` for the grant type. They replace fields of the same name.
fn with_profile_params(app: App<'_>, form: Form, grant: GrantKind) -> Result<Form, Error> {
    let Some(rules) = app.profile.grants.get(&grant) else {
        return Ok(form);
    };
    app.params(grant, rules)?
        .into_iter()
        .try_fold(form, |form, (name, values)| {
            let mut values = values.into_iter();
            let form = match values.next() {
                Some(first) => form.with(name.to_owned(), first),
                None => form.without(name),
            };
            Ok(values.fold(form, |form, value| form.field(name.to_owned(), value)))
        })
}

/// Adds the parameters that the provider's code returns.
fn with_provider_parameters(
    connection: &Connection,
    form: Form,
    grant: GrantKind,
) -> Result<Form, Error> {
    let parameters = connection.provider().parameters(connection.app(), grant)?;
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
    form: Form,
    grant: &Grant,
    now: Moment,
    random: &dyn Random,
) -> Result<(Form, Option<Secret>), Error> {
    let client = app.client;
    let id = client.id.as_str();
    let rules = app.profile.grants.get(&grant.kind());
    let send_client_id = rules.is_some_and(|rules| rules.send_client_id);
    let form = match client.auth {
        // The assertion identifies the client.
        ClientAuth::None if matches!(grant, Grant::JwtBearer) && !send_client_id => form,
        ClientAuth::None => form.field("client_id", id),
        ClientAuth::Basic => return Ok((form, Some(basic(client)?))),
        ClientAuth::Post => form
            .field("client_id", id)
            .field("client_secret", client.require_secret()?.expose()),
        ClientAuth::PrivateKeyJwt => {
            let signer = client.require_signer()?;
            let assertion = assertion::of_client(app, signer, now, random)?;
            form.field("client_id", id)
                .field("client_assertion_type", CLIENT_ASSERTION)
                .field("client_assertion", assertion)
        }
        ClientAuth::ClientSecretJwt => {
            let key = crate::PrivateKey::from_secret(client.require_secret()?.expose());
            let signer = crate::KeySigner::new(key, None, None)?;
            form.field("client_id", id)
                .field("client_assertion_type", CLIENT_ASSERTION)
                .field(
                    "client_assertion",
                    assertion::of_client(app, &signer, now, random)?,
                )
        }
    };
    Ok((form, None))
}

/// Returns the `Basic` credentials (RFC 6749 section 2.3.1, RFC 7617 section 2).
fn basic(client: &ClientIdentity) -> Result<Secret, Error> {
    let (id, secret) = (client.id.as_str(), client.require_secret()?.expose());
    let mut pair =
        zeroize::Zeroizing::new(String::with_capacity(3 * (id.len() + secret.len()) + 1));
    match client.basic_encoding {
        BasicEncoding::Raw => {
            pair.push_str(id);
            pair.push(':');
            pair.push_str(secret);
        }
        BasicEncoding::Rfc6749 => {
            form::encode_into(id, &mut pair);
            pair.push(':');
            form::encode_into(secret, &mut pair);
        }
    }
    let encoded = base64_simd::STANDARD.encode_to_string(pair.as_bytes());
    let encoded = zeroize::Zeroizing::new(encoded);
    Ok(Secret::new(format!("Basic {}", *encoded)))
}
