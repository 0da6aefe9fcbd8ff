//! BoldSign, an OpenID Connect server of the IdentityServer family: `/connect/*`, discovery, JWKS.

use crate::{
    authorize,
    exchange::{Call, Reply},
    world::World,
};

mod authorization;
mod discovery;
mod revocation;
mod token;
mod userinfo;

/// Answers a path of this vendor; `None` when it is not one.
pub(crate) fn answer(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.path.as_str() {
        "/connect/authorize" => authorize::handle(world, call, &authorization::VENDOR),
        "/connect/token" => token::answer(world, call),
        "/connect/userinfo" => userinfo::answer(world, call),
        "/connect/revocation" => revocation::answer(world, call),
        "/.well-known/openid-configuration" => discovery::document(call),
        "/.well-known/openid-configuration/jwks" => discovery::keys(world),
        _ => return None,
    })
}
