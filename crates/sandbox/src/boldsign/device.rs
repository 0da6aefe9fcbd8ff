//! `POST /connect/deviceauthorization` and the page where a person enters the code (RFC 8628).
//!
//! IdentityServer has both. Whether BoldSign's server offers them to apps is not known, so its
//! profile and the discovery document don't name them.

use serde_json::Value;

use super::client;
use crate::{
    Provider,
    exchange::{Call, Reply, with_query},
    pages, random,
    rows::{Row, boldsign as row, json},
    tokens::{Device, Grant},
    world::World,
};

/// `grant_type` of a poll.
pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const LIFE_S: u64 = 300;
/// Short, so that tests with a real clock are.
const INTERVAL_S: i64 = 1;
/// What polls that come too soon add to the interval (RFC 8628 section 3.5).
const SLOW_DOWN_S: i64 = 5;

/// Handles a device authorization request.
pub(super) fn authorize(world: &mut World, call: &Call) -> Reply {
    match start(world, call) {
        Ok(members) => json(Provider::Boldsign, 200, &members),
        Err(row) => row.reply(),
    }
}

fn start(world: &mut World, call: &Call) -> Result<Vec<(&'static str, Value)>, Row> {
    let form = call
        .form()
        .filter(|form| call.method == "POST" && !form.repeated())
        .ok_or(row::INVALID_REQUEST)?;
    let app = client::authenticate(world, call, &form)?;
    if !app.allows(GRANT) {
        return Err(row::UNAUTHORIZED_CLIENT);
    }
    let scopes = form.words("scope");
    if scopes.is_empty() || !app.covers(&scopes) {
        return Err(row::INVALID_SCOPE);
    }
    let device_code = random::hex::<32>().to_uppercase();
    let user_code = random::hex::<4>().to_uppercase();
    let device = Device {
        grant: Grant {
            provider: Provider::Boldsign,
            client_id: app.client_id.to_owned(),
            user: String::new(),
            scopes,
            family: world.tokens.family(),
        },
        user_code: user_code.clone(),
        issued_at: world.now(),
        allowed: None,
        interval_s: INTERVAL_S,
        polled_at_ms: world.now_ms(),
    };
    world.tokens.devices.insert(device_code.clone(), device);
    let page = format!("{}/connect/device", call.origin());
    let complete = with_query(&page, &[("user_code", &user_code)]);
    Ok(vec![
        ("device_code", device_code.into()),
        ("user_code", user_code.into()),
        ("verification_uri", page.into()),
        ("verification_uri_complete", complete.into()),
        ("expires_in", LIFE_S.into()),
        ("interval", INTERVAL_S.into()),
    ])
}

/// Handles the page. A program decides with `_sandbox=allow` or `_sandbox=deny`.
pub(super) fn page(world: &mut World, call: &Call) -> Reply {
    let wrong = |text: &str| pages::error(Provider::Boldsign, 400, text);
    let user_code = call.query.one("user_code").unwrap_or_default();
    let now = world.now();
    let user = world.registry.users_of(Provider::Boldsign).next();
    let user = user.map(|user| user.id.to_owned()).unwrap_or_default();
    let mut devices = world.tokens.devices.values_mut();
    let device = devices.find(|device| {
        device.user_code == user_code
            && device.allowed.is_none()
            && now < device.issued_at.saturating_add_unsigned(LIFE_S)
    });
    let Some(device) = device else {
        return wrong("Unknown or expired code.");
    };
    device.allowed = match call.query.one("_sandbox") {
        Some("allow") => Some(true),
        Some("deny") => Some(false),
        _ => return wrong("Add &_sandbox=allow or &_sandbox=deny to the URL."),
    };
    device.grant.user = user;
    Reply::new(200, "text/plain; charset=utf-8", "You can close this page.")
}

/// Validates a poll. Returns the grant once the person has allowed it; the code is then spent.
pub(super) fn poll(world: &mut World, code: Option<&str>, client_id: &str) -> Result<Grant, Row> {
    let code = code.ok_or(row::INVALID_REQUEST)?;
    let (now, now_ms) = (world.now(), world.now_ms());
    let device = world.tokens.devices.get_mut(code);
    let device = device.filter(|device| device.grant.client_id == client_id);
    let device = device.ok_or(row::INVALID_GRANT)?;
    if now >= device.issued_at.saturating_add_unsigned(LIFE_S) {
        world.tokens.devices.remove(code);
        return Err(row::EXPIRED_TOKEN);
    }
    let waited_ms = now_ms - device.polled_at_ms;
    device.polled_at_ms = now_ms;
    if waited_ms < device.interval_s * 1000 {
        device.interval_s += SLOW_DOWN_S;
        return Err(row::SLOW_DOWN);
    }
    match device.allowed {
        None => Err(row::AUTHORIZATION_PENDING),
        Some(false) => {
            world.tokens.devices.remove(code);
            Err(row::ACCESS_DENIED)
        }
        Some(true) => {
            let spent = world.tokens.devices.remove(code);
            spent.map(|device| device.grant).ok_or(row::INVALID_GRANT)
        }
    }
}
