//! `store` with several records of the same connection name.

use std::fs;

use serde_json::{Value, json};

use crate::setup::{Run, Setup, command};

const NAME: &str = "docusign-refresh";

/// Returns a setup with a stored token.
fn with_token() -> Setup {
    let setup = Setup::new();
    setup.config(NAME, &[("store", "file:tokens")]);
    setup.run(["token", NAME, "--json"]).json();
    setup
}

/// Exports the store, and writes the export with a change to this file.
fn export(setup: &Setup, name: &str, change: impl Fn(&mut Value)) -> Value {
    setup.run(["store", "export", "as-is.json"]).succeeded();
    let as_is = setup.dir.path().join("as-is.json");
    let mut exported: Value = serde_json::from_slice(&fs::read(&as_is).unwrap()).unwrap();
    fs::remove_file(as_is).unwrap();
    change(&mut exported["records"][0]);
    setup.write(name, &exported.to_string());
    exported["records"][0].clone()
}

/// Makes the record one of another tenant, with another key.
fn of_another_tenant(record: &mut Value) {
    record["key"] = "ab".repeat(32).into();
    record["record"]["settings"]["client_id"] = "another-app".into();
}

fn shown(setup: &Setup) -> Vec<Value> {
    let shown = setup.run(["store", "show", NAME, "--json"]).json();
    shown.as_array().unwrap().clone()
}

#[test]
fn an_import_replaces_another_login_only_with_replace() {
    let setup = with_token();
    let ours = shown(&setup)[0]["grant"].clone();
    type Change = fn(&mut Value);
    let others: [(Change, &str); 4] = [
        (|r| r["record"]["grant"] = json!("another"), "grant another"),
        (
            |r| r["record"]["grant"] = Value::Null,
            "does not say which login",
        ),
        (
            |r| r["record"]["settings"]["client_id"] = json!("app2"),
            "client_id=app2",
        ),
        (
            |r| r["record"]["connection"] = json!("other"),
            "connection `other`",
        ),
    ];
    for (change, difference) in others {
        export(&setup, "other.json", |record| {
            change(record);
            record["record"]["generation"] = 99.into();
            record["record"]["refresh_token"] = "of-another".into();
        });
        for force in [&[][..], &["--force"]] {
            let import = [
                "store",
                "import",
                "other.json",
                "--store",
                "file:tokens",
                "--json",
            ];
            let error = setup.run([&import[..], force].concat()).error(2);
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(difference), "{difference}: {message}");
            assert!(error["hint"].as_str().unwrap().contains("--replace"));
        }
        let there = &shown(&setup)[0];
        assert_eq!((&there["grant"], &there["generation"]), (&ours, &json!(1)));
    }
    // With --replace it is imported whatever its generation, with a warning.
    export(&setup, "other.json", |record| {
        record["record"]["grant"] = json!("another");
        record["record"]["generation"] = 0.into();
    });
    let run = setup.run(["store", "import", "other.json", "--replace"]);
    let run = run.succeeded();
    assert!(run.stderr.contains("was not revoked"), "{run:?}");
    assert!(run.stdout.contains("replaced another login"), "{run:?}");
    assert_eq!(shown(&setup)[0]["grant"], "another");
}

#[test]
fn an_import_does_not_bring_back_a_token_that_was_logged_out() {
    let setup = with_token();
    export(&setup, "newer.json", |record| {
        record["record"]["generation"] = 7.into();
    });
    export(&setup, "out.json", |record| {
        record["record"]["logged_out"] = true.into();
        record["record"]["generation"] = 2.into();
    });
    setup.run(["store", "import", "out.json"]).succeeded();
    let error = setup
        .run(["store", "import", "newer.json", "--json"])
        .error(2);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("logged out"), "{message}");
}

#[test]
fn records_of_the_same_name_are_shown_with_their_differences() {
    let setup = with_token();
    let exported = export(&setup, "other.json", of_another_tenant);
    let client_id = exported["record"]["settings"]["environment"].as_str();
    assert!(client_id.is_some(), "{exported}");
    setup.run(["store", "import", "other.json"]).succeeded();

    let listed = setup.run(["store", "list"]).succeeded().stdout;
    assert!(listed.contains("client_id=another-app"), "{listed}");
    assert!(listed.contains("abababababab"), "{listed}");
    assert!(
        !listed.contains("environment="),
        "only what differs: {listed}"
    );
    let json = setup.run(["store", "list", "--json"]).json();
    let of = |listed: &Value| listed["settings"]["client_id"].as_str().map(str::to_owned);
    let ids: Vec<_> = json.as_array().unwrap().iter().map(of).collect();
    assert_eq!(ids.len(), 2);
    assert!(
        ids[0] != ids[1] && ids.iter().all(Option::is_some),
        "{json}"
    );

    // A name selects all of them, and says which one is in use.
    let both = shown(&setup);
    assert_eq!(both.len(), 2);
    let mut in_use: Vec<_> = both.iter().map(|one| one["current"].as_bool()).collect();
    in_use.sort_unstable();
    assert_eq!(in_use, [Some(false), Some(true)]);
    let text = setup.run(["store", "show", NAME]).succeeded().stdout;
    assert!(text.contains("setting client_id: another-app"), "{text}");
    assert_eq!(text.matches("in use: ").count(), 2, "{text}");
    // The beginning of a key selects one.
    let one = setup.run(["store", "show", "abababab", "--json"]).json();
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert_eq!(one[0]["settings"]["client_id"], "another-app");
    let error = setup.run(["store", "show", "cdcdcdcd", "--json"]).error(2);
    assert!(error["message"].as_str().unwrap().contains("cdcdcdcd"));

    setup
        .run(["store", "export", "one.json", "abababab"])
        .succeeded();
    let one: Value =
        serde_json::from_slice(&fs::read(setup.dir.path().join("one.json")).unwrap()).unwrap();
    assert_eq!(one["records"].as_array().unwrap().len(), 1);
}

#[test]
fn the_doctor_says_which_record_it_reports() {
    let setup = with_token();
    export(&setup, "other.json", |record| {
        of_another_tenant(record);
        record["record"]["logged_out"] = true.into();
    });
    setup.run(["store", "import", "other.json"]).succeeded();
    let run = setup.run(["store", "doctor", NAME, "--json"]);
    let report: Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    let of = |name: &str| {
        let checks = report.as_array().unwrap().iter();
        let of_it = checks.filter(|check| check["check"] == name || check["name"] == name);
        let details = of_it.map(|check| check["detail"].as_str().unwrap().to_owned());
        details.collect::<Vec<_>>()
    };
    let grants = of("grants");
    assert!(grants[0].contains("client_id=another-app"), "{report}");
    let leases = of("lease");
    assert_eq!(leases.len(), 2, "{report}");
    assert_ne!(leases[0], leases[1]);
}

#[test]
fn no_command_creates_a_store_that_must_exist() {
    let setup = with_token();
    setup.run(["store", "export", "out.json"]).succeeded();
    fs::rename(
        setup.dir.path().join("tokens"),
        setup.dir.path().join("unmounted"),
    )
    .unwrap();
    setup.config(NAME, &[("store", "file:tokens"), ("store_create", "false")]);
    for arguments in [
        &["store", "import", "out.json"][..],
        &["store", "import", "out.json", "--store", "file:tokens"],
        &["store", "list"],
        &["store", "show", NAME],
        &["store", "export", "again.json"],
        &["store", "rekey", NAME],
        &["store", "doctor", NAME],
        &["token", NAME],
        &["token", NAME, "--force"],
        &["logout", NAME],
        &["logout", NAME, "--force"],
        &["doctor", NAME],
        &["exec", NAME, "--", "true"],
    ] {
        let run = setup.run(arguments);
        assert!(
            !setup.dir.path().join("tokens").exists(),
            "{arguments:?}: {run:?}"
        );
    }
    let error = setup
        .run(["store", "import", "out.json", "--json"])
        .error(2);
    assert_eq!(error["setting"], "store", "{error}");
    // After mounting it again, it is the same store.
    fs::rename(
        setup.dir.path().join("unmounted"),
        setup.dir.path().join("tokens"),
    )
    .unwrap();
    let token = setup.run(["token", NAME, "--json"]).json();
    assert_eq!(token["source"], "store");
}

/// Checks that `store list` creates no tables.
pub(crate) fn assert_listing_creates_no_tables(url: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut list = command(dir.path());
    list.args(["store", "list", "--json", "--store", url]);
    let run = Run::of(&mut list, "");
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("has no countersign tables"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn an_export_that_other_users_can_write_is_not_imported() {
    use std::os::unix::fs::PermissionsExt;
    let setup = with_token();
    setup.run(["store", "export", "out.json"]).succeeded();
    let path = setup.dir.path().join("out.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let error = setup
        .run(["store", "import", "out.json", "--force", "--json"])
        .error(2);
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("chmod go-w"), "{error}");
}
