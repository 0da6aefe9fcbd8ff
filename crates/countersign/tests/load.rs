//! From a configuration file to a token.

use std::process::Command;

use countersign::{Configuration, ErrorKind};
use countersign_sandbox::{Options, Sandbox};

#[test]
fn load_returns_a_client_of_the_configuration_that_it_finds() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    // In a process whose configuration and state are in these folders.
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "loads_a_client", "--ignored"])
        .env("HOME", home.path())
        .env("XDG_STATE_HOME", home.path().join("state"))
        .env("COUNTERSIGN_CONFIG", sandbox.connections())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{printed}");
    assert!(printed.contains("1 passed"), "{printed}");
    // The second call returned the cached token.
    assert_eq!(sandbox.log().len(), 1);
}

#[test]
#[ignore = "runs as a child of load_returns_a_client_of_the_configuration_that_it_finds"]
fn loads_a_client() {
    let client = countersign::load("boldsign-cc").unwrap();
    let token = client.token().unwrap();
    assert_eq!(client.token().unwrap().expose(), token.expose());
}

#[test]
fn an_unknown_connection_is_named() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let configuration = Configuration::read(sandbox.connections().to_owned()).unwrap();
    let error = configuration.client("boldsign-bc").map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
    assert!(error.to_string().contains("boldsign-bc"), "{error}");
}
