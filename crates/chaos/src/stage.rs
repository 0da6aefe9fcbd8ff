//! A sandbox, and clients for it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Client, Connection, Provider, Settings, Store, from_profile};
use countersign_sandbox::{LogEntry, Options, Policy, Rotation, Sandbox};

use crate::Server;

const REDIRECT: &str = "http://127.0.0.1:9/callback";

/// A sandbox with a rotation policy.
#[derive(Debug)]
pub struct Stage {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// The rotation policy.
    pub server: Server,
}

impl Stage {
    /// Starts a sandbox whose access tokens have this lifetime.
    ///
    /// # Panics
    ///
    /// If it doesn't start.
    pub fn start(server: Server, access_ttl_s: u64) -> Self {
        let rotation = match server {
            Server::Strict => Rotation::ReuseKills,
            Server::Grace => Rotation::Grace,
        };
        let options = Options {
            rotation: Some(rotation),
            access_ttl_s: Some(access_ttl_s),
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).expect("start the sandbox");
        Self { sandbox, server }
    }

    /// Sets the lifetime of the access tokens issued from now on.
    pub fn set_access_ttl(&self, seconds: u64) {
        let mut policy: Policy = self.sandbox.policy();
        policy.access_ttl_s = Some(seconds);
        self.sandbox.set_policy(policy);
    }

    /// Sends 16 bytes every `ms` milliseconds in response to each refresh from now on.
    ///
    /// # Panics
    ///
    /// If the sandbox rejects the fault.
    pub fn slow_down(&self, ms: u64) {
        let fault =
            format!(r#"{{"kind":"slow","ms":{ms},"grant":"refresh-token","times":1000000}}"#);
        let fault = serde_json::from_str(&fault).expect("parse the fault");
        self.sandbox.fault(fault).expect("inject the fault");
    }

    /// Returns a connection of the sandbox.
    pub fn connection(&self, name: &str, timeout_ms: u64) -> Connection {
        connection(self.sandbox.dir(), name, self.server, timeout_ms)
    }

    /// Builds a client with this store.
    ///
    /// # Panics
    ///
    /// If it can't be built.
    pub fn client(&self, name: &str, timeout_ms: u64, store: Arc<dyn Store>) -> Client {
        let builder = Client::builder(self.connection(name, timeout_ms)).store(store);
        builder.build().expect("build a client")
    }

    /// Refreshes once and leaves an expired access token, so that the next call must refresh.
    ///
    /// The client reports the expired token as an error after it has stored the grant.
    ///
    /// # Errors
    ///
    /// If the refresh fails with another error, or succeeds.
    pub fn use_up(&self, client: &Client) -> Result<(), String> {
        self.set_access_ttl(0);
        let outcome = client.token();
        self.set_access_ttl(3600);
        match outcome {
            Ok(_) => Err("the client returned an expired token".into()),
            Err(error) if error.message().contains("expired access token") => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Logs in as a user who allows access.
    ///
    /// # Errors
    ///
    /// If the sandbox or the store rejects it.
    pub fn log_in(&self, client: &Client, login_hint: &str) -> Result<(), String> {
        let text = |error: countersign_core::Error| error.to_string();
        let login = client.start_login(None).map_err(text)?;
        let url = format!(
            "{}&_sandbox=allow&login_hint={login_hint}",
            login.url().as_str()
        );
        let location = location(self.sandbox.url(), &url).map_err(|error| error.to_string())?;
        let query = location.split_once('?').map_or("", |(_, query)| query);
        client.complete_login(&login, query).map_err(text)?;
        Ok(())
    }

    /// Returns the refresh requests so far.
    pub fn refreshes(&self) -> Vec<LogEntry> {
        let mut log = self.sandbox.log();
        log.retain(|entry| entry.grant.as_deref() == Some("refresh-token"));
        log
    }
}

/// The provider and settings that differ from the sandbox's file.
pub(crate) struct Change<'a> {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

/// Loads a connection from the sandbox's folder, for a server with this policy.
///
/// # Panics
///
/// If the folder has no such connection.
pub fn connection(folder: &Path, name: &str, server: Server, timeout_ms: u64) -> Connection {
    let change = Change {
        provider: provider(server),
        settings: &[],
    };
    changed(folder, name, change, timeout_ms)
}

pub(crate) fn changed(
    folder: &Path,
    name: &str,
    change: Change<'_>,
    timeout_ms: u64,
) -> Connection {
    let text =
        std::fs::read_to_string(folder.join("connections.toml")).expect("read connections.toml");
    let all = Settings::from_toml(&text).expect("parse connections.toml");
    let settings = Settings::select(all, name).expect("select the connection");
    let mut settings = settings
        .relative_to(folder)
        .resolve(|_| None)
        .expect("read the connection's files");
    let timeout_ms = timeout_ms.to_string();
    let every = [
        ("timeout_ms", timeout_ms.as_str()),
        ("min_valid_s", "0"),
        ("redirect_uri", REDIRECT),
    ];
    for (key, value) in every.iter().chain(change.settings) {
        settings.set(key, value).expect("set a setting");
    }
    Connection::new(name, &settings, change.provider).expect("validate the connection")
}

/// Returns BoldSign, which always rotates, or the same with a grace period.
fn provider(server: Server) -> Arc<dyn Provider> {
    let boldsign = countersign_boldsign::provider();
    let mut profile = boldsign.profile().clone();
    match server {
        Server::Strict => boldsign,
        Server::Grace => {
            profile.refresh.grace_s = 600;
            from_profile(profile)
        }
    }
}

/// Returns the URL that the sandbox redirects this GET to.
fn location(origin: &str, url: &str) -> std::io::Result<String> {
    let authority = origin.trim_start_matches("http://");
    let path = url.trim_start_matches(origin);
    let mut socket = TcpStream::connect(authority)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    )?;
    let mut response = String::new();
    socket.read_to_string(&mut response)?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let found = name.eq_ignore_ascii_case("location");
        found.then(|| value.trim().to_owned())
    };
    let location = response.lines().find_map(header);
    location.ok_or_else(|| std::io::Error::other(format!("not a redirect: {response}")))
}
