//! A sandbox, and connections to it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign::{Connection, Keeper, Provider, Settings, Store, from_profile};
use countersign_sandbox::{LogEntry, Options, Policy, Rotation, Sandbox};

use crate::Server;

const REDIRECT: &str = "http://127.0.0.1:9/callback";

/// A sandbox with one policy of rotation.
#[derive(Debug)]
pub struct Stage {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// What it makes of a replay.
    pub server: Server,
}

impl Stage {
    /// Starts a sandbox whose access tokens live this long.
    ///
    /// # Panics
    ///
    /// Where it does not start.
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
        let sandbox = Sandbox::start(options).expect("the sandbox starts");
        Self { sandbox, server }
    }

    /// From now on access tokens live this long.
    pub fn set_access_ttl(&self, seconds: u64) {
        let mut policy: Policy = self.sandbox.policy();
        policy.access_ttl_s = Some(seconds);
        self.sandbox.set_policy(policy);
    }

    /// From now on every refresh is answered at 16 bytes each so many milliseconds.
    ///
    /// # Panics
    ///
    /// Where the sandbox refuses the fault.
    pub fn slow_down(&self, ms: u64) {
        let fault =
            format!(r#"{{"kind":"slow","ms":{ms},"grant":"refresh-token","times":1000000}}"#);
        let fault = serde_json::from_str(&fault).expect("a fault");
        self.sandbox.fault(fault).expect("the sandbox takes it");
    }

    /// A connection of the sandbox.
    pub fn connection(&self, name: &str, timeout_ms: u64) -> Connection {
        connection(self.sandbox.dir(), name, self.server, timeout_ms)
    }

    /// A keeper with this store.
    ///
    /// # Panics
    ///
    /// Where it cannot be built.
    pub fn keeper(&self, name: &str, timeout_ms: u64, store: Arc<dyn Store>) -> Keeper {
        let builder = Keeper::builder(self.connection(name, timeout_ms)).store(store);
        builder.build().expect("a keeper")
    }

    /// Refreshes once and leaves a grant whose access token is used up, so that the next call has to
    /// refresh. That a token has no lifetime is an error, told once the grant is stored.
    ///
    /// # Errors
    ///
    /// Where the sandbox or the store refuses.
    pub fn use_up(&self, keeper: &Keeper) -> Result<(), String> {
        self.set_access_ttl(0);
        let outcome = keeper.token();
        self.set_access_ttl(3600);
        match outcome {
            Ok(_) => Err("a token without a lifetime was handed out".into()),
            Err(error) if error.message().contains("has expired already") => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Logs in as a person with a browser would, who allows.
    ///
    /// # Errors
    ///
    /// Where the sandbox or the store refuses.
    pub fn log_in(&self, keeper: &Keeper, login_hint: &str) -> Result<(), String> {
        let told = |error: countersign::Error| error.to_string();
        let login = keeper.start_login(None).map_err(told)?;
        let url = format!(
            "{}&_sandbox=allow&login_hint={login_hint}",
            login.url().as_str()
        );
        let location = location(self.sandbox.url(), &url).map_err(|error| error.to_string())?;
        let query = location.split_once('?').map_or("", |(_, query)| query);
        keeper.complete_login(&login, query).map_err(told)?;
        Ok(())
    }

    /// The refresh requests that have arrived.
    pub fn refreshes(&self) -> Vec<LogEntry> {
        let mut log = self.sandbox.log();
        log.retain(|entry| entry.grant.as_deref() == Some("refresh-token"));
        log
    }
}

/// What a connection has that the sandbox's file does not say.
pub(crate) struct Change<'a> {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

/// A connection as the sandbox wrote it into its folder, with a server's policy known to it.
///
/// # Panics
///
/// Where the folder has no such connection.
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
    let text = std::fs::read_to_string(folder.join("connections.toml")).expect("connections.toml");
    let all = Settings::from_toml(&text).expect("settings");
    let settings = Settings::select(all, name).expect("the connection");
    let mut settings = settings
        .relative_to(folder)
        .resolve(|_| None)
        .expect("its files");
    let timeout_ms = timeout_ms.to_string();
    let every = [
        ("timeout_ms", timeout_ms.as_str()),
        ("min_valid_s", "0"),
        ("redirect_uri", REDIRECT),
    ];
    for (key, value) in every.iter().chain(change.settings) {
        settings.set(key, value).expect("a setting");
    }
    Connection::new(name, &settings, change.provider).expect("a connection")
}

/// BoldSign, which rotates always; or one like it that is known to honour a replay.
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

/// Where the sandbox redirects this GET to.
fn location(origin: &str, url: &str) -> std::io::Result<String> {
    let authority = origin.trim_start_matches("http://");
    let path = url.trim_start_matches(origin);
    let mut socket = TcpStream::connect(authority)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let found = name.eq_ignore_ascii_case("location");
        found.then(|| value.trim().to_owned())
    };
    let location = answer.lines().find_map(header);
    location.ok_or_else(|| std::io::Error::other(format!("no redirect: {answer}")))
}
