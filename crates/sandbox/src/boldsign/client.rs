//! Client authentication at the token and device authorization endpoints.

use crate::{
    Provider,
    client_auth::{self, Decoding},
    exchange::{Call, Fields},
    registry::App,
    rows::{Row, boldsign as row},
    world::World,
};

/// Authenticates the app. A public app must send no secret.
pub(super) fn authenticate(world: &World, call: &Call, form: &Fields) -> Result<App, Row> {
    let credentials =
        client_auth::read(call, form, Decoding::Percent).map_err(|_| row::INVALID_CLIENT)?;
    let id = credentials
        .client_id
        .as_deref()
        .filter(|id| id.len() <= 100)
        .unwrap_or_default();
    let app = world
        .registry
        .app(Provider::Boldsign, id)
        .ok_or(row::INVALID_CLIENT)?;
    if !credentials.secret_matches(app) || (world.policy.strict && credentials.several) {
        return Err(row::INVALID_CLIENT);
    }
    Ok(app.clone())
}
