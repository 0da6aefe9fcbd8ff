//! The setup of a test: a sandbox, a temporary folder, and the command run in it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use countersign_core::{Request, Response, Settings, Transport, UreqTransport, Url};
use countersign_sandbox::{Options, Sandbox};
use serde_json::Value;
use tempfile::TempDir;

/// A sandbox and a folder. The command reads nothing else: no home, no environment.
pub(crate) struct Setup {
    pub(crate) sandbox: Sandbox,
    pub(crate) dir: TempDir,
}

/// The output and exit code of a run of the command.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command that is still running.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let options = Options {
            tls: true,
            ..options
        };
        Self {
            sandbox: Sandbox::start(options).unwrap(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// Writes a countersign.toml with one of the sandbox's connections and these changes. An empty
    /// value removes a setting.
    pub(crate) fn config(&self, connection: &str, changes: &[(&str, &str)]) -> PathBuf {
        let text = fs::read_to_string(self.sandbox.connections()).unwrap();
        let settings = Settings::from_toml(&text).unwrap();
        let settings = &settings[connection];
        let mut lines = vec![format!("[connections.{connection}]")];
        let changed = |key: &str| changes.iter().any(|(name, _)| *name == key);
        let kept = settings.keys().filter(|key| !changed(key));
        let kept = kept.map(|key| (key, settings.value(key).unwrap()));
        let own_store = ("store", "file:tokens");
        let own_store = [own_store].into_iter().filter(|_| !changed("store"));
        let all = kept.filter(|(key, _)| *key != "store").chain(own_store);
        for (key, value) in all.chain(changes.iter().copied()) {
            if !value.is_empty() {
                lines.push(format!("{key} = {}", Value::from(value)));
            }
        }
        self.write("countersign.toml", &lines.join("\n"))
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }

    /// Returns the command, to run in the setup's folder.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = command(self.dir.path());
        command.args(arguments);
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        Run::of(&mut self.command(arguments), "")
    }

    /// Runs the command with the sandbox's own connections.toml.
    pub(crate) fn run_as_given(&self, arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        command.arg("--config").arg(self.sandbox.connections());
        Run::of(&mut command, "")
    }

    /// Sends a GET request like a browser, to the sandbox or a loopback server.
    pub(crate) fn get(&self, url: &str) -> Response {
        self.transport()
            .send(&Request::get(Url::parse(url).unwrap()))
            .unwrap()
    }

    /// Allows or denies a login, and returns the URL of the redirect.
    pub(crate) fn decide(&self, url: &str, decision: &str) -> String {
        let response = self.get(&format!("{url}&_sandbox={decision}"));
        assert!(
            (300..400).contains(&response.status),
            "{}",
            text_of(&response)
        );
        response.header("location").unwrap().to_owned()
    }

    pub(crate) fn transport(&self) -> UreqTransport {
        let network = countersign_core::Network {
            ca_file: self.sandbox.ca_file().map(Path::to_owned),
            ..countersign_core::Network::default()
        };
        UreqTransport::new(&network).unwrap()
    }
}

impl Run {
    pub(crate) fn of(command: &mut Command, stdin: &str) -> Self {
        let mut child = piped(command).spawn().unwrap();
        // A command that doesn't read stdin may already have ended.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Returns the result of a command that succeeded with `--json`.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let run = self.succeeded();
        let last = run.stdout.lines().last().unwrap();
        serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {run:?}"))
    }

    /// Returns the error of a command that failed with `--json`, and checks that it is one line
    /// with every member of the contract.
    #[track_caller]
    pub(crate) fn error(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "{self:?}");
        let reported: Value = serde_json::from_str(&self.stderr).unwrap();
        let error = &reported["error"];
        let mut members: Vec<_> = error
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        members.sort_unstable();
        assert_eq!(
            members,
            [
                "hint",
                "http_status",
                "kind",
                "message",
                "oauth_description",
                "oauth_error",
                "provider",
                "retry_after_s",
                "setting",
                "trace_id",
                "url",
                "verdict",
            ]
        );
        error.clone()
    }
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = piped(command).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Reads the next line of its output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        self.child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end, and returns the output that [`Running::line`] hasn't read.
    pub(crate) fn end(mut self) -> Run {
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Run {
            code: output.status.code().unwrap(),
            stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Returns the command in a folder, without the environment of this process.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.current_dir(folder);
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.env("HOME", folder);
    command
}

pub(crate) fn text_of(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

fn piped(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
}
