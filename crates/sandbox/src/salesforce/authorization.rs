//! `GET /services/oauth2/authorize`. PKCE defaults to S256, and `scope` to all of the app's scopes.

use crate::{
    Provider,
    authorize::{Login, Vendor},
    exchange::{Call, Fields, Reply},
    pages,
    world::World,
};

pub(super) const VENDOR: Vendor = Vendor {
    provider: Provider::Salesforce,
    check,
    allowed: |login, code| login.callback(&[("code", code)]),
    denied: |login| {
        login.callback(&[
            ("error", "access_denied"),
            ("error_description", "end-user denied authorization"),
        ])
    },
};

fn check(world: &World, _: &Call, params: &Fields) -> Result<Login, Reply> {
    let wrong = |error: &str, text: &str| {
        pages::error(
            Provider::Salesforce,
            400,
            &format!("error={error}&error_description={text}"),
        )
    };
    let client_id = params.one("client_id").unwrap_or_default();
    let Some(app) = world.registry.app(Provider::Salesforce, client_id) else {
        return Err(wrong("invalid_client_id", "client identifier invalid"));
    };
    let Some(redirect_uri) = params.one("redirect_uri") else {
        return Err(wrong("redirect_uri_missing", "redirect_uri missing"));
    };
    if !world.redirect_registered(redirect_uri) {
        return Err(wrong(
            "redirect_uri_mismatch",
            "redirect_uri must match configuration",
        ));
    }
    let asked = params.words("scope");
    let all = || app.scopes.iter().map(|&s| s.to_owned()).collect();
    let login = Login {
        client_id: app.client_id.to_owned(),
        app: app.name.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        state: params.one("state").map(str::to_owned),
        scopes: if asked.is_empty() { all() } else { asked },
        challenge: params.one("code_challenge").map(str::to_owned),
        nonce: params.one("nonce").map(str::to_owned),
        admin: None,
    };
    let back = |error: &str, text: &str| {
        let to = login.callback(&[("error", error), ("error_description", text)]);
        Err(Reply::empty(302).header("Location", to))
    };
    if params.one("response_type") != Some("code") {
        return back("unsupported_response_type", "response type not supported");
    }
    if !app.allows("authorization_code") {
        return back("oauth_flow_disabled", "oauth flow disabled");
    }
    if login.challenge.is_none() && (world.policy.needs_pkce() || app.secret.is_none()) {
        return back("invalid_request", "missing required code challenge");
    }
    if login.challenge.is_some()
        && params
            .one("code_challenge_method")
            .is_some_and(|m| m != "S256")
    {
        return back("invalid_request", "invalid code challenge method");
    }
    if !app.covers(&login.scopes) {
        return back("invalid_scope", "the requested scope is not allowed");
    }
    if params.one("immediate") == Some("true") || params.one("prompt") == Some("none") {
        return back("immediate_unsuccessful", "immediate unsuccessful");
    }
    Ok(login)
}
