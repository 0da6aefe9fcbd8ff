//! `/services/oauth2/userinfo`, `/id/ORG/USER`, `/id/keys`, a record, and discovery.

use serde_json::{Value, json};

use super::{EntryPoint, token};
use crate::{
    Provider,
    exchange::{Call, Reply},
    registry::{SALESFORCE_ORG, User},
    rows::json as json_reply,
    world::World,
};

pub(super) fn userinfo(world: &World, call: &Call) -> Reply {
    match bearer(world, call) {
        Ok(user) => {
            let id = token::identity_url(world, user.id);
            let mut members = vec![("sub", Value::from(id.as_str()))];
            members.extend(person(world, user));
            json_reply(Provider::Salesforce, 200, &members)
        }
        Err(reply) => reply,
    }
}

/// Serves the document at the identity URL.
pub(super) fn identity(world: &World, call: &Call) -> Reply {
    match bearer(world, call) {
        Ok(user)
            if call
                .path
                .ends_with(&format!("/id/{SALESFORCE_ORG}/{}", user.id)) =>
        {
            let id = token::identity_url(world, user.id);
            let mut members = vec![
                ("id", Value::from(id.as_str())),
                ("username", user.login.into()),
            ];
            members.extend(person(world, user));
            json_reply(Provider::Salesforce, 200, &members)
        }
        Ok(_) => Reply::new(403, "text/html;charset=UTF-8", "Wrong_Id"),
        Err(reply) => reply,
    }
}

/// Serves `/services/data/vNN/sobjects/User/ID`, which SDKs read to check that a token works.
pub(super) fn record(world: &World, call: &Call, path: &str) -> Reply {
    let reject = |status, code: &str, message: &str| {
        let body = json!([{"message": message, "errorCode": code}]);
        Reply::new(status, "application/json;charset=UTF-8", body.to_string())
    };
    let Ok(caller) = bearer(world, call) else {
        return reject(401, "INVALID_SESSION_ID", "Session expired or invalid");
    };
    let parts: Vec<_> = path
        .trim_start_matches("/services/data/")
        .split('/')
        .collect();
    let [version, "sobjects", "User", id] = parts.as_slice() else {
        return reject(404, "NOT_FOUND", "The requested resource does not exist");
    };
    match world.registry.user(Provider::Salesforce, id) {
        Some(user) => json_reply(
            Provider::Salesforce,
            200,
            &[
                (
                    "attributes",
                    json!({"type": "User", "url": format!("/services/data/{version}/sobjects/User/{id}")}),
                ),
                ("Id", user.id.into()),
                ("Username", user.login.into()),
                ("LastName", user.family.into()),
                ("FirstName", user.given.into()),
                ("Name", user.name().into()),
                ("Email", user.login.into()),
                ("IsActive", user.active.into()),
                ("CreatedById", caller.id.into()),
            ],
        ),
        None => reject(
            404,
            "NOT_FOUND",
            "Provided external ID field does not exist or is not accessible",
        ),
    }
}

pub(super) fn keys(world: &World) -> Reply {
    json_reply(
        Provider::Salesforce,
        200,
        &[("keys", json!([world.keys.vendor.jwk()]))],
    )
}

pub(super) fn discovery(call: &Call) -> Reply {
    let base = EntryPoint::of(call).base(call);
    let at = |path: &str| Value::from(format!("{base}{path}"));
    json_reply(
        Provider::Salesforce,
        200,
        &[
            ("issuer", base.as_str().into()),
            ("authorization_endpoint", at("/services/oauth2/authorize")),
            ("token_endpoint", at("/services/oauth2/token")),
            ("revocation_endpoint", at("/services/oauth2/revoke")),
            ("introspection_endpoint", at("/services/oauth2/introspect")),
            ("userinfo_endpoint", at("/services/oauth2/userinfo")),
            ("jwks_uri", at("/id/keys")),
            ("response_types_supported", json!(["code"])),
            ("subject_types_supported", json!(["public"])),
            ("id_token_signing_alg_values_supported", json!(["RS256"])),
            (
                "token_endpoint_auth_methods_supported",
                json!([
                    "client_secret_post",
                    "client_secret_basic",
                    "private_key_jwt"
                ]),
            ),
        ],
    )
}

fn bearer<'a>(world: &'a World, call: &Call) -> Result<&'a User, Reply> {
    let plain = |text: &str| Reply::new(403, "text/html;charset=UTF-8", text);
    let token = call.bearer().ok_or_else(|| plain("Missing_OAuth_Token"))?;
    let access = world.tokens.live_access(token, world.now());
    let access = access.filter(|a| a.grant.provider == Provider::Salesforce);
    access
        .and_then(|a| world.registry.user(Provider::Salesforce, &a.grant.user))
        .ok_or_else(|| plain("Bad_OAuth_Token"))
}

fn person(world: &World, user: &User) -> Vec<(&'static str, Value)> {
    let rest = |path: &str| format!("{}/services/data/v{{version}}/{path}", world.my_domain);
    vec![
        ("user_id", user.id.into()),
        ("organization_id", SALESFORCE_ORG.into()),
        ("preferred_username", user.login.into()),
        ("nickname", user.given.into()),
        ("name", user.name().into()),
        ("email", user.login.into()),
        ("email_verified", true.into()),
        ("given_name", user.given.into()),
        ("family_name", user.family.into()),
        ("zoneinfo", "Europe/Paris".into()),
        (
            "urls",
            json!({"rest": rest(""), "sobjects": rest("sobjects/"), "query": rest("query/")}),
        ),
        ("active", user.active.into()),
        ("user_type", "STANDARD".into()),
        ("language", "en_US".into()),
        ("locale", "en_US".into()),
        ("utcOffset", 3_600_000.into()),
        ("updated_at", "2024-01-01T00:00:00Z".into()),
    ]
}
