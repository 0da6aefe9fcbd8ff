//! A Redis server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{Authority, Guarded, PATIENT, free_port, until};

const INSTALL: &str = "sudo apt-get install redis-server";

/// A Redis server with its data in a temporary folder.
#[derive(Debug)]
pub struct RedisServer {
    process: Option<Guarded>,
    folder: TempDir,
    authority: Authority,
    port: u16,
    tls_port: u16,
    arguments: Vec<String>,
}

impl RedisServer {
    /// Starts a server with these options, such as `--appendonly yes`.
    ///
    /// # Panics
    ///
    /// If it doesn't start.
    pub fn start(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let mut server = Self {
            process: None,
            authority,
            folder,
            port: 0,
            tls_port: 0,
            arguments: options.split_whitespace().map(str::to_owned).collect(),
        };
        // Another process may take a port before the server does.
        for _ in 0..20 {
            (server.port, server.tls_port) = (free_port(), free_port());
            if server.try_start() {
                return server;
            }
        }
        panic!(
            "redis-server does not start: {}; run: {INSTALL}",
            server.log()
        );
    }

    /// Starts a server with a journal that is flushed before each response.
    pub fn durable() -> Self {
        Self::start("--appendonly yes --appendfsync always")
    }

    /// Starts a server without journal and snapshots.
    pub fn ephemeral() -> Self {
        Self::start("--appendonly no")
    }

    /// Starts a replica of this server.
    pub fn replica(&self) -> Self {
        Self::start(&format!("--replicaof 127.0.0.1 {}", self.port))
    }

    /// Returns the URL without TLS, for a store that waits as long as a test may take.
    pub fn url(&self) -> String {
        format!("{}?{PATIENT}", self.plain_url())
    }

    /// Returns the URL without TLS and without options.
    pub fn plain_url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Returns the URL with TLS, which trusts the server's authority.
    pub fn tls_url(&self) -> String {
        let ca = self.authority.ca.display();
        format!(
            "rediss://localhost:{}/?ca_file={ca}&{PATIENT}",
            self.tls_port
        )
    }

    /// Returns the port with TLS.
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// Returns the port without TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops the server: it accepts connections, but doesn't respond.
    pub fn freeze(&self) {
        if let Some(process) = &self.process {
            process.signal("-STOP");
        }
    }

    /// Resumes the server.
    pub fn thaw(&self) {
        if let Some(process) = &self.process {
            process.signal("-CONT");
        }
    }

    /// Kills the server and starts it again, on the same port and with the same data.
    ///
    /// # Panics
    ///
    /// If it doesn't start.
    pub fn restart(&mut self) {
        self.kill();
        let again = until(Duration::from_secs(10), || self.try_start().then_some(()));
        assert!(
            again.is_some(),
            "redis-server does not start again: {}",
            self.log()
        );
    }

    /// Runs a command and returns the raw response.
    ///
    /// # Panics
    ///
    /// If there is no response.
    pub fn command(&self, words: &[&str]) -> String {
        self.send(words).expect("Redis responds")
    }

    fn send(&self, words: &[&str]) -> Option<String> {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        socket.write_all(text.as_bytes()).ok()?;
        let mut response = [0; 65536];
        let length = socket.read(&mut response).ok()?;
        Some(String::from_utf8_lossy(&response[..length]).into_owned())
    }

    fn try_start(&mut self) -> bool {
        // If the test is killed and drops nothing, the kernel kills the server.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "redis-server"]);
        let log = std::fs::File::create(self.log_path()).unwrap();
        command
            .arg("-")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args([
                "--tls-port",
                &self.tls_port.to_string(),
                "--tls-auth-clients",
                "no",
            ])
            .args([Path::new("--tls-cert-file"), &self.authority.certificate])
            .args([Path::new("--tls-key-file"), &self.authority.key])
            .args([Path::new("--tls-ca-cert-file"), &self.authority.ca])
            .args([Path::new("--dir"), self.folder.path()])
            .args(["--daemonize", "no", "--save", ""])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let mut process = Guarded::start(command, INSTALL);
        let ready = until(Duration::from_secs(10), || {
            if process.has_ended() {
                return Some(false);
            }
            let loaded = |response: String| !response.starts_with("-LOADING");
            self.send(&["PING"]).is_some_and(loaded).then_some(true)
        });
        self.process = Some(process);
        ready == Some(true)
    }

    fn log_path(&self) -> std::path::PathBuf {
        self.folder.path().join("log")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}
