//! Connections that share a store. Most differ only in what their requests send.

use std::path::Path;
use std::sync::Arc;

use countersign::stores::SeedFolder;
use countersign_core::{Client, ClientBuilder, Connection, Profile, Provider, from_profile};
use countersign_sandbox::{LogEntry, fingerprint};

use crate::Server;
use crate::stage::{self, Change};

/// A connection on the shared store.
#[derive(Debug)]
pub struct Tenant {
    /// Its name in the sandbox's `connections.toml`.
    pub connection: &'static str,
    /// The setting `extra.tenant`; empty for the app that acts for itself.
    pub tenant: &'static str,
    /// The setting `audience`.
    pub audience: &'static str,
    /// The user that logs in; empty for the app that acts for itself.
    pub login: &'static str,
    /// The index of the first tenant with the same grant.
    pub grant: usize,
}

/// All connections of a run.
///
/// The first four have a grant each, three of them of the same user. The fourth starts with a
/// configured refresh token. The fifth shares the first one's grant, but has another `audience`.
/// The last acts for itself.
pub const TENANTS: &[Tenant] = &[
    person("ada", "https://a.example", "alex@example.com", 0),
    person("bob", "https://a.example", "blair@example.com", 1),
    person("cyd", "https://a.example", "alex@example.com", 2),
    Tenant {
        connection: "boldsign-refresh",
        ..person("dee", "https://a.example", "alex@example.com", SEEDED)
    },
    person("ada", "https://b.example", "alex@example.com", 0),
    Tenant {
        connection: "boldsign-cc",
        tenant: "",
        audience: "",
        login: "",
        grant: CLERK,
    },
];

/// The number of tenants with their own rotating grant.
pub const GRANTS: usize = 4;

/// The index of the tenant that starts with a configured refresh token.
///
/// The token must not be presented again after the store's record is lost.
pub const SEEDED: usize = 3;

/// The index of the tenant that shares the first one's grant.
pub const SHARER: usize = 4;

/// The index of the app that acts for itself. Forgetting its record loses nothing.
pub const CLERK: usize = 5;

const fn person(
    tenant: &'static str,
    audience: &'static str,
    login: &'static str,
    grant: usize,
) -> Tenant {
    Tenant {
        connection: "boldsign-code",
        tenant,
        audience,
        login,
        grant,
    }
}

impl Tenant {
    /// Returns a builder of its client.
    ///
    /// The client records spent configured refresh tokens outside the store.
    ///
    /// # Panics
    ///
    /// If the sandbox's folder has no connection with this name.
    pub fn client(&self, folder: &Path, server: Server, timeout_ms: u64) -> ClientBuilder {
        let seeds = SeedFolder::new(folder.join("seeds"));
        let connection = self.connect(folder, server, timeout_ms);
        Client::builder(connection).spent_seeds(Arc::new(seeds))
    }

    /// Loads its connection.
    ///
    /// # Panics
    ///
    /// If the sandbox's folder has no connection with this name.
    pub fn connect(&self, folder: &Path, server: Server, timeout_ms: u64) -> Connection {
        let mut changes = Vec::new();
        if !self.tenant.is_empty() {
            changes.extend([("extra.tenant", self.tenant), ("audience", self.audience)]);
        }
        let change = Change {
            provider: provider(server),
            settings: &changes,
        };
        stage::changed(folder, self.connection, change, timeout_ms)
    }

    /// Reports whether this log entry issued a token to this connection.
    pub fn owns(&self, client_id: &str, entry: &LogEntry) -> bool {
        let sent = |name: &str| {
            let field = entry.fields.iter().find(|(field, _)| field == name);
            field.map_or("", |(_, value)| value.as_str())
        };
        let tenant = match self.tenant {
            "" => String::new(),
            tenant => fingerprint(tenant),
        };
        let issued = entry.issued.as_ref();
        issued.is_some_and(|issued| issued.client_id == client_id && issued.login == self.login)
            && sent("tenant") == tenant
            && sent("audience") == self.audience
    }
}

/// Returns the grant of a logged request: the index of the first tenant with that name.
pub fn grant_of(entry: &LogEntry) -> Option<usize> {
    let field = entry.fields.iter().find(|(name, _)| name == "tenant");
    let print = &field?.1;
    let named = |tenant: &Tenant| fingerprint(tenant.tenant) == *print;
    TENANTS.iter().position(named)
}

/// Returns BoldSign with requests that send a tenant and an audience.
fn provider(server: Server) -> Arc<dyn Provider> {
    let text = include_str!("../../providers/boldsign/profile.toml");
    let params = "params = { tenant = \"{extra.tenant}\", audience = \"{audience}\" }\nclient_auth";
    let mut text = format!("extra.tenant = \"the account\"\n{text}");
    for grant in ["authorization-code", "refresh-token"] {
        let head = format!("[grants.{grant}]\n");
        text = text.replace(&format!("{head}client_auth"), &format!("{head}{params}"));
    }
    let mut profile = Profile::from_toml(&text).expect("parse the profile");
    if server == Server::Grace {
        profile.refresh.grace_s = 600;
    }
    from_profile(profile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Place, PlaceKind, Stage};

    #[test]
    fn a_token_belongs_to_the_connection_that_requested_it() {
        let stage = Stage::start(Server::Strict, 3600);
        let store = Place::start(PlaceKind::Memory).open("owners");
        let folder = stage.sandbox.dir();
        for (who, tenant) in TENANTS.iter().enumerate() {
            let connection = tenant.connect(folder, Server::Strict, 2000);
            let client_id = connection.client_id().to_owned();
            let client = Client::builder(connection).store(Arc::clone(&store));
            let client = client.build().unwrap();
            if who < SEEDED {
                stage.log_in(&client, tenant.login).unwrap();
            }
            let token = client.token().unwrap();
            let print = fingerprint(token.expose());
            let log = stage.sandbox.log();
            let issuing = |entry: &&LogEntry| {
                let issued = entry.issued.as_ref();
                issued.is_some_and(|issued| issued.access_token == print)
            };
            let entry = log.iter().find(issuing).unwrap();
            for (other, stranger) in TENANTS.iter().enumerate() {
                let owns = stranger.owns(&client_id, entry);
                assert_eq!(owns, other == who, "{tenant:?} and {stranger:?}");
            }
            let grant = (who != CLERK).then_some(tenant.grant);
            assert_eq!(grant_of(entry), grant, "{tenant:?}");
        }
    }
}
