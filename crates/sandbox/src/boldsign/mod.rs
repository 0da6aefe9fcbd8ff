//! BoldSign, an OpenID Connect server of the IdentityServer family: `/connect/*`, discovery, JWKS.

use crate::{
    authorize,
    exchange::{Call, Reply},
    world::World,
};

mod authorization;
mod client;
mod device;
mod discovery;
mod revocation;
mod token;
mod userinfo;

/// Handles a request to this vendor; `None` if the path isn't one of its own.
pub(crate) fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.path.as_str() {
        "/connect/authorize" => authorize::handle(world, call, &authorization::VENDOR),
        "/connect/deviceauthorization" => device::authorize(world, call),
        "/connect/device" => device::page(world, call),
        "/connect/token" => token::handle(world, call),
        "/connect/userinfo" => userinfo::handle(world, call),
        "/connect/revocation" => revocation::handle(world, call),
        "/.well-known/openid-configuration" => discovery::document(call),
        "/.well-known/openid-configuration/jwks" => discovery::keys(world),
        _ => return None,
    })
}
