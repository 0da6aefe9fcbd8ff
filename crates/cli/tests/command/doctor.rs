//! `doctor`: a line per check, on good and on bad settings.

use countersign_sandbox::{Fault, Options};
use serde_json::Value;

use crate::house::{House, Run};

/// The checks as (check, status), and the run for more.
fn examine(house: &House, name: &str) -> (Vec<Value>, i32) {
    let run = house.run(["doctor", name, "--json"]);
    assert_eq!(run.stderr, "", "{run:?}");
    let checks: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e} {run:?}"));
    (checks.as_array().unwrap().clone(), run.code)
}

#[track_caller]
fn status<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    let found = checks.iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no check {name}: {checks:?}"))
}

#[track_caller]
fn assert_status(checks: &[Value], name: &str, expected: &str, said: &str) {
    let check = status(checks, name);
    assert_eq!(check["status"], expected, "{check}");
    assert!(check.to_string().contains(said), "{said}: {check}");
}

#[test]
fn good_settings_are_good_all_through() {
    let house = House::new();
    for name in [
        "docusign-jwt",
        "salesforce-site-jwt",
        "salesforce-cc-private-key-jwt",
        "boldsign-cc",
        "boldsign-refresh",
    ] {
        house.config(name, &[]);
        let (checks, code) = examine(&house, name);
        assert_eq!(code, 0, "{checks:?}");
        for check in &checks {
            assert_eq!(check["status"], "ok", "{name}: {check}");
            assert!(check["fix"].is_null(), "{name}: {check}");
        }
        for wanted in [
            "config",
            "settings",
            "key",
            "environment",
            "scopes",
            "name",
            "connection",
            "tls",
            "clock",
            "token",
            "identity",
        ] {
            status(&checks, wanted);
        }
    }
    // What doctor asks for is not what is kept.
    let text = house.run(["doctor", "boldsign-refresh"]).succeeded().stdout;
    assert!(
        text.lines().all(|line| line.starts_with("ok    ")),
        "{text}"
    );
}

#[test]
fn variables_that_name_a_proxy_are_told_to_be_ignored() {
    let house = House::new();
    let checks = |proxy: Option<&str>, variables: &[&str]| {
        house.config("boldsign-cc", &[("proxy", proxy.unwrap_or_default())]);
        let mut command = house.command(["doctor", "boldsign-cc", "--json"]);
        for name in variables {
            command.env(name, "http://user:s3cret@proxy.example:3128");
        }
        let run = Run::of(&mut command, "").succeeded();
        assert!(!run.stdout.contains("s3cret"), "{run:?}");
        let checks: Value = serde_json::from_str(&run.stdout).unwrap();
        checks.as_array().unwrap().clone()
    };
    let found = checks(None, &["HTTPS_PROXY", "NO_PROXY"]);
    assert_status(&found, "proxy", "warn", "HTTPS_PROXY is set and ignored: ");
    assert_status(&found, "proxy", "warn", "set proxy to its URL");
    let found = checks(None, &["https_proxy", "ALL_PROXY"]);
    assert_status(&found, "proxy", "warn", "https_proxy, ALL_PROXY are set");
    // The sandbox is on the loopback, which no proxy is used for.
    let found = checks(Some("http://proxy.example:3128"), &["NO_PROXY"]);
    assert_status(&found, "proxy", "warn", "NO_PROXY is set and ignored: ");
    let found = checks(None, &["NO_PROXY"]);
    assert!(found.iter().all(|check| check["check"] != "proxy"));
}

#[test]
fn every_refused_setting_is_told_at_once() {
    let house = House::new();
    house.config(
        "docusign-jwt",
        &[
            ("private_key_file", "gone.pem"),
            ("subject", "joe@example.com"),
            ("scopes", "signature"),
            ("audience", "account.docusign.com"),
        ],
    );
    let (checks, code) = examine(&house, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "key", "FAIL", "gone.pem");
    assert_status(&checks, "subject", "FAIL", "GUID");
    assert_status(&checks, "scopes", "FAIL", "impersonation");
    assert_status(
        &checks,
        "environment",
        "FAIL",
        "audience is that of production",
    );
    // The server can be looked for all the same; a token cannot.
    assert_status(&checks, "connection", "ok", "answered");
    assert!(
        !checks.iter().any(|check| check["check"] == "token"),
        "{checks:?}"
    );
    let run = house.run(["doctor", "docusign-jwt"]);
    assert!(run.stdout.contains("\nFAIL  subject: "), "{run:?}");
    assert!(run.stdout.contains("\n      fix: "), "{run:?}");
}

#[test]
fn an_endpoint_of_another_environment_is_seen() {
    let house = House::new();
    house.config(
        "docusign-jwt",
        &[("authorize_url", "https://account.docusign.com/oauth/auth")],
    );
    let (checks, code) = examine(&house, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(
        &checks,
        "environment",
        "FAIL",
        "authorize_url is that of production",
    );
}

#[test]
fn a_key_that_does_not_fit_is_seen() {
    let house = House::new();
    house.config("salesforce-jwt", &[("algorithm", "RS512")]);
    let (checks, code) = examine(&house, "salesforce-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "key", "FAIL", "RS512");
    house.config("boldsign-cc", &[("private_key", "x")]);
    assert_status(&examine(&house, "boldsign-cc").0, "key", "FAIL", "no PEM");
}

#[test]
fn clocks_that_differ_are_told_apart() {
    let house = House::new();
    house.config("docusign-jwt", &[]);
    for (offset, expected, code) in [
        (5, "ok", 0),
        (-60, "warn", 0),
        (600, "FAIL", 2),
        (-600, "FAIL", 2),
    ] {
        house.sandbox.set_clock_offset(offset);
        let (checks, got) = examine(&house, "docusign-jwt");
        assert_status(&checks, "clock", expected, "clock");
        assert_eq!(got, code, "{offset}: {checks:?}");
    }
}

#[test]
fn each_way_to_the_server_is_checked() {
    let house = House::new();
    house.config("docusign-jwt", &[("ca_file", "")]);
    let (checks, code) = examine(&house, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "tls", "FAIL", "ca_file");

    house.config(
        "docusign-jwt",
        &[("base_url", "https://no-such-host.invalid")],
    );
    let (checks, code) = examine(&house, "docusign-jwt");
    assert_eq!(code, 4);
    assert_status(&checks, "name", "FAIL", "no-such-host.invalid");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("https://{}", free.local_addr().unwrap());
    drop(free);
    house.config("docusign-jwt", &[("base_url", &nobody)]);
    let (checks, code) = examine(&house, "docusign-jwt");
    assert_eq!(code, 4);
    assert_status(&checks, "connection", "FAIL", "refused");

    house.config("docusign-jwt", &[("ca_file", "gone.pem")]);
    let (checks, code) = examine(&house, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "transport", "FAIL", "gone.pem");
}

#[test]
fn the_token_request_has_the_last_word() {
    let house = House::new();
    house.config("docusign-jwt-unconsented", &[]);
    let (checks, code) = examine(&house, "docusign-jwt-unconsented");
    assert_eq!(code, 3);
    assert_status(&checks, "token", "FAIL", "/oauth/auth?");

    house.config("boldsign-code", &[]);
    let (checks, code) = examine(&house, "boldsign-code");
    assert_eq!(code, 3);
    assert_status(&checks, "token", "FAIL", "countersign login boldsign-code");

    house.config("docusign-jwt", &[]);
    // The GET that looks for the server takes the first.
    let fault = Fault {
        times: 2,
        ..Fault::row("docusign.no_valid_keys_or_signatures")
    };
    house.sandbox.fault(fault).unwrap();
    let (checks, code) = examine(&house, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "token", "FAIL", "private_key");
}

#[test]
fn a_check_never_costs_the_refresh_token() {
    let house = House::with(Options::default());
    house.config("boldsign-refresh", &[("store", "memory")]);
    let (checks, code) = examine(&house, "boldsign-refresh");
    assert_eq!(code, 0);
    assert_status(&checks, "store", "warn", "memory");
    assert_status(&checks, "token", "warn", "not asked for");
    house.run(["token", "boldsign-refresh"]).succeeded();
}

#[test]
fn what_cannot_be_found_ends_it() {
    let house = House::new();
    let run = Run::of(&mut house.command(["doctor", "any", "--json"]), "");
    let checks: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (run.code, checks.as_array().unwrap().len()),
        (2, 1),
        "{run:?}"
    );
    house.config("docusign-jwt", &[("provider", "docusing")]);
    let (checks, code) = examine(&house, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "settings", "FAIL", "did you mean `docusign`");
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_may_read_is_seen() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let key = std::fs::read_to_string(house.sandbox.dir().join("docusign.pem")).unwrap();
    let path = house.write("my.pem", &key);
    house.config("docusign-jwt", &[("private_key_file", "my.pem")]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (checks, code) = examine(&house, "docusign-jwt");
    assert_eq!(code, 0);
    assert_status(&checks, "permissions", "warn", "private_key_file");
}

#[cfg(unix)]
#[test]
fn a_store_that_cannot_be_written_is_not_ok() {
    let house = House::new();
    house.config("boldsign-cc", &[]);
    let run = house.run(["doctor", "boldsign-cc"]).succeeded();
    assert!(run.stdout.contains("ok    store: "), "{run:?}");
    // What it tried is gone again.
    let left: Vec<_> = std::fs::read_dir(house.dir.path().join("tokens"))
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");

    // A limit on files of 0 bytes: the folder is fine, and nothing can be written, whoever asks.
    let script = format!(
        "trap '' XFSZ; ulimit -f 0; exec {} doctor boldsign-cc",
        env!("CARGO_BIN_EXE_countersign")
    );
    let mut limited = std::process::Command::new("sh");
    limited
        .current_dir(house.dir.path())
        .env("HOME", house.dir.path());
    let run = Run::of(limited.args(["-c", &script]), "");
    assert_ne!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("FAIL  store: "), "{run:?}");
    assert!(!run.stdout.contains("ok    store: "), "{run:?}");
}

#[test]
fn a_vendor_that_tells_no_identity_is_told_in_words() {
    let house = House::new();
    house.write(
        "acme.toml",
        r#"
        id = "acme"
        name = "Acme"
        documentation = "https://acme.example/docs"
        environments.production.base_url = "https://login.acme.example"
        endpoints.token = "{base_url}/connect/token"
        grants.client-credentials.client_auth = ["post"]
        "#,
    );
    house.config("boldsign-cc", &[("provider", "acme"), ("environment", "")]);
    let run = house.run(["doctor", "boldsign-cc", "--profile", "acme.toml"]);
    let identity = "ok    identity: Acme tells none with this grant\n";
    assert!(run.succeeded().stdout.contains(identity));
}

#[test]
fn a_store_of_files_is_tried_beside_what_it_keeps() {
    let house = House::new();
    house.config("boldsign-cc", &[]);
    house.run(["token", "boldsign-cc"]).succeeded();
    let files = || {
        let mut names: Vec<_> = std::fs::read_dir(house.dir.path().join("tokens"))
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = files();
    house.run(["doctor", "boldsign-cc"]).succeeded();
    assert_eq!(files(), before);
}

#[test]
fn the_doctor_does_not_create_a_store_that_must_exist() {
    let house = House::new();
    house.config("boldsign-cc", &[("store_create", "false")]);
    let run = house.run(["doctor", "boldsign-cc"]);
    assert_ne!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("FAIL  store: "), "{run:?}");
    assert!(!house.dir.path().join("tokens").exists());
}
