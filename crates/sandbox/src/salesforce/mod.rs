//! Salesforce's `/services/oauth2/*` and `/id/*`, at each of its entry points.

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

/// One of Salesforce's entry points. It determines the accepted audiences and grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryPoint {
    /// `login.salesforce.com`: that `Host`, or an IPv4 loopback address.
    Login,
    /// `test.salesforce.com`: that `Host`, or an IPv6 address.
    Test,
    /// `*.my.salesforce.com`: any other `Host`, such as localhost.
    MyDomain,
    /// `*.my.site.com/portal`: any `Host`, if the path starts with [`SITE`].
    Site,
}

impl EntryPoint {
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

    /// Reports whether the host is one of Salesforce's, or `localhost`, which emulates My Domain.
    fn is_salesforce_host(call: &Call) -> bool {
        let host = call.host();
        host == "localhost" || host.ends_with(".salesforce.com") || host.ends_with(".my.site.com")
    }

    /// Returns the part of the URL before `/services`.
    fn base(self, call: &Call) -> String {
        let site = if self == Self::Site { SITE } else { "" };
        format!("{}{site}", call.origin())
    }
}

/// Handles a request to this vendor; `None` if the path isn't one of its own.
pub(crate) fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let path = call.path.strip_prefix(SITE).unwrap_or(&call.path);
    let site = path.len() != call.path.len();
    // BoldSign's discovery document has the same path. IP addresses serve BoldSign's.
    let discovers = site || EntryPoint::is_salesforce_host(call);
    Some(match path {
        "/services/oauth2/authorize" => authorize::handle(world, call, &authorization::VENDOR),
        "/services/oauth2/token" => token::handle(world, call),
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
