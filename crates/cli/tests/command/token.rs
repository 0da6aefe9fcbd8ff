//! `token`: every connection that needs no browser, and every form of the result.

use std::fs;
use std::process::Command;

use countersign_sandbox::{Fault, Options, Rotation};
use serde_json::Value;

use crate::house::{House, Run};

#[test]
fn every_connection_that_needs_no_browser_gives_a_token() {
    let house = House::new();
    let text = fs::read_to_string(house.sandbox.connections()).unwrap();
    let all = countersign::Settings::from_toml(&text).unwrap();
    let mut done = 0;
    for (name, settings) in &all {
        let by_login = settings.value("grant") == Some("authorization-code");
        if by_login || name.ends_with("-unconsented") {
            continue;
        }
        let told = house.run_as_given(&["token", name, "--json"]).json();
        assert!(told["access_token"].as_str().unwrap().len() > 20, "{name}");
        assert_eq!(told["token_type"], "Bearer", "{name}");
        assert_eq!(told["connection"], name.as_str());
        assert_eq!(
            told["provider"],
            settings.value("provider").unwrap(),
            "{name}"
        );
        let source = match settings.value("grant") {
            Some("refresh-token") => "refreshed",
            _ => "minted",
        };
        assert_eq!(told["source"], source, "{name}");
        let members: &[&str] = match settings.value("provider") {
            Some("docusign") => &["account_id", "base_uri", "user_id"],
            Some("salesforce") => &["instance_url", "org_id", "user_id"],
            _ => &["api_base"],
        };
        for member in members {
            assert!(told["extra"][member].is_string(), "{name} {member}: {told}");
        }
        let known = settings.value("provider") != Some("salesforce");
        assert_eq!(told["expires_at"].is_i64(), known, "{name}");
        done += 1;
    }
    assert!(done >= 12, "{done}");
}

#[test]
fn the_members_come_in_the_contracts_order() {
    let house = House::new();
    let run = house
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
fn a_stored_token_is_used_until_a_new_one_is_forced() {
    let house = House::new();
    house.config("docusign-jwt", &[]);
    let token = |more: &[&str]| {
        let arguments = ["token", "docusign-jwt", "--json"].iter().chain(more);
        house.run(arguments).json()
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
    // The vendor's tokens last an hour: none lasts two.
    let run = house
        .run(["token", "docusign-jwt", "--min-valid", "7200"])
        .succeeded();
    assert!(run.stderr.contains("none that lasts 7200 s"), "{run:?}");
    // The store is where the configuration says, for its owner alone.
    assert!(house.dir.path().join("tokens").is_dir());
}

#[test]
fn a_forced_request_that_fails_is_told_and_costs_nothing() {
    let house = House::new();
    house.config("docusign-jwt", &[]);
    let first = house.run(["token", "docusign-jwt"]).succeeded();
    house.sandbox.fault(Fault::status(503)).unwrap();
    let forced = house.run(["token", "docusign-jwt", "--force"]);
    assert_eq!((forced.code, forced.stdout.as_str()), (4, ""));
    let again = house.run(["token", "docusign-jwt"]).succeeded();
    assert_eq!(again.stdout, first.stdout);
}

#[test]
fn bare_header_and_shell_forms_are_of_the_same_token() {
    let house = House::new();
    house.config("salesforce-jwt", &[]);
    let bare = house.run(["token", "salesforce-jwt"]).succeeded().stdout;
    let bare = bare.strip_suffix('\n').unwrap();
    assert!(bare.contains('!'), "a Salesforce token has one: {bare}");
    let header = house
        .run(["token", "salesforce-jwt", "--header"])
        .succeeded();
    assert_eq!(header.stdout, format!("Authorization: Bearer {bare}\n"));
    let lines = house
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
    let port = house.sandbox.url().rsplit(':').next().unwrap();
    assert_eq!(shown, format!("{bare}|https://localhost:{port}"));
}

#[test]
fn forms_that_contradict_each_other_are_a_wrong_usage() {
    let house = House::new();
    house.config("salesforce-jwt", &[]);
    let run = house.run(["token", "salesforce-jwt", "--json", "--env"]);
    assert_eq!(run.error(2)["verdict"], "fix_configuration");
    assert_eq!(run.stdout, "");
    assert_eq!(
        house
            .run(["token", "salesforce-jwt", "--header", "--env"])
            .code,
        2
    );
}

#[test]
fn a_token_is_good_even_if_nobody_says_whose_it_is() {
    let house = House::new();
    house.config("docusign-jwt", &[]);
    let fault = Fault {
        endpoint: "userinfo".into(),
        ..Fault::status(500)
    };
    house.sandbox.fault(fault).unwrap();
    let run = house.run(["token", "docusign-jwt", "--json"]).succeeded();
    assert!(run.stderr.contains("could not be asked"), "{run:?}");
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(told["access_token"].is_string());
    assert!(told["extra"]["account_id"].is_null());
}

#[test]
fn rotation_is_kept_from_run_to_run() {
    let house = House::with(Options {
        rotation: Some(Rotation::ReuseKills),
        ..Options::default()
    });
    house.config("boldsign-refresh", &[]);
    for _ in 0..3 {
        let told = house
            .run(["token", "boldsign-refresh", "--json", "--force"])
            .json();
        assert_eq!(told["source"], "refreshed");
    }
}

#[test]
fn a_token_that_cannot_be_written_is_no_success() {
    let house = House::new();
    house.config("salesforce-jwt", &[]);
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = house.command(["token", "salesforce-jwt"]);
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be written"));
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let house = House::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = house
        .command(["providers"])
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn verbose_goes_to_stderr_alone() {
    let house = House::new();
    house.config("salesforce-cc", &[]);
    let run = Run::of(&mut house.command(["token", "salesforce-cc", "-vv"]), "").succeeded();
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    assert!(run.stderr.contains("POST https://localhost:"), "{run:?}");
    assert!(
        run.stderr.contains("client_secret"),
        "the name is shown: {run:?}"
    );
    assert!(run.stderr.contains("answered 200"), "{run:?}");
    assert!(!run.stderr.contains(run.stdout.trim()), "{run:?}");
}

#[test]
fn a_grant_that_needs_no_store_gives_its_token_with_a_warning() {
    let house = House::new();
    house.write("taken", "a file where the store's folder should be");
    for name in ["docusign-jwt", "boldsign-cc"] {
        for store in ["file:taken", "file:taken/tokens", "file:/proc/tokens"] {
            house.config(name, &[("store", store)]);
            let run = house.run(["token", name]).succeeded();
            assert!(!run.stdout.trim().is_empty(), "{run:?}");
            let warning = "warning: the token could not be stored: ";
            assert!(run.stderr.contains(warning), "{store}: {run:?}");
            let run = house.run(["exec", name, "--", "true"]).succeeded();
            assert!(run.stderr.contains(warning), "{store}: {run:?}");
        }
    }
    // What could be lost is not asked for.
    house.config("salesforce-code", &[("store", "file:taken")]);
    let error = house.run(["token", "salesforce-code", "--json"]).error(2);
    assert_eq!(
        (&error["kind"], &error["setting"]),
        (&"store".into(), &"store".into())
    );
}

#[test]
fn a_refresh_token_of_the_settings_is_not_presented_again_to_a_lost_store() {
    const NAME: &str = "docusign-refresh";
    let house = House::new();
    house.config(NAME, &[("store", "file:tokens")]);
    house.run(["token", NAME]).succeeded();
    fs::remove_dir_all(house.dir.path().join("tokens")).unwrap();
    let error = house.run(["token", NAME, "--json"]).error(2);
    assert_eq!(error["setting"], "refresh_token", "{error}");
    // The hint names what to remove, for whoever wants it all the same.
    let hint = error["hint"].as_str().unwrap();
    let (_, note) = hint.rsplit_once("remove ").unwrap();
    assert!(!fs::read_to_string(note).unwrap().contains("s3cret"));
    fs::remove_file(note).unwrap();
    let again = house.run(["token", NAME, "--json"]);
    assert!(!again.stderr.contains("was presented before"), "{again:?}");
}
