//! The DocuSign account server: `/oauth/auth`, `/oauth/token`, `/oauth/userinfo`.

use crate::{
    authorize,
    exchange::{Call, Reply},
    world::World,
};

mod authorization;
mod token;
mod userinfo;

/// Answers a path of this vendor; `None` when it is not one.
pub(crate) fn answer(world: &mut World, call: &Call) -> Option<Reply> {
    Some(match call.path.as_str() {
        "/oauth/auth" => authorize::handle(world, call, &authorization::VENDOR),
        "/oauth/token" => token::answer(world, call),
        "/oauth/userinfo" => userinfo::answer(world, call),
        _ => return None,
    })
}
