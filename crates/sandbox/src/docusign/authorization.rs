//! `GET /oauth/auth`: login, individual and admin consent. Most errors are pages, not redirects.

use crate::{
    Provider,
    authorize::{Login, Vendor},
    exchange::{Call, Fields, Reply, words},
    pages,
    world::World,
};

pub(super) const VENDOR: Vendor = Vendor {
    provider: Provider::Docusign,
    check,
    allowed: |login, code| login.callback(&[("code", code)]),
    // We haven't verified the name of this parameter. The other vendors use `error_description`.
    denied: |login| {
        login.callback(&[
            ("error", "access_denied"),
            (
                "error_message",
                "The user did not consent to connecting the application.",
            ),
        ])
    },
};

fn check(world: &World, _: &Call, params: &Fields) -> Result<Login, Reply> {
    let wrong = |text: &str| pages::error(Provider::Docusign, 400, text);
    let client_id = params.one("client_id").unwrap_or_default();
    let Some(app) = world.registry.app(Provider::Docusign, client_id) else {
        return Err(wrong(
            "The client id provided is not registered properly with DocuSign.",
        ));
    };
    let redirect_uri = params.one("redirect_uri").unwrap_or_default();
    if !world.redirect_registered(redirect_uri) {
        return Err(wrong(
            "The redirect URI is not registered properly with DocuSign.",
        ));
    }
    if params.one("response_type") != Some("code") {
        return Err(wrong("The response type is not supported."));
    }
    let scopes = params.words("scope");
    if scopes.is_empty() {
        return Err(wrong("The scope parameter is missing."));
    }
    let login = Login {
        client_id: app.client_id.to_owned(),
        app: app.name.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        state: params.one("state").map(str::to_owned),
        scopes,
        challenge: params.one("code_challenge").map(str::to_owned),
        nonce: None,
        admin: params.one("admin_consent_scope").map(words),
    };
    let method = params.one("code_challenge_method");
    let missing = login.challenge.is_none() && app.secret.is_none();
    let unsupported = login.challenge.is_some() && method != Some("S256");
    if missing || unsupported {
        let to = login.callback(&[("error", "invalid_request")]);
        return Err(Reply::empty(302).header("Location", to));
    }
    Ok(login)
}
