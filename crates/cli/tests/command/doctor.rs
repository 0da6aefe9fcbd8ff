//! `doctor`: checks of valid and invalid settings.

use countersign_sandbox::{Fault, Options};
use serde_json::Value;

use crate::setup::{Run, Setup};

/// Returns the checks and the exit code.
fn run_doctor(setup: &Setup, name: &str) -> (Vec<Value>, i32) {
    let run = setup.run(["doctor", name, "--json"]);
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
fn assert_status(checks: &[Value], name: &str, expected: &str, text: &str) {
    let check = status(checks, name);
    assert_eq!(check["status"], expected, "{check}");
    assert!(check.to_string().contains(text), "{text}: {check}");
}

#[test]
fn valid_settings_pass_every_check() {
    let setup = Setup::new();
    for name in [
        "docusign-jwt",
        "salesforce-site-jwt",
        "salesforce-cc-private-key-jwt",
        "boldsign-cc",
        "boldsign-refresh",
    ] {
        setup.config(name, &[]);
        let (checks, code) = run_doctor(&setup, name);
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
    let text = setup.run(["doctor", "boldsign-refresh"]).succeeded().stdout;
    assert!(
        text.lines().all(|line| line.starts_with("ok    ")),
        "{text}"
    );
}

#[test]
fn ignored_proxy_variables_cause_a_warning() {
    let setup = Setup::new();
    let checks = |proxy: Option<&str>, variables: &[&str]| {
        setup.config("boldsign-cc", &[("proxy", proxy.unwrap_or_default())]);
        let mut command = setup.command(["doctor", "boldsign-cc", "--json"]);
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
    // No proxy is used for the sandbox, which is on loopback.
    let found = checks(Some("http://proxy.example:3128"), &["NO_PROXY"]);
    assert_status(&found, "proxy", "warn", "NO_PROXY is set and ignored: ");
    let found = checks(None, &["NO_PROXY"]);
    assert!(found.iter().all(|check| check["check"] != "proxy"));
}

#[test]
fn all_invalid_settings_are_reported_at_once() {
    let setup = Setup::new();
    setup.config(
        "docusign-jwt",
        &[
            ("private_key_file", "gone.pem"),
            ("subject", "joe@example.com"),
            ("scopes", "signature"),
            ("audience", "account.docusign.com"),
        ],
    );
    let (checks, code) = run_doctor(&setup, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "key", "FAIL", "gone.pem");
    assert_status(&checks, "subject", "FAIL", "GUID");
    assert_status(&checks, "scopes", "FAIL", "impersonation");
    assert_status(
        &checks,
        "environment",
        "FAIL",
        "audience belongs to production",
    );
    // The server can be reached, but no token can be requested.
    assert_status(&checks, "connection", "ok", "responded");
    assert!(
        !checks.iter().any(|check| check["check"] == "token"),
        "{checks:?}"
    );
    let run = setup.run(["doctor", "docusign-jwt"]);
    assert!(run.stdout.contains("\nFAIL  subject: "), "{run:?}");
    assert!(run.stdout.contains("\n      fix: "), "{run:?}");
}

#[test]
fn an_endpoint_of_another_environment_fails() {
    let setup = Setup::new();
    setup.config(
        "docusign-jwt",
        &[("authorize_url", "https://account.docusign.com/oauth/auth")],
    );
    let (checks, code) = run_doctor(&setup, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(
        &checks,
        "environment",
        "FAIL",
        "authorize_url belongs to production",
    );
}

#[test]
fn an_unusable_key_fails() {
    let setup = Setup::new();
    setup.config("salesforce-jwt", &[("algorithm", "RS512")]);
    let (checks, code) = run_doctor(&setup, "salesforce-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "key", "FAIL", "RS512");
    setup.config("boldsign-cc", &[("private_key", "x")]);
    assert_status(
        &run_doctor(&setup, "boldsign-cc").0,
        "key",
        "FAIL",
        "no PEM",
    );
}

#[test]
fn a_clock_difference_warns_or_fails() {
    let setup = Setup::new();
    setup.config("docusign-jwt", &[]);
    for (offset, expected, code) in [
        (5, "ok", 0),
        (-60, "warn", 0),
        (600, "FAIL", 2),
        (-600, "FAIL", 2),
    ] {
        setup.sandbox.set_clock_offset(offset);
        let (checks, actual) = run_doctor(&setup, "docusign-jwt");
        assert_status(&checks, "clock", expected, "clock");
        assert_eq!(actual, code, "{offset}: {checks:?}");
    }
}

#[test]
fn tls_name_connection_and_transport_are_checked() {
    let setup = Setup::new();
    setup.config("docusign-jwt", &[("ca_file", "")]);
    let (checks, code) = run_doctor(&setup, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "tls", "FAIL", "ca_file");

    setup.config(
        "docusign-jwt",
        &[("base_url", "https://no-such-host.invalid")],
    );
    let (checks, code) = run_doctor(&setup, "docusign-jwt");
    assert_eq!(code, 4);
    assert_status(&checks, "name", "FAIL", "no-such-host.invalid");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("https://{}", free.local_addr().unwrap());
    drop(free);
    setup.config("docusign-jwt", &[("base_url", &closed)]);
    let (checks, code) = run_doctor(&setup, "docusign-jwt");
    assert_eq!(code, 4);
    assert_status(&checks, "connection", "FAIL", "refused");

    setup.config("docusign-jwt", &[("ca_file", "gone.pem")]);
    let (checks, code) = run_doctor(&setup, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "transport", "FAIL", "gone.pem");
}

#[test]
fn the_token_request_is_checked_last() {
    let setup = Setup::new();
    setup.config("docusign-jwt-unconsented", &[]);
    let (checks, code) = run_doctor(&setup, "docusign-jwt-unconsented");
    assert_eq!(code, 3);
    assert_status(&checks, "token", "FAIL", "/oauth/auth?");

    setup.config("boldsign-code", &[]);
    let (checks, code) = run_doctor(&setup, "boldsign-code");
    assert_eq!(code, 3);
    assert_status(&checks, "token", "FAIL", "countersign login boldsign-code");

    setup.config("docusign-jwt", &[]);
    // The first one is for the GET that checks the connection.
    let fault = Fault {
        times: 2,
        ..Fault::row("docusign.no_valid_keys_or_signatures")
    };
    setup.sandbox.fault(fault).unwrap();
    let (checks, code) = run_doctor(&setup, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "token", "FAIL", "private_key");
}

#[test]
fn the_doctor_never_loses_a_refresh_token() {
    let setup = Setup::with(Options::default());
    setup.config("boldsign-refresh", &[("store", "memory")]);
    let (checks, code) = run_doctor(&setup, "boldsign-refresh");
    assert_eq!(code, 0);
    assert_status(&checks, "store", "warn", "memory");
    assert_status(&checks, "token", "warn", "not requested");
    setup.run(["token", "boldsign-refresh"]).succeeded();
}

#[test]
fn a_missing_configuration_or_provider_ends_the_checks() {
    let setup = Setup::new();
    let run = Run::of(&mut setup.command(["doctor", "any", "--json"]), "");
    let checks: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (run.code, checks.as_array().unwrap().len()),
        (2, 1),
        "{run:?}"
    );
    setup.config("docusign-jwt", &[("provider", "docusing")]);
    let (checks, code) = run_doctor(&setup, "docusign-jwt");
    assert_eq!(code, 2);
    assert_status(&checks, "settings", "FAIL", "did you mean `docusign`");
}

#[cfg(unix)]
#[test]
fn a_key_file_that_other_users_can_read_causes_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let setup = Setup::new();
    let key = std::fs::read_to_string(setup.sandbox.dir().join("docusign.pem")).unwrap();
    let path = setup.write("my.pem", &key);
    setup.config("docusign-jwt", &[("private_key_file", "my.pem")]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (checks, code) = run_doctor(&setup, "docusign-jwt");
    assert_eq!(code, 0);
    assert_status(&checks, "permissions", "warn", "private_key_file");
}

#[cfg(unix)]
#[test]
fn a_store_that_cannot_be_written_fails() {
    let setup = Setup::new();
    setup.config("boldsign-cc", &[]);
    let run = setup.run(["doctor", "boldsign-cc"]).succeeded();
    assert!(run.stdout.contains("ok    store: "), "{run:?}");
    // The record that it wrote is removed again.
    let left: Vec<_> = std::fs::read_dir(setup.dir.path().join("tokens"))
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");

    // With a maximum file size of 0 bytes, not even root can write.
    let script = format!(
        "trap '' XFSZ; ulimit -f 0; exec {} doctor boldsign-cc",
        env!("CARGO_BIN_EXE_countersign")
    );
    let mut limited = std::process::Command::new("sh");
    limited
        .current_dir(setup.dir.path())
        .env("HOME", setup.dir.path());
    let run = Run::of(limited.args(["-c", &script]), "");
    assert_ne!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("FAIL  store: "), "{run:?}");
    assert!(!run.stdout.contains("ok    store: "), "{run:?}");
}

#[test]
fn a_vendor_without_an_identity_passes() {
    let setup = Setup::new();
    setup.write(
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
    setup.config("boldsign-cc", &[("provider", "acme"), ("environment", "")]);
    let run = setup.run(["doctor", "boldsign-cc", "--profile", "acme.toml"]);
    let identity = "ok    identity: Acme has none for this grant\n";
    assert!(run.succeeded().stdout.contains(identity));
}

#[test]
fn the_doctor_leaves_no_files_in_the_store() {
    let setup = Setup::new();
    setup.config("boldsign-cc", &[]);
    setup.run(["token", "boldsign-cc"]).succeeded();
    let files = || {
        let mut names: Vec<_> = std::fs::read_dir(setup.dir.path().join("tokens"))
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = files();
    setup.run(["doctor", "boldsign-cc"]).succeeded();
    assert_eq!(files(), before);
}

#[test]
fn the_doctor_does_not_create_a_store_that_must_exist() {
    let setup = Setup::new();
    setup.config("boldsign-cc", &[("store_create", "false")]);
    let run = setup.run(["doctor", "boldsign-cc"]);
    assert_ne!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("FAIL  store: "), "{run:?}");
    assert!(!setup.dir.path().join("tokens").exists());
}
