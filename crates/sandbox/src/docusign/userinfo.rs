//! `GET /oauth/userinfo`: the user's accounts and their base URIs.

use serde_json::json;

use crate::{
    Provider,
    exchange::{Call, Reply},
    random,
    rows::json as json_reply,
    world::World,
};

pub(super) fn handle(world: &World, call: &Call) -> Reply {
    let access = call
        .bearer()
        .and_then(|token| world.tokens.live_access(token, world.now()));
    let Some(access) = access.filter(|a| a.grant.provider == Provider::Docusign) else {
        // The vendor reports an invalid token as a server error; only the status is accurate.
        return json_reply(
            Provider::Docusign,
            401,
            &[
                ("error", "internal_server_error".into()),
                ("reference_id", random::guid().into()),
            ],
        );
    };
    let Some(user) = world.registry.user(Provider::Docusign, &access.grant.user) else {
        return Reply::empty(401);
    };
    let accounts = json!([
        {
            "account_id": "f2c7a1d0-1111-4d5a-9a51-3f0d4b6c7a01",
            "is_default": true,
            "account_name": "Countersign Demo",
            "base_uri": "https://demo.docusign.net",
            "organization": {
                "organization_id": "b1a2c3d4-2222-4d5a-9a51-3f0d4b6c7a02",
                "links": [{"rel": "self", "href": "https://account-d.docusign.com/organizations/b1a2c3d4-2222-4d5a-9a51-3f0d4b6c7a02"}],
            },
        },
        {
            "account_id": "f2c7a1d0-3333-4d5a-9a51-3f0d4b6c7a03",
            "is_default": false,
            "account_name": "Countersign Second",
            "base_uri": "https://demo.docusign.net",
        },
    ]);
    json_reply(
        Provider::Docusign,
        200,
        &[
            ("sub", user.id.into()),
            ("name", user.name().into()),
            ("given_name", user.given.into()),
            ("family_name", user.family.into()),
            ("created", "2015-08-13T22:03:03.45".into()),
            ("email", user.login.into()),
            ("accounts", accounts),
        ],
    )
}
