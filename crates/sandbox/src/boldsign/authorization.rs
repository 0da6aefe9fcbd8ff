//! `GET /connect/authorize`: requires PKCE with S256. Without a method, `plain` applies.

use crate::{
    Provider,
    authorize::{Login, Vendor},
    exchange::{Call, Fields, Reply},
    pages, random,
    world::World,
};

pub(super) const VENDOR: Vendor = Vendor {
    provider: Provider::Boldsign,
    check,
    allowed: |login, code| {
        let session = format!(
            "{}.{}",
            random::url_safe::<32>(),
            random::hex::<16>().to_uppercase()
        );
        let scope = login.scopes.join(" ");
        login.callback(&[
            ("code", code),
            ("scope", &scope),
            ("session_state", &session),
        ])
    },
    denied: |login| login.callback(&[("error", "access_denied")]),
};

fn check(world: &World, _: &Call, params: &Fields) -> Result<Login, Reply> {
    let wrong = |error: &str, text: &str| {
        pages::error(Provider::Boldsign, 400, &format!("{error}: {text}"))
    };
    let Some(client_id) = params.one("client_id").filter(|id| id.len() <= 100) else {
        return Err(wrong("invalid_request", "Invalid client_id"));
    };
    let Some(redirect_uri) = params.one("redirect_uri").filter(|uri| uri.len() <= 400) else {
        return Err(wrong("invalid_request", "Invalid redirect_uri"));
    };
    let Some(app) = world.registry.app(Provider::Boldsign, client_id) else {
        return Err(wrong(
            "unauthorized_client",
            "Unknown client or client not enabled",
        ));
    };
    if !world.redirect_registered(redirect_uri) {
        return Err(wrong("invalid_request", "Invalid redirect_uri"));
    }
    let login = Login {
        client_id: app.client_id.to_owned(),
        app: app.name.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        state: params.one("state").map(str::to_owned),
        scopes: params.words("scope"),
        challenge: params.one("code_challenge").map(str::to_owned),
        nonce: params.one("nonce").map(str::to_owned),
        admin: None,
    };
    let back = |error: &str, text: &str| {
        let to = login.callback(&[("error", error), ("error_description", text)]);
        Err(Reply::empty(302).header("Location", to))
    };
    if params.one("response_type") != Some("code") {
        return back("unsupported_response_type", "Response type not supported");
    }
    if !app.allows("authorization_code") {
        return back("unauthorized_client", "Invalid grant type for client");
    }
    let Some(challenge) = &login.challenge else {
        return back("invalid_request", "code challenge required");
    };
    if !(43..=128).contains(&challenge.len()) {
        return back("invalid_request", "Invalid code_challenge");
    }
    if params.one("code_challenge_method") != Some("S256") {
        return back("invalid_request", "Transform algorithm not supported");
    }
    let scope = params.one("scope").unwrap_or_default();
    if scope.is_empty() || scope.len() > 300 {
        return back("invalid_request", "Invalid scope");
    }
    if !app.covers(&login.scopes) {
        return back("invalid_scope", "Invalid scope");
    }
    if login.nonce.as_ref().is_some_and(|n| n.len() > 300) {
        return back("invalid_request", "Invalid nonce");
    }
    if params.one("prompt") == Some("none") {
        return back("login_required", "Login required");
    }
    Ok(login)
}
