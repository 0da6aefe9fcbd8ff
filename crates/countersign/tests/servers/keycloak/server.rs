//! Downloads Keycloak, starts it once for all tests, and imports a realm.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use countersign_store_conformance::servers::free_port;

/// The running server. It ends when the test program does, which closes its standard input.
pub(super) static SERVER: LazyLock<Server> = LazyLock::new(start);

const VERSION: &str = "26.5.5";

/// How many of its last lines are shown if the server doesn't start.
const MAX_LINES: usize = 20;

/// Runs a program until the standard input is closed.
const UNTIL_CLOSED: &str = r#""$@" </dev/null & read -r line; kill $!; wait $!"#;

pub(super) struct Server {
    /// The realm's issuer, which has a path.
    pub(super) issuer: String,
    /// The private keys of the clients, by algorithm. Made at the start.
    pub(super) keys: BTreeMap<String, String>,
    _child: Child,
}

fn start() -> Server {
    let folder = installed();
    let keys = import(&folder);
    let port = free_port();
    let mut child = Command::new("sh")
        .args(["-c", UNTIL_CLOSED, "sh"])
        .arg(folder.join("bin/kc.sh"))
        .args([
            "start-dev",
            "--features=jwt-authorization-grant",
            "--http-host=127.0.0.1",
        ])
        .arg(format!("--http-port={port}"))
        .arg("--import-realm")
        .env("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx768m")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh must be installed");
    let output = BufReader::new(child.stdout.take().expect("the output is piped"));
    let mut lines = output.lines().map_while(Result::ok);
    let mut last = VecDeque::new();
    loop {
        let Some(line) = lines.next() else {
            let last = Vec::from(last).join("\n");
            panic!("Keycloak did not start:\n{last}");
        };
        if line.contains("Listening on:") {
            break;
        }
        last.push_back(line);
        if last.len() > MAX_LINES {
            last.pop_front();
        }
    }
    // A full pipe would block the server. Its log says what it only hints at in responses.
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keycloak.log");
    let mut log = fs::File::create(log).expect("the target folder must be writable");
    std::thread::spawn(move || lines.for_each(|line| drop(writeln!(log, "{line}"))));
    Server {
        issuer: format!("http://127.0.0.1:{port}/realms/demo"),
        keys,
        _child: child,
    }
}

/// Writes the realm that the server imports. Returns the private keys of its clients.
fn import(folder: &Path) -> BTreeMap<String, String> {
    let data = folder.join("data");
    // The database of an earlier start, which has other keys.
    let _ = fs::remove_dir_all(data.join("h2"));
    fs::create_dir_all(data.join("import")).expect("the target folder must be writable");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers/keycloak");
    let output = Command::new("node")
        .arg(script.join("realm.mjs"))
        .arg(data.join("import/realm.json"))
        .stderr(Stdio::inherit())
        .output()
        .expect("node must be installed");
    serde_json::from_slice(&output.stdout).expect("realm.mjs prints JSON")
}

/// Downloads and unpacks the server below the target folder, unless it is there already.
fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.join(format!("keycloak-{VERSION}"));
    if folder.exists() {
        return folder;
    }
    let artifact = format!("org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz");
    let mut download = Command::new("mvn");
    download
        .args(["-q", "-B", "dependency:copy"])
        .arg(format!("-Dartifact={artifact}"))
        .arg(format!("-DoutputDirectory={}", target.display()));
    run(&mut download);
    // What was unpacked only in part must not look complete.
    let unpacking = tempfile::tempdir_in(target).expect("the target folder must be writable");
    let archive = target.join(format!("keycloak-quarkus-dist-{VERSION}.tar.gz"));
    let mut unpack = Command::new("tar");
    unpack
        .arg("xf")
        .arg(&archive)
        .arg("-C")
        .arg(unpacking.path());
    run(&mut unpack);
    let unpacked = unpacking.path().join(format!("keycloak-{VERSION}"));
    fs::rename(unpacked, &folder).expect("the archive must have this folder");
    let _ = fs::remove_file(archive);
    folder
}

fn run(command: &mut Command) {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.current_dir(env!("CARGO_TARGET_TMPDIR")).status();
    let status = status.unwrap_or_else(|error| panic!("{program} must be installed: {error}"));
    assert!(status.success(), "{command:?} failed");
}
