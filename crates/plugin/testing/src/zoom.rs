//! A fake of Zoom's server-to-server OAuth, as documented.

use serde_json::json;

use crate::{Asked, Response, Vendor};

/// Starts Zoom with the app `zoom-app` of the account `zoom-account`, whose secret is
/// `zoom+secret`. The app `other-app` has the same secret and is of another type.
pub fn zoom() -> Vendor {
    let mut count = 0;
    Vendor::start(move |asked| {
        count += 1;
        respond(asked, count)
    })
}

fn respond(asked: &Asked, count: u32) -> Response {
    let reject =
        |error: &str, reason: &str| Response::Json(400, json!({"reason": reason, "error": error}));
    if !asked.is_form_for("/oauth/token") {
        return Response::Json(404, json!({"reason": "no such page"}));
    }
    let basic = asked.basic();
    let app = match &basic {
        Some((app, secret)) if secret == "zoom+secret" => app.as_str(),
        _ => "",
    };
    if app == "other-app" {
        return reject("unsupported_grant_type", "unsupported grant type");
    }
    if app != "zoom-app" {
        return reject("invalid_client", "Invalid client_id or client_secret");
    }
    // Reject anything that the documentation doesn't mention.
    if asked.names() != ["account_id", "grant_type"]
        || asked.field("grant_type") != Some("account_credentials")
    {
        return reject("unsupported_grant_type", "unsupported grant type");
    }
    if asked.field("account_id") != Some("zoom-account") {
        return reject("invalid_request", "Invalid account_id");
    }
    Response::Json(
        200,
        json!({
            "access_token": format!("zoom-token-{count}"),
            "token_type": "bearer",
            "expires_in": 3600,
            "scope": "user:read:admin",
        }),
    )
}
