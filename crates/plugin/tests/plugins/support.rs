//! Helpers: load a plugin, build a connection, build a request, read a response.

use std::sync::Arc;

use countersign_core::{
    Client, Clock, Connection, Error, ManualClock, Moment, PresentedGrant, Registry, Request,
    Response, Settings, SystemRandom, TokenResponse, Transport, read_token_response, token_request,
};
use countersign_plugin::{Loader, Plugin};
use countersign_plugin_testing::Built;

/// The folder of the current header.
pub(crate) const HEADERS: &str = "include";

/// Midnight of the day 20833 days after 1970-01-01.
pub(crate) const NOW: i64 = 20_833 * 86_400;

pub(crate) fn now() -> Moment {
    ManualClock::at(NOW).now()
}

#[track_caller]
pub(crate) fn load(built: &Built) -> Plugin {
    Loader::new().load(built.path(), None).unwrap()
}

pub(crate) fn connection<'a>(
    plugin: &Plugin,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Connection, Error> {
    let registry = plugin.register(Registry::new())?;
    let id = plugin.providers()[0].profile().id.as_str();
    let mut settings = Settings::from_pairs([
        ("provider", id),
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ])?;
    for (name, value) in pairs {
        settings.set(name, value)?;
    }
    Connection::from_registry("mine", &settings, &registry)
}

pub(crate) fn request(connection: &Connection, grant: &PresentedGrant) -> Result<Request, Error> {
    token_request(connection, grant, now(), &SystemRandom::new())
}

/// Reads a response to a client credentials request.
pub(crate) fn read(connection: &Connection, response: &Response) -> Result<TokenResponse, Error> {
    let grant = PresentedGrant::ClientCredentials;
    let request = request(connection, &grant)?;
    read_token_response(connection, &grant, &request, response, now())
}

/// Builds a client with a stopped clock.
pub(crate) fn client(connection: Connection, transport: impl Transport + 'static) -> Client {
    let client = Client::builder(connection)
        .transport(Arc::new(transport))
        .clock(Arc::new(ManualClock::at(NOW)));
    client.build().unwrap()
}

pub(crate) fn json(status: u16, body: &str) -> Response {
    Response::new(status, [("Content-Type", "application/json")], body)
}
