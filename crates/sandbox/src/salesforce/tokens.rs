//! `/services/oauth2/revoke` and `/services/oauth2/introspect`.

use super::{rendering, token};
use crate::{
    Provider,
    exchange::{Call, Reply, encode},
    tokens::Grant,
    world::World,
};

/// Revokes an access token, or a refresh token with its access tokens.
///
/// Errors are form-encoded, not JSON.
pub(super) fn revoke(world: &mut World, call: &Call) -> Reply {
    let form = match call.method.as_str() {
        "POST" => call.form().unwrap_or_default(),
        "GET" => call.query.clone(),
        _ => return Reply::empty(405).header("Allow", "GET, POST"),
    };
    let reject = |error: &str, text: &str| {
        let body = encode([("error", error), ("error_description", text)]);
        Reply::new(400, "application/x-www-form-urlencoded;charset=UTF-8", body)
    };
    let hint = form.one("token_type_hint").unwrap_or("access_token");
    if !["access_token", "refresh_token"].contains(&hint) {
        return reject("unsupported_token_type", "this token type is not supported");
    }
    let text = form.one("token").unwrap_or_default();
    let ours = |grant: &Grant| grant.provider == Provider::Salesforce;
    if let Some(family) = world
        .tokens
        .refresh
        .get(text)
        .filter(|t| ours(&t.grant))
        .map(|t| t.grant.family)
    {
        world.tokens.revoke_family(family);
        return Reply::empty(200);
    }
    match world.tokens.access.get_mut(text).filter(|t| ours(&t.grant)) {
        Some(access) if !access.revoked => {
            access.revoked = true;
            Reply::empty(200)
        }
        _ => reject("invalid_token", "invalid token"),
    }
}

/// Introspects a token (RFC 7662). Only this tells when a Salesforce token expires.
pub(super) fn introspect(world: &mut World, call: &Call) -> Reply {
    let form = call.form().unwrap_or_default();
    let app = match token::client(world, call, &form) {
        Ok(app) => app,
        Err(row) => return rendering::error(call, &form, row),
    };
    let text = form.one("token").unwrap_or_default();
    let username = |grant: &Grant| {
        let user = world.registry.user(Provider::Salesforce, &grant.user);
        user.map_or("", |u| u.login)
    };
    let base = |grant: &Grant, kind: &str| {
        vec![
            ("active", true.into()),
            ("scope", grant.scopes.join(" ").into()),
            ("client_id", grant.client_id.as_str().into()),
            ("username", username(grant).into()),
            ("sub", token::identity_url(world, &grant.user).into()),
            ("token_type", kind.into()),
        ]
    };
    let mine = |grant: &Grant| grant.client_id == app.client_id;
    let access = world
        .tokens
        .live_access(text, world.now())
        .filter(|t| mine(&t.grant));
    let refresh = world.tokens.refresh.get(text).filter(|t| mine(&t.grant));
    let members = match (access, refresh) {
        (Some(access), _) => {
            let mut members = base(&access.grant, "access_token");
            members.push(("exp", access.expires_at.into()));
            members.push(("iat", access.issued_at.into()));
            members.push(("nbf", access.issued_at.into()));
            members
        }
        (None, Some(refresh)) if token::refresh_is_live(world, text) => {
            let mut members = base(&refresh.grant, "refresh_token");
            members.push(("iat", refresh.born.into()));
            members
        }
        _ => vec![("active", false.into())],
    };
    rendering::render(call, &form, 200, &members)
}
