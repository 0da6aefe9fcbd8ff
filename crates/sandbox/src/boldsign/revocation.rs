//! `POST /connect/revocation` (RFC 7009). Unknown tokens are no error. Access tokens stay valid.

use super::client;
use crate::{
    exchange::{Call, Reply},
    rows::boldsign as row,
    tokens::State,
    world::World,
};

pub(super) fn handle(world: &mut World, call: &Call) -> Reply {
    if call.method != "POST" {
        return Reply::empty(405).header("Allow", "POST");
    }
    let Some(form) = call.form() else {
        return Reply::empty(415);
    };
    let app = match client::authenticate(world, call, &form) {
        Ok(app) => app,
        Err(row) => return row.reply(),
    };
    let Some(text) = form.one("token") else {
        return row::INVALID_REQUEST.reply();
    };
    if form
        .one("token_type_hint")
        .is_some_and(|h| !["access_token", "refresh_token"].contains(&h))
    {
        return row::UNSUPPORTED_TOKEN_TYPE.reply();
    }
    if let Some(refresh) = world.tokens.refresh.get_mut(text)
        && refresh.grant.client_id == app.client_id
    {
        refresh.state = State::Revoked;
    }
    Reply::empty(200)
}
