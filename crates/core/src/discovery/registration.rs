//! Dynamic client registration (RFC 7591): the client ID of an app that nobody registered by hand.

use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::http::BodyFormat;
use crate::metadata::Registration;
use crate::responses::explain_plain_get;
use crate::{
    ClientAuth, Error, ErrorKind, Form, Moment, Request, Response, Secret, ServerMetadata, Url,
    Verdict,
};

/// Builds the request that registers a client for logins with this redirect URI.
///
/// # Errors
///
/// If the server doesn't register clients.
pub(crate) fn registration_request(
    metadata: &ServerMetadata,
    redirect_uri: &str,
    scope: &str,
) -> Result<Request, Error> {
    let Some(url) = &metadata.registration_endpoint else {
        let issuer = &metadata.issuer;
        let message =
            format!("`client_id` is missing, and {issuer} does not register clients itself");
        return Err(Error::setting("client_id", message)
            .with_hint("register an app at the server, and set client_id to its id"));
    };
    let offered = &metadata.token_endpoint_auth_methods_supported;
    // A public client with PKCE has no secret to keep.
    let method = ["none", "client_secret_basic", "client_secret_post"]
        .into_iter()
        .find(|method| offered.iter().any(|known| known == method))
        .unwrap_or("none");
    let is_native = Url::parse(redirect_uri).is_ok_and(|uri| uri.is_loopback());
    let application_type = if is_native { "native" } else { "web" };
    let form = Form::new()
        .field("client_name", "countersign")
        .with_json("redirect_uris".to_owned(), &json!([redirect_uri]))
        .with_json(
            "grant_types".to_owned(),
            &json!(["authorization_code", "refresh_token"]),
        )
        .with_json("response_types".to_owned(), &json!(["code"]))
        .field("token_endpoint_auth_method", method)
        .field("application_type", application_type);
    let form = match scope {
        "" => form,
        scope => form.field("scope", scope),
    };
    Ok(Request::post(url.clone(), form).with_format(BodyFormat::Json))
}

/// Reads the server's response to a registration.
///
/// # Errors
///
/// If the server refused, or its response has no client ID or a client authentication that is not
/// supported.
pub(crate) fn read_registration(
    metadata: &ServerMetadata,
    redirect_uri: &str,
    response: &Response,
    now: Moment,
) -> Result<Registration, Error> {
    #[derive(Deserialize)]
    struct Registered {
        client_id: String,
        client_secret: Option<Zeroizing<String>>,
        token_endpoint_auth_method: Option<String>,
    }
    let issuer = &metadata.issuer;
    let advice = "register an app at the server, and set client_id to its id";
    if !matches!(response.status, 200 | 201) {
        let url = metadata.registration_endpoint.as_ref();
        let error = match url {
            Some(url) => explain_plain_get(url, response, now),
            None => Error::missing("client_id"),
        };
        let error = error.in_context(format_args!("{issuer} did not register a client"));
        return Err(match error.verdict() {
            Verdict::FixConfiguration => error.with_setting("client_id").with_hint(advice),
            _ => error,
        });
    }
    let unreadable = |why: &str| {
        let message = format!("{issuer} registered a client, but {why}");
        Error::new(ErrorKind::Unreadable, message)
            .with_verdict(Verdict::FixConfiguration)
            .with_setting("client_id")
            .with_hint(advice)
    };
    let registered: Registered = serde_json::from_slice(&response.body)
        .map_err(|_| unreadable("its response is not that of a registration"))?;
    if registered.client_id.is_empty() {
        return Err(unreadable("its response has no client ID"));
    }
    let secret = registered.client_secret.filter(|secret| !secret.is_empty());
    // RFC 7591 section 2 has the default.
    let default = match secret {
        Some(_) => "client_secret_basic",
        None => "none",
    };
    let method = registered.token_endpoint_auth_method;
    let client_auth = match (method.as_deref().unwrap_or(default), &secret) {
        ("none", _) => ClientAuth::None,
        ("client_secret_basic", Some(_)) => ClientAuth::Basic,
        ("client_secret_post", Some(_)) => ClientAuth::Post,
        _ => {
            return Err(unreadable(
                "requires a client authentication that is not supported",
            ));
        }
    };
    Ok(Registration {
        client_id: registered.client_id,
        client_secret: secret.map(|secret| Secret::from(secret.as_str())),
        client_auth,
        redirect_uri: redirect_uri.to_owned(),
    })
}
