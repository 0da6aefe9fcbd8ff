//! `sandbox`: one line when it is ready, and an end when told.

use serde_json::Value;

use crate::house::{Run, Running, command};

#[cfg(unix)]
#[test]
fn one_line_when_ready_and_an_end_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut sandbox = command(folder.path());
    sandbox.args([
        "sandbox",
        "--tls",
        "--dir",
        "box",
        "--rotation",
        "reuse-kills",
    ]);
    for signal in ["-TERM", "-INT"] {
        let mut running = Running::start(&mut sandbox);
        let ready: Value = serde_json::from_str(&running.line()).unwrap();
        assert!(
            ready["url"]
                .as_str()
                .unwrap()
                .starts_with("https://127.0.0.1:"),
            "{ready}"
        );
        assert!(
            ready["dir"].is_string() && ready["ca_file"].is_string(),
            "{ready}"
        );
        let config = ready["connections"].as_str().unwrap();
        let mut token = command(folder.path());
        Run::of(
            token.args(["token", "salesforce-jwt", "--config", config]),
            "",
        )
        .succeeded();
        let id = running.id().to_string();
        let told = std::process::Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap();
        assert!(told.success());
        let run = running.end().succeeded();
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    }
}

#[test]
fn an_address_that_is_taken_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = Run::of(
        command(folder.path()).args(["sandbox", "--json", "--listen", &address]),
        "",
    );
    assert!(run.error(2)["message"].as_str().unwrap().contains(&address));
}
