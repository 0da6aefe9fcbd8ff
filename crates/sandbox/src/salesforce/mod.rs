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
    /// `login.salesforce.com`: the sandbox by that name, or by the address 127.0.0.1.
    Login,
    /// `test.salesforce.com`: the sandbox by that name, or by the address \[::1\].
    Test,
    /// `*.my.salesforce.com`: the sandbox by such a name, or by the name localhost.
    MyDomain,
    /// `*.my.site.com/portal`: the path before `/services`.
    Site,
}

impl Door {
    fn of(call: &Call) -> Self {
        let host = call.host();
        if call.path.starts_with(SITE) {
            Self::Site
        } else if host.starts_with("127.") || host == "login.salesforce.com" {
            Self::Login
        } else if host.starts_with('[') || host == "test.salesforce.com" {
            Self::Test
        } else {
            Self::MyDomain
        }
    }

    /// Whether the host is one of Salesforce's, or the name that stands for a My Domain.
    fn has_a_name(call: &Call) -> bool {
        let host = call.host();
        host == "localhost" || host.ends_with(".salesforce.com") || host.ends_with(".my.site.com")
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
    // BoldSign's document is at the same path: by an address it is that one, by a name of Salesforce or a site this one.
    let discovers = site || Door::has_a_name(call);
    Some(match path {
        "/services/oauth2/authorize" => authorize::handle(world, call, &authorization::VENDOR),
        "/services/oauth2/token" => token::answer(world, call),
        "/services/oauth2/revoke" => tokens::revoke(world, call),
        "/services/oauth2/introspect" => tokens::introspect(world, call),
        "/services/oauth2/userinfo" => user::userinfo(world, call),
        "/.well-known/openid-configuration" if discovers => user::discovery(call),
        "/id/keys" => user::keys(world),
        _ if path.starts_with("/id/") => user::identity(world, call),
        _ if path.starts_with("/services/data/") => user::record(world, call, path),
        _ => return None,
    })
}
