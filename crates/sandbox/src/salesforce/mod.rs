//! Salesforce: `/services/oauth2/*`, `/id/*`, at a login host, at My Domain and under an Experience Cloud site's path.

use crate::{
    authorize,
    exchange::{Call, Reply},
    world::World,
};

mod authorization;
mod rendering;
mod token;
mod tokens;
mod user;

/// The path of the Experience Cloud site.
pub(crate) const SITE: &str = "/portal";

/// Through which of Salesforce's doors a request came: it decides the audiences and what is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// `login.salesforce.com`: the sandbox by the address 127.0.0.1.
    Login,
    /// `test.salesforce.com`: the sandbox by the address \[::1\].
    Test,
    /// `*.my.salesforce.com`: the sandbox by the name localhost.
    MyDomain,
    /// `*.my.site.com/portal`: the path before `/services`.
    Site,
}

impl Door {
    fn of(call: &Call) -> Self {
        let host = call.authority();
        if call.path.starts_with(SITE) {
            Self::Site
        } else if host.starts_with("127.") {
            Self::Login
        } else if host.starts_with('[') {
            Self::Test
        } else {
            Self::MyDomain
        }
    }

    /// The URL before `/services`.
    fn base(self, call: &Call) -> String {
        let site = if self == Self::Site { SITE } else { "" };
        format!("{}{site}", call.origin())
    }
}

/// Answers a path of this vendor; `None` when it is not one.
pub(crate) fn answer(world: &mut World, call: &Call) -> Option<Reply> {
    let path = call.path.strip_prefix(SITE).unwrap_or(&call.path);
    let site = path.len() != call.path.len();
    Some(match path {
        "/services/oauth2/authorize" => authorize::handle(world, call, &authorization::VENDOR),
        "/services/oauth2/token" => token::answer(world, call),
        "/services/oauth2/revoke" => tokens::revoke(world, call),
        "/services/oauth2/introspect" => tokens::introspect(world, call),
        "/services/oauth2/userinfo" => user::userinfo(world, call),
        "/.well-known/openid-configuration" if site => user::discovery(call),
        "/id/keys" => user::keys(world),
        _ if path.starts_with("/id/") => user::identity(world, call),
        _ => return None,
    })
}
