//! `countersign profile`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::setup::{Run, command};

const ACME: &str = "id = \"acme\"\nname = \"Acme\"\ndocumentation = \"https://acme.example/docs\"\n\
                    environments.production.base_url = \"https://login.acme.example\"\n\
                    endpoints.token = \"{base_url}/token\"\n\
                    grants.client-credentials.client_auth = [\"post\"]\n";

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A folder with Acme's profile.
fn acme() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("profiles/acme.toml"), ACME);
    folder
}

fn run(folder: &TempDir, arguments: &[&str]) -> Run {
    Run::of(command(folder.path()).args(arguments), "")
}

fn cases(kind: &str) -> Value {
    json!({
        "requests": [{
            "name": "client credentials",
            "settings": {"client_id": "app", "client_secret": "s3cret"},
            "request": {
                "url": "https://login.acme.example/token",
                "body": "grant_type=client_credentials&client_id=app&client_secret=<client_secret>"
            }
        }],
        "responses": [{
            "name": "wrong secret", "settings": 0, "status": 401,
            "body": {"error": "invalid_client"}, "error": {"kind": kind}
        }]
    })
}

#[test]
fn test_runs_the_cases_beside_a_profile_or_in_the_folder_cases() {
    for place in ["profiles/acme.json", "cases/acme.json"] {
        let folder = acme();
        write(&folder.path().join(place), &cases("rejected").to_string());
        let tested = run(&folder, &["profile", "test", "profiles/acme.toml"]).succeeded();
        assert_eq!(tested.stdout, "profiles/acme.toml: 2 of 2 cases pass\n");
        assert!(
            tested.stderr.contains("lacks a response with a `token`"),
            "{tested:?}"
        );
    }
}

#[test]
fn test_says_which_case_fails_and_why() {
    let folder = acme();
    let file = folder.path().join("other.json");
    write(&file, &cases("throttled").to_string());
    let arguments = [
        "profile",
        "test",
        "profiles/acme.toml",
        "--cases",
        "other.json",
    ];
    let tested = run(&folder, &arguments);
    assert_eq!(tested.code, 2, "{tested:?}");
    let says = "FAIL responses[0] \"wrong secret\"\n  the error `kind` differs\n      \
                expected throttled\n      found    rejected\n";
    assert!(tested.stdout.starts_with(says), "{}", tested.stdout);

    let tested = run(&folder, &[&arguments[..], &["--json"]].concat());
    assert_eq!(tested.code, 2);
    let reported: Value = serde_json::from_str(&tested.stdout).unwrap();
    assert_eq!(reported["cases"], 2);
    assert_eq!(
        reported["failed"][0]["case"],
        "responses[0] \"wrong secret\""
    );
}

#[test]
fn test_says_where_it_looked_for_cases() {
    let error = run(
        &acme(),
        &["profile", "test", "profiles/acme.toml", "--json"],
    )
    .error(2);
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("profiles/acme.json and profiles/../cases/acme.json"),
        "{message}"
    );
}

#[test]
fn show_prints_a_profile_that_can_be_read_again() {
    let folder = acme();
    let shown = run(&folder, &["profile", "show", "boldsign"])
        .succeeded()
        .stdout;
    let profile = countersign_core::Profile::from_toml(&shown).unwrap();
    assert_eq!(profile.id, "boldsign");
    let shown = run(&folder, &["profile", "show", "boldsign", "--json"]).json();
    assert_eq!(shown["id"], "boldsign");
    let error = run(&folder, &["profile", "show", "bold", "--json"]).error(2);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("did you mean `boldsign`?")
    );
    let arguments = ["profile", "show", "acme", "--profile", "profiles/acme.toml"];
    assert!(
        run(&folder, &arguments)
            .succeeded()
            .stdout
            .contains("login.acme.example")
    );
}

#[test]
fn new_writes_a_template_without_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(&folder, &["profile", "new", "my-vendor.toml"]).succeeded();
    assert!(made.stdout.starts_with("wrote my-vendor.toml"), "{made:?}");
    let checked = run(&folder, &["profile", "check", "my-vendor.toml"]).succeeded();
    assert_eq!(checked.stdout, "my-vendor.toml: no mistakes found\n");
    let found = run(
        &folder,
        &[
            "providers",
            "my-vendor",
            "--profile",
            "my-vendor.toml",
            "--json",
        ],
    );
    assert_eq!(found.json()[0]["id"], "my-vendor");
    // Nothing is overwritten.
    let error = run(&folder, &["profile", "new", "my-vendor.toml", "--json"]).error(2);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("cannot be written")
    );
    assert_eq!(run(&folder, &["profile", "new", "my vendor.toml"]).code, 2);
}

#[test]
fn check_reports_each_mistake_with_its_line_and_fix() {
    let folder = acme();
    let text = ACME
        .replace("name =", "nmae =")
        .replace("[\"post\"]", "[\"pots\"]");
    write(&folder.path().join("wrong.toml"), &text);
    let checked = run(&folder, &["profile", "check", "wrong.toml"]);
    assert_eq!(checked.code, 2, "{checked:?}");
    let lines: Vec<_> = checked.stdout.lines().collect();
    assert_eq!(lines[0], "wrong.toml:2: error: unknown field `nmae`");
    assert_eq!(lines[1], "  fix: write `name`");
    assert!(lines[2].starts_with("wrong.toml:6: error: "), "{lines:?}");
    assert_eq!(lines[3], "  fix: write `post`");
    let checked = run(&folder, &["profile", "check", "wrong.toml", "--json"]);
    let reported: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(reported["mistakes"][0]["line"], 2);
    assert_eq!(reported["mistakes"][0]["severity"], "error");
}

#[test]
fn schema_prints_the_schema() {
    let schema = run(&acme(), &["profile", "schema"]).succeeded().stdout;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["properties"]["errors"]["type"], "array");
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn a_configuration_has_profiles_of_its_own() {
    let folder = acme();
    let connection = "[connections.mine]\nprovider = \"acme\"\nclient_id = \"app\"\n\
                      client_secret = \"s3cret\"\n";
    let config = folder.path().join("countersign.toml");
    // The folder `profiles` beside it.
    write(&config, connection);
    let arguments = ["token", "mine", "--dry-run", "--json"];
    let url = "https://login.acme.example/token";
    assert_eq!(run(&folder, &arguments).json()["url"], url);
    // A listed file.
    fs::rename(folder.path().join("profiles"), folder.path().join("mine")).unwrap();
    let error = run(&folder, &arguments).error(2);
    assert_eq!(error["setting"], "provider");
    write(
        &config,
        &format!("profiles = [\"mine/acme.toml\"]\n{connection}"),
    );
    assert_eq!(run(&folder, &arguments).json()["url"], url);
    assert_eq!(
        run(&folder, &["providers", "acme", "--json"]).json()[0]["id"],
        "acme"
    );
}
