//! `redis-server`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{Authority, Guarded, free_port, until};

const INSTALL: &str = "sudo apt-get install redis-server";

/// A Redis server of the test's own, with its data in a scratch folder.
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
    /// Starts one with these options, such as `--appendonly yes`.
    ///
    /// # Panics
    ///
    /// Where it does not start.
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
        // Somebody else may take a port between our finding it and the server's.
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

    /// With a journal that is flushed before each answer.
    pub fn durable() -> Self {
        Self::start("--appendonly yes --appendfsync always")
    }

    /// Without any journal or snapshot.
    pub fn ephemeral() -> Self {
        Self::start("--appendonly no")
    }

    /// A replica of this server.
    pub fn replica(&self) -> Self {
        Self::start(&format!("--replicaof 127.0.0.1 {}", self.port))
    }

    /// The URL in the clear.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The URL by TLS, trusting the server's authority.
    pub fn tls_url(&self) -> String {
        let ca = self.authority.ca.display();
        format!("rediss://localhost:{}/?ca_file={ca}", self.tls_port)
    }

    /// The port by TLS.
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// The port in the clear.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// SIGSTOP: it is there, and answers nothing.
    pub fn freeze(&self) {
        if let Some(process) = &self.process {
            process.signal("-STOP");
        }
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        if let Some(process) = &self.process {
            process.signal("-CONT");
        }
    }

    /// Starts it again, on the same port and with the same data.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    pub fn restart(&mut self) {
        self.kill();
        let again = until(Duration::from_secs(10), || self.try_start().then_some(()));
        assert!(
            again.is_some(),
            "redis-server does not start again: {}",
            self.log()
        );
    }

    /// Has the server carry out one command, given in words, and returns what it said.
    ///
    /// # Panics
    ///
    /// Where it says nothing.
    pub fn command(&self, words: &[&str]) -> String {
        self.say(words).expect("an answer")
    }

    fn say(&self, words: &[&str]) -> Option<String> {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        socket.write_all(text.as_bytes()).ok()?;
        let mut answer = [0; 65536];
        let length = socket.read(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    fn try_start(&mut self) -> bool {
        // Ended by the kernel where the test is killed, and drops no guard.
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
            let loaded = |answer: String| !answer.starts_with("-LOADING");
            self.say(&["PING"]).is_some_and(loaded).then_some(true)
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
