//! The program: it prints one line when it is ready, and exits on SIGTERM and SIGINT.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::Value;

fn sandbox(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign-sandbox"));
    command.args(arguments).stdin(Stdio::null());
    command
}

#[cfg(unix)]
#[test]
fn it_prints_one_line_when_ready_and_stops_on_signals() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("box");
    let folder = folder.to_str().unwrap();
    for signal in ["-TERM", "-INT"] {
        let mut command = sandbox(&["--tls", "--dir", folder, "--rotation", "reuse-kills"]);
        let mut running = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(running.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let url = ready["url"].as_str().unwrap();
        assert!(url.starts_with("https://127.0.0.1:"), "{ready}");
        assert_eq!(ready["dir"], folder);
        for file in ["connections", "ca_file"] {
            assert!(std::fs::exists(ready[file].as_str().unwrap()).unwrap());
        }
        let id = running.id().to_string();
        let kill = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(kill.success());
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        let output = running.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!((rest.as_str(), output.stderr.as_slice()), ("", &b""[..]));
    }
}

#[test]
fn the_error_names_an_address_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = sandbox(&["--listen", &address]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.starts_with("error: ") && stderr.contains(&address),
        "{stderr}"
    );
}

#[test]
fn the_error_names_an_invalid_redirect_uri() {
    let output = sandbox(&["--redirect-uri", "/callback"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("`/callback`"), "{stderr}");
}

#[test]
fn the_help_explains_each_mode() {
    let output = sandbox(&["--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for mode in ["off", "on", "reuse-kills", "grace"] {
        assert!(help.contains(&format!("- {mode}:")), "{mode}: {help}");
    }
}
