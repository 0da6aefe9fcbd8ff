//! Starts oidc-provider once for all tests.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use serde::Deserialize;

/// The running server. It ends when the test program does, which closes its standard input.
pub(crate) static SERVER: LazyLock<Ready> = LazyLock::new(start);

/// What the server prints when it is ready.
#[derive(Deserialize)]
pub(crate) struct Ready {
    pub(crate) issuer: String,
    /// The key of the client `signed`, made at the start.
    pub(crate) private_key: String,
    #[serde(skip)]
    _child: Option<Child>,
}

fn start() -> Ready {
    let folder = installed();
    let mut child = Command::new("node")
        .arg("server.mjs")
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("node must be installed");
    let mut output = BufReader::new(child.stdout.take().expect("the output is piped"));
    let mut line = String::new();
    output.read_line(&mut line).expect("the server must start");
    let ready: Ready = serde_json::from_str(&line)
        .unwrap_or_else(|error| panic!("the server printed {line:?}: {error}"));
    Ready {
        _child: Some(child),
        ..ready
    }
}

/// Copies the server below the target folder and installs its packages there.
fn installed() -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers/oidc-provider");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("oidc-provider");
    std::fs::create_dir_all(&folder).expect("the target folder must be writable");
    for file in ["package.json", "package-lock.json", "server.mjs"] {
        std::fs::copy(sources.join(file), folder.join(file)).expect("the file must be readable");
    }
    let status = Command::new("npm")
        .args(["ci", "--omit=dev", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .stdout(Stdio::null())
        .status()
        .expect("npm must be installed");
    assert!(status.success(), "npm ci failed");
    folder
}
