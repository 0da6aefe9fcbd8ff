//! Puts secrets in every setting, and checks that no command prints them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign_sandbox::Fault;

use crate::setup::{Run, Setup};

/// Returns the encodings in which a secret may appear.
fn encodings(secret: &str) -> Vec<String> {
    let percent = |text: &str| -> String {
        let encode = |b: u8| match b {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => (b as char).to_string(),
            b => format!("%{b:02X}"),
        };
        text.bytes().map(encode).collect()
    };
    // Inside a longer base64 text, a secret has one of three offsets.
    let within = |pad: &str| {
        let encoded = STANDARD.encode(format!("{pad}{secret}"));
        let from = pad.len().div_ceil(3) * 4;
        encoded[from..encoded.len() - 4].to_owned()
    };
    let mut all = vec![
        secret.to_owned(),
        percent(secret),
        percent(&percent(secret)),
        secret.replace('+', " "),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ];
    all.extend(["", "x", "xx"].map(within));
    all
}

#[track_caller]
fn assert_absent(secret: &str, run: &Run, what: &str) {
    for encoded in encodings(secret) {
        let seen = run.stdout.contains(&encoded) || run.stderr.contains(&encoded);
        assert!(!seen, "{what} prints {secret} as {encoded}: {run:?}");
    }
}

/// Runs every command that reads a connection, with the most verbose log.
fn run_all(setup: &Setup, name: &str) -> Vec<(String, Run)> {
    let mut runs = Vec::new();
    for arguments in [
        &["token", name][..],
        &["token", name, "--json"],
        &["token", name, "--force", "--env"],
        &["login", name, "--no-browser", "--timeout", "0"],
        &["login", name, "--json", "--timeout", "0"],
        &["consent", name],
        &["exec", name, "--", "true"],
        &["doctor", name],
        &["doctor", name, "--json"],
        &["store", "list"],
        &["store", "show", name],
        &["store", "show", name, "--json"],
        &["store", "export", "canary.json", name],
        &["store", "rekey", name],
        &["store", "doctor", name],
        &["logout", name],
    ] {
        let dashes = arguments
            .iter()
            .position(|word| *word == "--")
            .unwrap_or(arguments.len());
        let mut all = arguments.to_vec();
        all.insert(dashes, "-vv");
        let mut command = setup.command(&all);
        // A pasted query, for logins that ask for one.
        let run = Run::of(
            command.env("PLANTED", "canary-in-env+7/8%"),
            "code=x&state=y\n",
        );
        runs.push((all.join(" "), run));
    }
    runs
}

#[test]
fn secrets_in_any_setting_are_never_printed() {
    let setup = Setup::new();
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nY2FuYXJ5LWluLXBlbQ==canary1pem2\n-----END RSA PRIVATE KEY-----";
    setup.write("planted", "canary-in-file+7/8%");
    setup.write("planted.pem", &pem.replace("canary1pem2", "canary3file4"));
    let plants: &[(&str, &str, &str, &str)] = &[
        (
            "boldsign-cc",
            "client_secret",
            "canary-secret+1/2%3",
            "canary-secret+1/2%3",
        ),
        (
            "boldsign-code",
            "client_secret",
            "canary-web+1/2%3",
            "canary-web+1/2%3",
        ),
        (
            "docusign-refresh",
            "client_secret",
            "canary-basic+1/2%3",
            "canary-basic+1/2%3",
        ),
        (
            "boldsign-refresh",
            "refresh_token",
            "canary-refresh+4/5%6",
            "canary-refresh+4/5%6",
        ),
        (
            "docusign-refresh",
            "refresh_token",
            "canary-rotating+4/5%6",
            "canary-rotating+4/5%6",
        ),
        (
            "boldsign-cc",
            "store_key",
            "canary-store-key+1/2",
            "canary-store-key+1/2",
        ),
        ("docusign-jwt", "private_key", pem, "canary1pem2"),
        (
            "docusign-jwt",
            "private_key",
            "canary-no-pem-at-all",
            "canary-no-pem-at-all",
        ),
        (
            "docusign-jwt",
            "private_key_passphrase",
            "canary-phrase+1",
            "canary-phrase+1",
        ),
        (
            "docusign-jwt",
            "private_key_file",
            "planted.pem",
            "canary3file4",
        ),
        (
            "boldsign-cc",
            "client_secret_file",
            "planted",
            "canary-in-file+7/8%",
        ),
        (
            "boldsign-cc",
            "client_secret_env",
            "PLANTED",
            "canary-in-env+7/8%",
        ),
        // Settings that shouldn't contain secrets, but may.
        (
            "boldsign-cc",
            "proxy",
            "http://user:canary-proxy@127.0.0.1:1",
            "canary-proxy",
        ),
        (
            "boldsign-cc",
            "proxy",
            "socks5://user:canary-socks@127.0.0.1:1",
            "canary-socks",
        ),
        (
            "boldsign-cc",
            "store",
            "redis://:canary-redis@127.0.0.1:1",
            "canary-redis",
        ),
        (
            "boldsign-cc",
            "store",
            "mysql://user:canary-store@127.0.0.1:1",
            "canary-store",
        ),
        (
            "boldsign-cc",
            "base_url",
            "https://user:canary-url@127.0.0.1:1",
            "canary-url",
        ),
        (
            "boldsign-cc",
            "base_url",
            "http://a.example/?key=canary-query",
            "canary-query",
        ),
        (
            "boldsign-cc",
            "token_url",
            "https://127.0.0.1:1/token?key=canary-token-url",
            "canary-token-url",
        ),
        ("docusign-jwt", "private_key_file", pem, "canary1pem2"),
        (
            "boldsign-cc",
            "client_secret_env",
            "canary secret+1/2",
            "canary secret+1/2",
        ),
    ];
    for (connection, setting, value, canary) in plants {
        let bare = setting.trim_end_matches("_file").trim_end_matches("_env");
        let mut changes = vec![(*setting, *value)];
        if bare != *setting {
            changes.push((bare, ""));
        }
        if *setting == "private_key" {
            changes.push(("private_key_file", ""));
        }
        setup.config(connection, &changes);
        let mut failures = 0;
        for (what, run) in run_all(&setup, connection) {
            assert_absent(canary, &run, &format!("{setting}: {what}"));
            failures += i32::from(run.code != 0);
        }
        assert!(failures > 0, "{setting} = {canary}: nothing failed");
    }
}

#[test]
fn a_secret_in_a_servers_response_is_not_printed() {
    let setup = Setup::new();
    let secret = "canary-secret+1/2%3";
    setup.config("boldsign-cc", &[("client_secret", secret)]);
    for body in [
        format!("{{\"error\":\"invalid_client\",\"error_description\":\"not {secret}\"}}"),
        format!("{{\"error\":\"{secret}\"}}"),
        format!("<html>{secret}</html>"),
    ] {
        let fault = Fault {
            body: Some(body),
            times: 9,
            ..Fault::status(400)
        };
        setup.sandbox.reset();
        setup.sandbox.fault(fault).unwrap();
        for (what, run) in run_all(&setup, "boldsign-cc") {
            assert_absent(secret, &run, &what);
        }
    }
}

#[test]
fn the_check_finds_an_encoded_secret() {
    let run = |text: &str| Run {
        code: 1,
        stdout: String::new(),
        stderr: text.to_owned(),
    };
    let secret = "canary-secret+1/2%3";
    for shown in [
        "so canary-secret+1/2%3 it is".to_owned(),
        "canary-secret%2B1%2F2%253".to_owned(),
        format!("Basic {}", STANDARD.encode(format!("app:{secret}"))),
    ] {
        let found = std::panic::catch_unwind(|| assert_absent(secret, &run(&shown), "a test"));
        assert!(found.is_err(), "{shown}");
    }
}
