//! `/.well-known/openid-configuration` and the JWKS (OpenID Connect Discovery 1.0).

use serde_json::{Value, json};

use crate::{
    Provider,
    exchange::{Call, Reply},
    rows::json as json_reply,
    world::World,
};

pub(super) fn document(call: &Call) -> Reply {
    let origin = call.origin();
    let at = |path: &str| Value::from(format!("{origin}{path}"));
    json_reply(
        Provider::Boldsign,
        200,
        &[
            ("issuer", origin.as_str().into()),
            ("jwks_uri", at("/.well-known/openid-configuration/jwks")),
            ("authorization_endpoint", at("/connect/authorize")),
            ("token_endpoint", at("/connect/token")),
            ("userinfo_endpoint", at("/connect/userinfo")),
            ("revocation_endpoint", at("/connect/revocation")),
            (
                "scopes_supported",
                json!([
                    "openid",
                    "profile",
                    "email",
                    "BoldSign.Documents.All",
                    "BoldSign.Templates.All",
                    "offline_access"
                ]),
            ),
            (
                "grant_types_supported",
                json!(["authorization_code", "client_credentials", "refresh_token"]),
            ),
            ("response_types_supported", json!(["code"])),
            (
                "token_endpoint_auth_methods_supported",
                json!(["client_secret_basic", "client_secret_post"]),
            ),
            ("id_token_signing_alg_values_supported", json!(["RS256"])),
            ("subject_types_supported", json!(["public"])),
            ("code_challenge_methods_supported", json!(["plain", "S256"])),
        ],
    )
}

pub(super) fn keys(world: &World) -> Reply {
    json_reply(
        Provider::Boldsign,
        200,
        &[("keys", json!([world.keys.vendor.jwk()]))],
    )
}
