//! PgBouncer in front of a PostgreSQL server. Each transaction may run in another session.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::postgres::{PASSWORD, PostgresServer, as_nobody, give_to_nobody};
use super::{Guarded, PATIENT, free_port, until};

const INSTALL: &str = "sudo apt-get install pgbouncer";

/// A PgBouncer process in transaction mode.
#[derive(Debug)]
pub struct Pooler {
    _process: Guarded,
    _folder: TempDir,
    port: u16,
}

impl Pooler {
    /// Starts a pooler in front of this server, with this many sessions for all its clients.
    ///
    /// # Panics
    ///
    /// If it doesn't start.
    pub fn start(server: &PostgresServer, sessions: u32) -> Self {
        let folder = tempfile::Builder::new().prefix("cs-pgb").tempdir().unwrap();
        for _ in 0..20 {
            let port = free_port();
            let settings = format!(
                "[databases]\npostgres = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = users\npool_mode = transaction\ndefault_pool_size = {sessions}\n",
                server.port()
            );
            fs::write(folder.path().join("settings.ini"), settings).unwrap();
            fs::write(
                folder.path().join("users"),
                format!("\"app\" \"{PASSWORD}\"\n"),
            )
            .unwrap();
            give_to_nobody(folder.path());
            let log = fs::File::create(folder.path().join("log")).unwrap();
            let mut command = as_nobody("pgbouncer");
            command
                .current_dir(folder.path())
                .arg("settings.ini")
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log);
            let mut process = Guarded::start(command, INSTALL);
            let ready = until(Duration::from_secs(10), || {
                if process.has_ended() {
                    return Some(false);
                }
                let mut ask = Command::new("pg_isready");
                ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
                ask.status()
                    .is_ok_and(|status| status.success())
                    .then_some(true)
            });
            if ready == Some(true) {
                return Self {
                    _process: process,
                    _folder: folder,
                    port,
                };
            }
        }
        let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        panic!("pgbouncer does not start: {log}; run: {INSTALL}");
    }

    /// Returns the URL for the superuser `app` and the database `postgres`, and for a store that
    /// waits as long as a test may take.
    pub fn url(&self) -> String {
        format!("{}?{PATIENT}", self.plain_url())
    }

    /// Like [`Pooler::url`], without options.
    pub fn plain_url(&self) -> String {
        format!("postgres://app:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }
}
