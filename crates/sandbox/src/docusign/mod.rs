//! The DocuSign account server: `/oauth/auth`, `/oauth/token`, `/oauth/userinfo`.

use crate::{
    authorize,
    exchange::{Call, Reply},
    world::World,
};

mod authorization;
mod token;
mod userinfo;

/// Handles a request to this vendor; `None` if the path isn't one of its own.
pub(crate) fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.path.as_str() {
        "/oauth/auth" => authorize::handle(world, call, &authorization::VENDOR),
        "/oauth/token" => token::handle(world, call),
        "/oauth/userinfo" => userinfo::handle(world, call),
        _ => return None,
    })
}
