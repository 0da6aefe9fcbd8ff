//! `login` on another device, at a server that is strict about RFC 8628.

use serde_json::Value;

use crate::setup::{Run, Running, Setup};

const PROFILE: &str = r#"
id = "television"
name = "Television"
documentation = "https://television.example/docs"

[environments.default]
about = "The sandbox."

[endpoints]
token = "{base_url}/connect/token"
device_authorization = "{base_url}/connect/deviceauthorization"

[grants.device-code]
client_auth = ["none"]
default_scopes = ["openid", "offline_access"]
"#;

/// Writes the profile and a connection.
fn configure(setup: &Setup) {
    setup.write("television.toml", PROFILE);
    let ca_file = setup.sandbox.ca_file().unwrap().display().to_string();
    let settings = [
        ("provider", "television"),
        ("grant", "device-code"),
        ("base_url", setup.sandbox.url()),
        ("client_id", "e7d0c2b1-4f3a-4b5c-8d6e-9f8a7b6c5d4e"),
        ("ca_file", &ca_file),
        ("store", "file:tokens"),
    ];
    let lines = settings.map(|(key, value)| format!("{key} = {}", Value::from(value)));
    let text = format!("[connections.tv]\n{}\n", lines.join("\n"));
    setup.write("countersign.toml", &text);
}

/// Starts a login, decides it on the other device, and returns the end of the command.
fn log_in(setup: &Setup, decision: &str) -> Run {
    let arguments = ["login", "tv", "--json", "--profile", "television.toml"];
    let mut running = Running::start(&mut setup.command(arguments));
    let shown: Value = serde_json::from_str(&running.line()).unwrap();
    assert_eq!(shown["expires_in"], 300);
    let url = shown["verification_uri_complete"].as_str().unwrap();
    assert!(url.contains(shown["user_code"].as_str().unwrap()), "{url}");
    assert!(url.starts_with(shown["verification_uri"].as_str().unwrap()));
    let page = setup.get(&format!("{url}&_sandbox={decision}"));
    assert_eq!(page.status, 200);
    running.end()
}

#[test]
fn a_login_on_another_device_stores_a_token_that_can_be_refreshed() {
    let setup = Setup::new();
    configure(&setup);
    let run = log_in(&setup, "allow").succeeded();
    let shown = format!("{run:?}");
    let result = run.json();
    assert_eq!(result["connection"], "tv");
    assert_eq!(result["renewable"], true);
    let token = ["token", "tv", "--json", "--profile", "television.toml"];
    let reported = setup.run(token).json();
    assert_eq!(reported["source"], "store");
    assert!(!shown.contains(reported["access_token"].as_str().unwrap()));
    let reported = setup.run(token.into_iter().chain(["--force"])).json();
    assert_eq!(reported["source"], "refreshed");
    // The sandbox is strict, and the pace is right.
    let log = setup.sandbox.log();
    let polls = log
        .iter()
        .filter(|entry| entry.grant.as_deref() == Some("device-code"));
    let errors: Vec<_> = polls.filter_map(|entry| entry.error.clone()).collect();
    assert!(
        errors.iter().all(|error| error == "authorization_pending"),
        "{errors:?}"
    );
}

#[test]
fn a_login_that_the_person_denies_fails() {
    let setup = Setup::new();
    configure(&setup);
    let error = log_in(&setup, "deny").error(3);
    assert_eq!(error["oauth_error"], "access_denied");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.ends_with("run `countersign login tv`"), "{hint}");
}

#[test]
fn the_url_and_the_code_are_on_stderr() {
    let setup = Setup::new();
    configure(&setup);
    let arguments = ["login", "tv", "--dry-run", "--profile", "television.toml"];
    let run = setup.run(arguments).succeeded();
    assert!(
        run.stdout.contains("/connect/deviceauthorization\n"),
        "{run:?}"
    );
    assert!(
        run.stdout
            .contains("scope=openid+offline_access&client_id=e7d0"),
        "{run:?}"
    );
    // The server says at the first poll that the code has expired.
    let mut command = setup.command(["login", "tv", "--profile", "television.toml"]);
    setup
        .sandbox
        .fault(countersign_sandbox::Fault::row("boldsign.expired_token"))
        .unwrap();
    let run = Run::of(&mut command, "");
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{run:?}");
    for words in [
        "/connect/device\n",
        "and enter this code: ",
        "waiting up to 300 s",
    ] {
        assert!(run.stderr.contains(words), "{run:?}");
    }
}

#[test]
fn a_vendor_without_such_logins_is_named() {
    let setup = Setup::new();
    setup.config("boldsign-code", &[]);
    let error = setup
        .run(["login", "boldsign-code", "--device", "--json"])
        .error(2);
    assert_eq!(error["setting"], "grant");
    assert!(
        error["message"].as_str().unwrap().contains("BoldSign"),
        "{error}"
    );
}
