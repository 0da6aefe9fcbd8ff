//! `POST /connect/token`. Every error, including `invalid_client`, is a 400.

use super::{client, device};
use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{
    Provider, Rotation,
    authorize::s256,
    exchange::{Call, Fields, Reply},
    jwt, random,
    registry::App,
    rows::{Row, boldsign as row, json},
    tokens::Grant,
    world::World,
};

const ACCESS_LIFE_S: u64 = 3600;
const ID_TOKEN_LIFE_S: i64 = 300;
const REFRESH_LIFE_S: u64 = 2_592_000;

pub(super) fn handle(world: &mut World, call: &Call) -> Reply {
    match grant(world, call) {
        Ok(members) => json(Provider::Boldsign, 200, &members),
        Err(row) => row.reply(),
    }
}

type Members = Vec<(&'static str, Value)>;

fn grant(world: &mut World, call: &Call) -> Result<Members, Row> {
    let form = call
        .form()
        .filter(|_| call.method == "POST")
        .ok_or(row::INVALID_REQUEST)?;
    if world.policy.strict && form.repeated() {
        return Err(row::INVALID_REQUEST);
    }
    let app = client::authenticate(world, call, &form)?;
    let kind = form
        .one("grant_type")
        .filter(|g| g.len() <= 100)
        .ok_or(row::UNSUPPORTED_GRANT_TYPE)?;
    let known = [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        device::GRANT,
    ];
    if !known.contains(&kind) {
        return Err(row::UNSUPPORTED_GRANT_TYPE);
    }
    if !app.allows(kind) {
        return Err(row::UNAUTHORIZED_CLIENT);
    }
    match kind {
        "authorization_code" => by_code(world, call, &form, &app),
        device::GRANT => by_device_code(world, call, &form, &app),
        "refresh_token" => by_refresh_token(world, call, &form, &app),
        _ => by_client_credentials(world, call, &form, &app),
    }
}

fn by_code(world: &mut World, call: &Call, form: &Fields, app: &App) -> Result<Members, Row> {
    let text = form
        .one("code")
        .filter(|c| c.len() <= 100)
        .ok_or(row::INVALID_GRANT)?;
    let code = world
        .tokens
        .codes
        .get(text)
        .ok_or(row::INVALID_GRANT)?
        .clone();
    if code.grant.client_id != app.client_id || code.grant.provider != Provider::Boldsign {
        return Err(row::INVALID_GRANT);
    }
    // IdentityServer removes the code before it checks redirect URI and verifier, so a failed
    // exchange invalidates the code.
    world.tokens.codes.remove(text);
    let life = world.policy.code_ttl_s.unwrap_or(300);
    if world.now() >= code.issued_at.saturating_add_unsigned(life) {
        return Err(row::INVALID_GRANT);
    }
    let redirect_uri = form.one("redirect_uri").ok_or(row::UNAUTHORIZED_CLIENT)?;
    if redirect_uri != code.redirect_uri {
        return Err(row::INVALID_GRANT);
    }
    if code.grant.scopes.is_empty() {
        return Err(row::INVALID_REQUEST);
    }
    let verifier = form
        .one("code_verifier")
        .filter(|v| (43..=128).contains(&v.len()))
        .ok_or(row::INVALID_GRANT)?;
    if code.challenge.as_deref() != Some(&s256(verifier)) {
        return Err(row::INVALID_GRANT);
    }
    let mut refresh = None;
    if code.grant.scopes.iter().any(|s| s == "offline_access") {
        let born = world.now();
        let end = world.refresh_end(born, Some(REFRESH_LIFE_S));
        refresh = Some(world.issue_refresh(&code.grant, born, end));
    }
    Ok(members(
        world,
        call,
        &code.grant,
        refresh,
        code.nonce.as_deref(),
    ))
}

fn by_device_code(
    world: &mut World,
    call: &Call,
    form: &Fields,
    app: &App,
) -> Result<Members, Row> {
    let grant = device::poll(world, form.one("device_code"), app.client_id)?;
    let mut refresh = None;
    if grant.scopes.iter().any(|s| s == "offline_access") {
        let born = world.now();
        let end = world.refresh_end(born, Some(REFRESH_LIFE_S));
        refresh = Some(world.issue_refresh(&grant, born, end));
    }
    Ok(members(world, call, &grant, refresh, None))
}

fn by_refresh_token(
    world: &mut World,
    call: &Call,
    form: &Fields,
    app: &App,
) -> Result<Members, Row> {
    let text = form.one("refresh_token").ok_or(row::INVALID_REQUEST)?;
    if text.len() > 100 {
        return Err(row::INVALID_GRANT);
    }
    let old = world
        .present_refresh(Provider::Boldsign, text, app.client_id)
        .map_err(|_| row::INVALID_GRANT)?;
    let end = if world.policy.sliding == Some(true) {
        world.refresh_end(world.now(), Some(REFRESH_LIFE_S))
    } else {
        old.expires_at
    };
    let refresh = if world.rotation(Provider::Boldsign) == Rotation::Off {
        if let Some(kept) = world.tokens.refresh.get_mut(text) {
            kept.expires_at = end;
        }
        text.to_owned()
    } else {
        world.spend_refresh(text);
        world.issue_refresh(&old.grant, old.born, end)
    };
    Ok(members(world, call, &old.grant, Some(refresh), None))
}

fn by_client_credentials(
    world: &mut World,
    call: &Call,
    form: &Fields,
    app: &App,
) -> Result<Members, Row> {
    let asked = form.words("scope");
    let of_identity = ["openid", "profile", "email", "offline_access"];
    let api = |s: &&&str| !of_identity.contains(*s);
    let scopes: Vec<String> = if asked.is_empty() {
        app.scopes
            .iter()
            .filter(api)
            .map(|&s| s.to_owned())
            .collect()
    } else {
        asked
    };
    let too_long = form.one("scope").is_some_and(|s| s.len() > 300);
    let forbidden = scopes.iter().any(|s| of_identity.contains(&s.as_str()));
    if too_long || forbidden || !app.covers(&scopes) {
        return Err(row::INVALID_SCOPE);
    }
    let grant = Grant {
        provider: Provider::Boldsign,
        client_id: app.client_id.to_owned(),
        // IdentityServer names no subject. We haven't verified whom such a token acts as.
        user: String::new(),
        scopes,
        family: world.tokens.family(),
    };
    Ok(members(world, call, &grant, None, None))
}

fn members(
    world: &mut World,
    call: &Call,
    grant: &Grant,
    refresh: Option<String>,
    nonce: Option<&str>,
) -> Members {
    let (token, life) = access_token(world, call, grant);
    let mut members = Vec::new();
    if grant.scopes.iter().any(|s| s == "openid") {
        members.push((
            "id_token",
            id_token(world, call, grant, &token, nonce).into(),
        ));
    }
    members.push(("access_token", token.into()));
    members.push(("expires_in", life.into()));
    members.push(("token_type", "Bearer".into()));
    members.extend(refresh.map(|r| ("refresh_token", r.into())));
    members.push(("scope", grant.scopes.join(" ").into()));
    members
}

fn access_token(world: &mut World, call: &Call, grant: &Grant) -> (String, u64) {
    let now = world.now();
    let life = world.policy.access_ttl_s.unwrap_or(ACCESS_LIFE_S);
    let mut claims = vec![
        ("nbf", Value::from(now)),
        ("exp", now.saturating_add_unsigned(life).into()),
        ("iss", call.origin().into()),
        ("client_id", grant.client_id.as_str().into()),
    ];
    if !grant.user.is_empty() {
        claims.push(("sub", grant.user.as_str().into()));
    }
    claims.push(("jti", random::hex::<16>().to_uppercase().into()));
    claims.push(("iat", now.into()));
    claims.push(("scope", grant.scopes.clone().into()));
    let token = jwt::issue(&world.keys.vendor, "at+jwt", &claims);
    let life = world.issue_access(grant, token.clone(), ACCESS_LIFE_S);
    (token, life)
}

fn id_token(
    world: &World,
    call: &Call,
    grant: &Grant,
    access: &str,
    nonce: Option<&str>,
) -> String {
    let now = world.now();
    let half = digest::digest(&digest::SHA256, access.as_bytes());
    let mut claims = vec![
        ("nbf", Value::from(now)),
        ("exp", now.saturating_add(ID_TOKEN_LIFE_S).into()),
        ("iss", call.origin().into()),
        ("aud", grant.client_id.as_str().into()),
        ("iat", now.into()),
        (
            "at_hash",
            URL_SAFE_NO_PAD.encode(&half.as_ref()[..16]).into(),
        ),
        ("sub", grant.user.as_str().into()),
        ("auth_time", now.into()),
        ("idp", "local".into()),
    ];
    claims.extend(nonce.map(|n| ("nonce", n.into())));
    jwt::issue(&world.keys.vendor, "JWT", &claims)
}
