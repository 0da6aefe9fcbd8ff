//! The sandbox, its connections and a clock that can be set forward, for all jobs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use countersign_core::{
    Client, Clock, Connection, Error, Extra, Moment, Registry, Settings, SystemClock, Token,
};
use countersign_sandbox::{LogEntry, Options, Sandbox};

pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Arc<ForwardClock>,
    registry: Registry,
    settings: BTreeMap<String, Settings>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
    title: String,
}

impl Stage {
    pub(crate) fn set() -> Result<Self, String> {
        let options = Options {
            tls: true,
            dir: Some(crate::root().join("target/demo")),
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).map_err(|error| error.to_string())?;
        let registry = Registry::new()
            .with(countersign_docusign::provider())
            .and_then(|registry| registry.with(countersign_salesforce::provider()))
            .and_then(|registry| registry.with(countersign_boldsign::provider()))
            .map_err(describe)?;
        let text = std::fs::read_to_string(sandbox.connections()).map_err(|e| e.to_string())?;
        Ok(Self {
            clock: Arc::default(),
            settings: Settings::from_toml(&text).map_err(describe)?,
            registry,
            rows: Vec::new(),
            notes: Vec::new(),
            title: String::new(),
            sandbox,
        })
    }

    pub(crate) fn begin(&mut self, title: &str) {
        self.title = title.to_owned();
    }

    /// Builds a client of one of the sandbox's connections.
    pub(crate) fn client(&self, name: &str) -> Result<Client, String> {
        let settings = self
            .settings
            .get(name)
            .ok_or_else(|| format!("connection {name} doesn't exist"))?;
        let settings = settings
            .clone()
            .relative_to(self.sandbox.dir())
            .resolve(|_| None)
            .map_err(describe)?;
        let connection =
            Connection::from_registry(name, &settings, &self.registry).map_err(describe)?;
        Client::builder(connection)
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .build()
            .map_err(describe)
    }

    /// Adds a line about a token, without the token itself.
    pub(crate) fn obtained(
        &mut self,
        client: &Client,
        token: &Token,
        about: &Extra,
        names: &[&str],
    ) -> Result<(), String> {
        let mut facts = Vec::new();
        for name in names {
            let value = about
                .get(*name)
                .ok_or_else(|| format!("the response has no {name}"))?;
            facts.push(format!("{name} {value}"));
        }
        let expiry = match token.expires_at() {
            Some(at) => format!("{} s", at - self.clock.now().unix_s()),
            None => "unknown".to_owned(),
        };
        let length = token.expose().len();
        let name = client.connection().name();
        self.line(
            name,
            &format!("{} {length} chars", token.source()),
            &expiry,
            &facts.join(", "),
        );
        Ok(())
    }

    pub(crate) fn line(&mut self, connection: &str, what: &str, expiry: &str, facts: &str) {
        let title = std::mem::take(&mut self.title);
        let row = [title.as_str(), connection, what, expiry, facts].map(str::to_owned);
        self.rows.push(row.to_vec());
    }

    /// Adds a note that is too long for the table.
    pub(crate) fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    pub(crate) fn notes(&self) -> String {
        self.notes
            .iter()
            .map(|note| format!("  {note}\n"))
            .collect()
    }

    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let heading = ["job", "connection", "token", "expires in", "details"].map(str::to_owned);
        std::iter::once(heading.to_vec())
            .chain(self.rows.iter().cloned())
            .collect()
    }

    /// Returns the token requests of one grant that the sandbox received, oldest first.
    pub(crate) fn requests(&self, grant: &str, client_id: &str) -> Vec<LogEntry> {
        let all = self.sandbox.log().into_iter();
        all.filter(|entry| {
            entry.grant.as_deref() == Some(grant) && entry.client_id.as_deref() == Some(client_id)
        })
        .collect()
    }

    pub(crate) fn files(&self) -> Result<String, String> {
        let mut text = String::new();
        for folder in [
            self.sandbox.dir().to_owned(),
            self.sandbox.dir().join("tokens"),
        ] {
            let listed = std::fs::read_dir(&folder).map_err(|error| error.to_string())?;
            let mut names: Vec<_> = listed
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect();
            names.sort();
            for path in names.iter().filter(|path| path.is_file()) {
                let ending = path.extension().unwrap_or_default();
                if ending != "lock" && ending != "write-lock" {
                    let size = path.metadata().map_err(|error| error.to_string())?.len();
                    let shown = path
                        .strip_prefix(self.sandbox.dir())
                        .unwrap_or(path)
                        .display();
                    text.push_str(&format!("  {size:>6} bytes  {shown}\n"));
                }
            }
        }
        Ok(text)
    }
}

/// The system clock, set forward by as much as the demo says.
#[derive(Debug)]
pub(crate) struct ForwardClock {
    system: SystemClock,
    ahead_s: AtomicI64,
}

impl ForwardClock {
    pub(crate) fn set_forward(&self, seconds: i64) {
        self.ahead_s.store(seconds, Ordering::SeqCst);
    }
}

impl Default for ForwardClock {
    fn default() -> Self {
        Self {
            system: SystemClock::new(),
            ahead_s: AtomicI64::new(0),
        }
    }
}

impl Clock for ForwardClock {
    fn now(&self) -> Moment {
        let ahead_ms = self.ahead_s.load(Ordering::SeqCst) * 1000;
        let now = self.system.now();
        Moment {
            unix_ms: now.unix_ms + ahead_ms,
            boot_ms: now.boot_ms + ahead_ms.unsigned_abs(),
        }
    }
}

/// Formats an error for a user.
pub(crate) fn describe(error: Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error} ({}; {hint})", error.verdict()),
        None => format!("{error} ({})", error.verdict()),
    }
}

/// Fails unless the condition holds.
pub(crate) fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(format!("expected that {what}"))
    }
}
