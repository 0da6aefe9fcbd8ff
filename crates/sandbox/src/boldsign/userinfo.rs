//! `/connect/userinfo` (OpenID Connect Core 1.0 section 5.3).

use serde_json::Value;

use crate::{
    Provider,
    exchange::{Call, Reply},
    rows::json,
    world::World,
};

pub(super) fn handle(world: &World, call: &Call) -> Reply {
    let challenge = |status, detail: &str| {
        Reply::empty(status).header(
            "WWW-Authenticate",
            format!("Bearer realm=\"IdentityServer\",error=\"{detail}"),
        )
    };
    let known = call
        .bearer()
        .and_then(|token| world.tokens.access.get(token));
    let Some(access) = known.filter(|a| a.grant.provider == Provider::Boldsign) else {
        return challenge(401, "invalid_token\"");
    };
    if world.now() >= access.expires_at {
        return challenge(
            401,
            "invalid_token\",error_description=\"The access token expired\"",
        );
    }
    let has = |scope: &str| access.grant.scopes.iter().any(|s| s == scope);
    if !has("openid") {
        return challenge(403, "insufficient_scope\"");
    }
    let Some(user) = world.registry.user(Provider::Boldsign, &access.grant.user) else {
        return challenge(401, "invalid_token\"");
    };
    let mut members = vec![("sub", Value::from(user.id))];
    if has("profile") {
        members.push(("name", user.name().into()));
        members.push(("given_name", user.given.into()));
        members.push(("family_name", user.family.into()));
    }
    if has("email") {
        members.push(("email", user.login.into()));
        members.push(("email_verified", true.into()));
    }
    json(Provider::Boldsign, 200, &members)
}
