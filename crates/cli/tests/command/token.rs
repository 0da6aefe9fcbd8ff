//! `token`: every connection that needs no login, and every format of the result.

use std::fs;
use std::process::Command;

use countersign_sandbox::{Fault, Options, Rotation};
use serde_json::Value;

use crate::setup::{Run, Setup};

#[test]
fn every_connection_without_a_login_gets_a_token() {
    let setup = Setup::new();
    let text = fs::read_to_string(setup.sandbox.connections()).unwrap();
    let all = countersign_core::Settings::from_toml(&text).unwrap();
    let mut done = 0;
    for (name, settings) in &all {
        let by_login = settings.value("grant") == Some("authorization-code");
        if by_login || name.ends_with("-unconsented") {
            continue;
        }
        let reported = setup.run_as_given(&["token", name, "--json"]).json();
        assert!(
            reported["access_token"].as_str().unwrap().len() > 20,
            "{name}"
        );
        assert_eq!(reported["token_type"], "Bearer", "{name}");
        assert_eq!(reported["connection"], name.as_str());
        assert_eq!(
            reported["provider"],
            settings.value("provider").unwrap(),
            "{name}"
        );
        let source = match settings.value("grant") {
            Some("refresh-token") => "refreshed",
            _ => "minted",
        };
        assert_eq!(reported["source"], source, "{name}");
        let members: &[&str] = match settings.value("provider") {
            Some("docusign") => &["account_id", "base_uri", "user_id"],
            Some("salesforce") => &["instance_url", "org_id", "user_id"],
            _ => &["api_base"],
        };
        for member in members {
            assert!(
                reported["extra"][member].is_string(),
                "{name} {member}: {reported}"
            );
        }
        let known = settings.value("provider") != Some("salesforce");
        assert_eq!(reported["expires_at"].is_i64(), known, "{name}");
        done += 1;
    }
    assert!(done >= 12, "{done}");
}

#[test]
fn json_members_are_in_the_documented_order() {
    let setup = Setup::new();
    let run = setup
        .run_as_given(&["token", "salesforce-jwt", "--json"])
        .succeeded();
    let order = [
        "access_token",
        "token_type",
        "expires_at",
        "scope",
        "provider",
        "connection",
        "source",
        "extra",
    ];
    let places: Vec<_> = order
        .iter()
        .map(|name| run.stdout.find(&format!("\"{name}\":")))
        .collect();
    assert!(places.iter().all(Option::is_some), "{run:?}");
    assert!(places.is_sorted(), "{run:?}");
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_stored_token_is_used_unless_force_is_given() {
    let setup = Setup::new();
    setup.config("docusign-jwt", &[]);
    let token = |more: &[&str]| {
        let arguments = ["token", "docusign-jwt", "--json"].iter().chain(more);
        setup.run(arguments).json()
    };
    let first = token(&[]);
    assert_eq!(first["source"], "minted");
    let second = token(&[]);
    assert_eq!(second["source"], "store");
    assert_eq!(second["access_token"], first["access_token"]);
    assert_eq!(second["extra"], first["extra"]);
    let forced = token(&["--force"]);
    assert_eq!(forced["source"], "minted");
    assert_ne!(forced["access_token"], first["access_token"]);
    // The vendor's tokens are valid for an hour.
    let run = setup
        .run(["token", "docusign-jwt", "--min-valid", "7200"])
        .succeeded();
    assert!(run.stderr.contains("none that lasts 7200 s"), "{run:?}");
    assert!(setup.dir.path().join("tokens").is_dir());
}

#[test]
fn a_failed_forced_request_keeps_the_stored_token() {
    let setup = Setup::new();
    setup.config("docusign-jwt", &[]);
    let first = setup.run(["token", "docusign-jwt"]).succeeded();
    setup.sandbox.fault(Fault::status(503)).unwrap();
    let forced = setup.run(["token", "docusign-jwt", "--force"]);
    assert_eq!((forced.code, forced.stdout.as_str()), (4, ""));
    let again = setup.run(["token", "docusign-jwt"]).succeeded();
    assert_eq!(again.stdout, first.stdout);
}

#[test]
fn text_header_and_shell_formats_have_the_same_token() {
    let setup = Setup::new();
    setup.config("salesforce-jwt", &[]);
    let bare = setup.run(["token", "salesforce-jwt"]).succeeded().stdout;
    let bare = bare.strip_suffix('\n').unwrap();
    assert!(bare.contains('!'), "as Salesforce's tokens do: {bare}");
    let header = setup
        .run(["token", "salesforce-jwt", "--header"])
        .succeeded();
    assert_eq!(header.stdout, format!("Authorization: Bearer {bare}\n"));
    let lines = setup
        .run(["token", "salesforce-jwt", "--env"])
        .succeeded()
        .stdout;
    assert!(
        lines.starts_with(&format!("export COUNTERSIGN_TOKEN='{bare}'\n")),
        "{lines}"
    );
    let script = "eval \"$0\"; printf '%s|%s' \"$COUNTERSIGN_TOKEN\" \"$COUNTERSIGN_INSTANCE_URL\"";
    let shell = Command::new("sh")
        .args(["-c", script, &lines])
        .output()
        .unwrap();
    let shown = String::from_utf8(shell.stdout).unwrap();
    let port = setup.sandbox.url().rsplit(':').next().unwrap();
    assert_eq!(shown, format!("{bare}|https://localhost:{port}"));
}

#[test]
fn formats_cannot_be_combined() {
    let setup = Setup::new();
    setup.config("salesforce-jwt", &[]);
    let run = setup.run(["token", "salesforce-jwt", "--json", "--env"]);
    assert_eq!(run.error(2)["verdict"], "fix_configuration");
    assert_eq!(run.stdout, "");
    assert_eq!(
        setup
            .run(["token", "salesforce-jwt", "--header", "--env"])
            .code,
        2
    );
}

#[test]
fn a_failed_identity_request_is_only_a_warning() {
    let setup = Setup::new();
    setup.config("docusign-jwt", &[]);
    let fault = Fault {
        endpoint: "userinfo".into(),
        ..Fault::status(500)
    };
    setup.sandbox.fault(fault).unwrap();
    let run = setup.run(["token", "docusign-jwt", "--json"]).succeeded();
    assert!(
        run.stderr.contains("cannot request the identity"),
        "{run:?}"
    );
    let reported: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(reported["access_token"].is_string());
    assert!(reported["extra"]["account_id"].is_null());
}

#[test]
fn each_run_uses_the_refresh_token_of_the_last() {
    let setup = Setup::with(Options {
        rotation: Some(Rotation::ReuseKills),
        ..Options::default()
    });
    setup.config("boldsign-refresh", &[]);
    for _ in 0..3 {
        let reported = setup
            .run(["token", "boldsign-refresh", "--json", "--force"])
            .json();
        assert_eq!(reported["source"], "refreshed");
    }
}

#[test]
fn an_unwritable_stdout_is_an_error() {
    let setup = Setup::new();
    setup.config("salesforce-jwt", &[]);
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = setup.command(["token", "salesforce-jwt"]);
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to stdout"));
}

#[test]
fn a_closed_stdout_is_not_an_error() {
    let setup = Setup::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = setup
        .command(["providers"])
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn verbose_logs_to_stderr_without_secrets() {
    let setup = Setup::new();
    setup.config("salesforce-cc", &[]);
    let run = Run::of(&mut setup.command(["token", "salesforce-cc", "-vv"]), "").succeeded();
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    assert!(run.stderr.contains("POST https://localhost:"), "{run:?}");
    assert!(
        run.stderr.contains("client_secret"),
        "the parameter's name: {run:?}"
    );
    assert!(run.stderr.contains("response 200"), "{run:?}");
    assert!(!run.stderr.contains(run.stdout.trim()), "{run:?}");
}

#[test]
fn an_unusable_store_is_only_a_warning_unless_the_grant_needs_it() {
    let setup = Setup::new();
    setup.write("taken", "a file where the store's folder should be");
    for name in ["docusign-jwt", "boldsign-cc"] {
        for store in ["file:taken", "file:taken/tokens", "file:/proc/tokens"] {
            setup.config(name, &[("store", store)]);
            let run = setup.run(["token", name]).succeeded();
            assert!(!run.stdout.trim().is_empty(), "{run:?}");
            let warning = "warning: the token could not be stored: ";
            assert!(run.stderr.contains(warning), "{store}: {run:?}");
            let run = setup.run(["exec", name, "--", "true"]).succeeded();
            assert!(run.stderr.contains(warning), "{store}: {run:?}");
        }
    }
    // A refresh token could be lost, so no request is sent.
    setup.config("salesforce-code", &[("store", "file:taken")]);
    let error = setup.run(["token", "salesforce-code", "--json"]).error(2);
    assert_eq!(
        (&error["kind"], &error["setting"]),
        (&"store".into(), &"store".into())
    );
}

#[test]
fn after_losing_the_store_a_configured_refresh_token_is_not_sent_again() {
    const NAME: &str = "docusign-refresh";
    let setup = Setup::new();
    setup.config(NAME, &[("store", "file:tokens")]);
    setup.run(["token", NAME]).succeeded();
    fs::remove_dir_all(setup.dir.path().join("tokens")).unwrap();
    let error = setup.run(["token", NAME, "--json"]).error(2);
    assert_eq!(error["setting"], "refresh_token", "{error}");
    // The hint names the file to remove before trying anyway.
    let hint = error["hint"].as_str().unwrap();
    let (_, note) = hint.rsplit_once("remove ").unwrap();
    assert!(!fs::read_to_string(note).unwrap().contains("s3cret"));
    fs::remove_file(note).unwrap();
    let again = setup.run(["token", NAME, "--json"]);
    assert!(!again.stderr.contains("was already used"), "{again:?}");
}
