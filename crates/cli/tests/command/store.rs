//! `store`: lists, shows, moves, encrypts and checks records.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{FileStore, KeyRing, Lease, Owner, SealedStore, Store, StoreKey, Swap};
use serde_json::Value;

use crate::setup::{Run, Setup};

/// A connection whose grant only a person can renew.
pub(crate) const NAME: &str = "docusign-refresh";

/// Returns a setup with a stored token, and the secrets that must not be printed.
pub(crate) fn with_token(store: &str) -> (Setup, Vec<String>) {
    let setup = Setup::new();
    setup.config(NAME, &[("store", store)]);
    let token = setup.run(["token", NAME, "--json"]).json();
    assert_eq!(token["source"], "refreshed");
    let mut secrets = vec![token["access_token"].as_str().unwrap().to_owned()];
    let shown = setup
        .run(["store", "show", NAME, "--json", "--reveal"])
        .json();
    assert_eq!(shown[0]["access_token"].as_str().unwrap(), secrets[0]);
    secrets.push(shown[0]["refresh_token"].as_str().unwrap().to_owned());
    (setup, secrets)
}

#[track_caller]
pub(crate) fn assert_hidden(secrets: &[String], run: &Run) {
    for secret in secrets {
        let seen = run.stdout.contains(secret) || run.stderr.contains(secret);
        assert!(!seen, "{secret} is printed: {run:?}");
    }
}

/// Returns the connection's token, which must come from the store.
#[track_caller]
pub(crate) fn stored_token(setup: &Setup) -> String {
    let token = setup.run(["token", NAME, "--json"]).json();
    assert_eq!(token["source"], "store", "{token}");
    token["access_token"].as_str().unwrap().to_owned()
}

fn records(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let is_record = |path: &PathBuf| path.extension().is_some_and(|end| end == "rec");
    paths.filter(is_record).collect()
}

fn contents(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

#[track_caller]
pub(crate) fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report.as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report}"))
}

pub(crate) fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"))
}

pub(crate) fn new_key(seed: u8) -> String {
    STANDARD.encode([seed; 32])
}

#[test]
fn list_and_show_print_records_but_secrets_only_with_reveal() {
    let (setup, secrets) = with_token("file:tokens");
    for arguments in [
        &["store", "list"][..],
        &["store", "list", "--json", "-vv"],
        &["store", "list", "--store", "file:tokens"],
        &["store", "show", NAME],
        &["store", "show", NAME, "--json"],
        &["store", "show", NAME, "-vv"],
        &["store", "doctor"],
        &["store", "doctor", NAME, "--json"],
        &["store", "export", "-"],
        &["store", "export", "out.json", "--json"],
        &["store", "import", "out.json"],
        &["store", "rekey"],
    ] {
        let run = setup.run(arguments);
        assert_hidden(&secrets, &run);
    }
    let listed = setup.run(["store", "list", "--json"]).json();
    let [one] = listed.as_array().unwrap().as_slice() else {
        panic!("{listed}");
    };
    assert_eq!(one["connection"], NAME);
    assert_eq!(one["state"], "valid");
    assert_eq!(one["generation"], 1);
    assert_eq!(one["encrypted"], false);
    assert!(one["expires_at"].is_i64());
    let text = setup.run(["store", "list"]).succeeded().stdout;
    assert!(
        text.starts_with("CONNECTION") && text.contains(NAME),
        "{text}"
    );

    let shown = setup.run(["store", "show", NAME, "--json"]).json();
    let shown = &shown[0];
    assert_eq!(shown["access_token"], Value::Null);
    assert_eq!(shown["refresh_token"], Value::Null);
    assert_eq!(shown["holds"][1], "refresh_token");
    let events = shown["events"].as_array().unwrap();
    let last = events.last().unwrap();
    assert_eq!(last["what"], "refreshed");
    assert_eq!(last["got"], shown["refresh_fingerprint"]);
    let text = setup.run(["store", "show", NAME]).succeeded().stdout;
    assert!(
        text.contains("use --reveal to show it") && text.contains("refreshed, by"),
        "{text}"
    );
    let text = setup
        .run(["store", "show", NAME, "--reveal"])
        .succeeded()
        .stdout;
    assert!(secrets.iter().all(|secret| text.contains(secret)), "{text}");

    let nothing = setup.run([
        "store",
        "show",
        "nobody",
        "--store",
        "file:tokens",
        "--json",
    ]);
    assert_eq!(nothing.error(3)["kind"], "no_token");
}

#[test]
fn reading_a_missing_store_does_not_create_it() {
    let setup = Setup::new();
    setup.config(NAME, &[]);
    assert_eq!(
        setup.run(["store", "list", "--json"]).json(),
        Value::Array(vec![])
    );
    let warned = setup.run(["store", "doctor", "--json"]).json();
    assert_eq!(check(&warned, "store")["status"], "warn");
    for arguments in [
        ["store", "list", "--store", "file:tokens", "--json"],
        ["store", "doctor", "--store", "file:tokens", "--json"],
    ] {
        assert_eq!(setup.run(arguments).code, 2);
    }
    assert!(!setup.dir.path().join("tokens").exists());
    setup.config(NAME, &[("store", "memory")]);
    let error = setup.run(["store", "show", NAME, "--json"]).error(2);
    assert_eq!(error["setting"], "store");
    let error = setup.run(["store", "show", "nobody", "--json"]).error(2);
    let message = error["message"].as_str().unwrap();
    assert_eq!(message.matches("nobody").count(), 1, "{message}");
}

#[test]
fn an_exported_grant_can_be_imported_and_refreshed() {
    let (setup, secrets) = with_token("file:tokens");
    let rejected = setup.run(["store", "export", "-", "--json"]).error(2);
    assert!(rejected["hint"].as_str().unwrap().contains("--reveal"));
    setup.run(["store", "export", "out.json"]).succeeded();
    let exported = setup.dir.path().join("out.json");
    assert!(contents(&exported).contains(&secrets[1]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&exported).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = setup
        .run(["store", "export", "out.json", "--json"])
        .error(2);
    assert!(again["message"].as_str().unwrap().contains("out.json"));
    let other = setup.run([
        "store",
        "export",
        "two.json",
        NAME,
        "nobody",
        "--store",
        "file:tokens",
    ]);
    assert_eq!(other.code, 2, "{other:?}");
    assert!(!setup.dir.path().join("two.json").exists());

    // The configuration determines each record's store.
    setup.config(NAME, &[("store", "file:elsewhere")]);
    let reported = setup.run(["store", "import", "out.json", "--json"]).json();
    assert_eq!(reported[0]["outcome"], "imported");
    assert_eq!(stored_token(&setup), secrets[0]);
    let reported = setup.run(["store", "import", "out.json", "--json"]).json();
    assert_eq!(reported[0]["outcome"], "same");
    // The imported refresh token works.
    let refreshed = setup.run(["token", NAME, "--json", "--force"]).json();
    assert_eq!(refreshed["source"], "refreshed");
}

#[test]
fn an_import_replaces_a_newer_record_only_with_force() {
    let (setup, secrets) = with_token("file:tokens");
    setup.run(["store", "export", "old.json"]).succeeded();
    let newer = setup.run(["token", NAME, "--json", "--force"]).json();
    let newer = newer["access_token"].as_str().unwrap();
    let run = setup.run(["store", "import", "old.json"]).succeeded();
    assert!(
        run.stdout.contains("not imported") && run.stdout.contains("generation 2"),
        "{run:?}"
    );
    assert!(run.stderr.contains("--force"), "{run:?}");
    assert_eq!(stored_token(&setup), newer);
    let reported = setup
        .run(["store", "import", "old.json", "--force", "--json"])
        .json();
    assert_eq!(reported[0]["outcome"], "replaced");
    assert_eq!(reported[0]["store_generation"], 2);
    assert_eq!(stored_token(&setup), secrets[0]);
}

#[test]
fn an_invalid_export_changes_nothing_and_is_not_quoted() {
    let (setup, _) = with_token("file:tokens");
    setup.run(["store", "export", "out.json"]).succeeded();
    let good = contents(&setup.dir.path().join("out.json"));
    let unreadable = good.replace("\"format\":1", "\"format\":7");
    let renamed = good.replace("countersign_export\":1", "countersign_export\":2");
    let cut = &good[..good.len() / 2];
    let two = good.replacen("\"key\":\"", "\"key\":\"zz", 1);
    for bad in [unreadable.as_str(), &renamed, cut, &two, "canary-token", ""] {
        setup.write("bad.json", bad);
        let run = setup.run([
            "store", "import", "bad.json", "--store", "file:new", "--json",
        ]);
        run.error(2);
        assert!(!run.stderr.contains("canary"), "{run:?}");
    }
    assert!(!setup.dir.path().join("new").exists());
}

#[test]
fn rekey_encrypts_a_store_and_changes_its_key() {
    let (setup, secrets) = with_token("file:tokens");
    let folder = setup.dir.path().join("tokens");
    let [record] = &records(&folder)[..] else {
        panic!("one record");
    };
    let missing = setup.run(["store", "rekey", NAME, "--json"]).error(2);
    assert_eq!(missing["setting"], "store_key");
    assert!(contents(record).contains(&secrets[1]));

    let (one, two) = (new_key(1), new_key(2));
    setup.write("one", &one);
    setup.config(NAME, &[("store_key_file", "one")]);
    let report_before = setup.run(["store", "doctor", "--json"]);
    assert_eq!(
        report_before.code, 2,
        "unencrypted with a store_key: {report_before:?}"
    );
    let rejected = setup.run(["token", NAME, "--json"]).error(2);
    let hint = rejected["hint"].as_str().unwrap();
    let command = format!("run `countersign store rekey {NAME}`");
    assert!(hint.contains(&command), "{hint}");
    // Another user may have written an unencrypted record: it is printed, and not encrypted.
    let run = setup.run(["store", "rekey"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("--seal-plain"), "{run:?}");
    assert!(run.stdout.contains(&format!("{NAME} (")), "{run:?}");
    assert!(
        run.stdout.contains("refresh token: hidden (fingerprint"),
        "{run:?}"
    );
    assert!(!secrets.iter().any(|secret| run.stdout.contains(secret)));
    assert!(contents(record).contains(&secrets[1]));
    let reported = setup
        .run(["store", "rekey", "--json", "--seal-plain"])
        .json();
    assert_eq!(reported[0]["sealed_plain"][0]["connection"], NAME);
    assert_eq!(reported[0]["left_plain"], serde_json::json!([]));
    assert!(!contents(record).contains(&secrets[1]));
    assert_eq!(stored_token(&setup), secrets[0]);
    let listed = setup.run(["store", "list", "--json"]).json();
    assert_eq!(listed[0]["encrypted"], true);

    setup.write("both", &format!("{two}\n{one}\n"));
    setup.config(NAME, &[("store_key_file", "both")]);
    assert_eq!(stored_token(&setup), secrets[0]);
    let reported = setup.run(["store", "rekey", NAME, "--json"]).json();
    assert_eq!(reported[0]["sealed"], 1);
    let reported = setup.run(["store", "rekey", NAME, "--json"]).json();
    assert_eq!(reported[0]["already"], 1);

    setup.write("two", &two);
    setup.config(NAME, &[("store_key_file", "two")]);
    assert_eq!(stored_token(&setup), secrets[0]);
    setup.config(NAME, &[("store_key_file", "one")]);
    let error = setup.run(["store", "show", NAME, "--json"]).error(2);
    assert_eq!(error["setting"], "store_key");
    let doctor = setup.run(["store", "doctor", "--json"]);
    assert_eq!(doctor.code, 2);
    assert_eq!(check(&report(&doctor), "round trip")["status"], "ok");
    assert_eq!(setup.run(["store", "export", "none.json"]).code, 2);
    assert!(!setup.dir.path().join("none.json").exists());

    // With --store, and without encryption again.
    let mut export = setup.command(["store", "export", "plain.json", "--store", "file:tokens"]);
    let export = export.args(["--store-key-env", "KEYS"]).env("KEYS", &two);
    Run::of(export, "").succeeded();
    let import = ["store", "import", "plain.json", "--store", "file:plain"];
    setup.run(import).succeeded();
    setup.config(NAME, &[("store", "file:plain")]);
    assert_eq!(stored_token(&setup), secrets[0]);
}

#[test]
fn rekey_keeps_what_is_no_record_readable() {
    let (setup, _) = with_token("file:tokens");
    let (one, two) = (new_key(1), new_key(2));
    let below = || Arc::new(FileStore::open(setup.dir.path().join("tokens")).unwrap());
    let sealed = |key: &str| SealedStore::new(below(), KeyRing::parse(key).unwrap());
    let (entry, planted) = (StoreKey::of(["entry"]), StoreKey::of(["planted"]));
    let value = br#"{"countersign":"login-keys","connection":"a","made_ms":0,"keys":[]}"#;
    let swap = sealed(&one).compare_and_swap(&entry, None, None, value);
    assert!(matches!(swap, Swap::Applied(1)), "{swap:?}");
    let swap = below().compare_and_swap(&planted, None, None, value);
    assert!(matches!(swap, Swap::Applied(1)), "{swap:?}");

    setup.write("both", &format!("{two}\n{one}\n"));
    setup.config(NAME, &[("store_key_file", "both")]);
    setup.run(["store", "rekey", "--seal-plain"]).succeeded();
    let stored = sealed(&two).load(&entry).unwrap().unwrap();
    assert_eq!(stored.value.unwrap().as_slice(), value);
    // Whoever wrote this one has the key in it, so it is not encrypted but removed.
    assert!(below().load(&planted).unwrap().unwrap().value.is_none());
}

#[test]
fn rekey_rejects_connections_that_share_a_store_with_different_keys() {
    let (setup, _) = with_token("file:tokens");
    let path = setup.config(NAME, &[("store_key", &new_key(1))]);
    let own = contents(&path);
    let other = "\n[connections.other]\nprovider = \"docusign\"\nstore = \"file:tokens\"\n";
    setup.write("countersign.toml", &(own + other));
    let before = contents(&records(&setup.dir.path().join("tokens"))[0]);
    let error = setup.run(["store", "rekey", "--json"]).error(2);
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("other") && message.contains(NAME),
        "{message}"
    );
    assert_eq!(
        contents(&records(&setup.dir.path().join("tokens"))[0]),
        before
    );
}

#[test]
fn the_doctor_reports_damaged_exposed_and_ended_records() {
    let (setup, _) = with_token("file:tokens");
    let folder = setup.dir.path().join("tokens");
    let record = records(&folder).remove(0);
    let healthy = setup.run(["store", "doctor", "--json"]).json();
    let all = healthy.as_array().unwrap();
    assert!(all.iter().all(|check| check["status"] == "ok"), "{healthy}");
    let guarantees = check(&healthy, "guarantees")["detail"].as_str().unwrap();
    assert!(guarantees.contains("survives a power cut"), "{guarantees}");
    assert_eq!(
        setup
            .run(["store", "list", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&record, fs::Permissions::from_mode(0o644)).unwrap();
        let exposed = setup.run(["store", "doctor", "--json"]);
        assert_eq!(exposed.code, 2);
        assert_eq!(check(&report(&exposed), "permissions")["status"], "FAIL");
        fs::set_permissions(&record, fs::Permissions::from_mode(0o600)).unwrap();
    }

    // A refresh that started two hours ago, and a grant that has ended.
    let key = StoreKey::from_hex(record.file_stem().unwrap().to_str().unwrap()).unwrap();
    let store = FileStore::open(&folder).unwrap();
    let change = |member: &str, value: Value| {
        let stored = store.load(&key).unwrap().unwrap();
        let mut json: Value = serde_json::from_slice(&stored.value.unwrap()).unwrap();
        json[member] = value;
        let bytes = serde_json::to_vec(&json).unwrap();
        let swap = store.compare_and_swap(&key, Some(stored.version), None, &bytes);
        assert!(matches!(swap, Swap::Applied(_)));
    };
    let long_ago = store.now_ms().unwrap() - 2 * 60 * 60 * 1000;
    change(
        "attempt",
        serde_json::json!({
            "id": "a1", "by": "host:1:x", "spends": "f", "started_ms": long_ago,
            "deadline_ms": long_ago, "ambiguous": true, "replay_of": null,
        }),
    );
    let pending = setup.run(["store", "doctor", "--json"]).json();
    assert!(
        check(&pending, "grants")["detail"]
            .as_str()
            .unwrap()
            .contains("2 h ago")
    );
    let shown = setup.run(["store", "show", NAME, "--json"]).json();
    assert_eq!(shown[0]["state"], "pending");
    assert_eq!(shown[0]["attempt"]["id"], "a1");
    change(
        "ended",
        serde_json::json!({
            "token": "f", "at_ms": long_ago, "lost_attempt": null, "by": "host:1:x",
            "message": "rejected: invalid_grant", "oauth_error": null, "oauth_description": null, "http_status": 400,
        }),
    );
    let ended = setup.run(["store", "doctor", "--json"]).json();
    let fix = check(&ended, "grants")["fix"].as_str().unwrap();
    assert_eq!(fix, format!("countersign login {NAME}"));

    fs::write(&record, "countersign-record 1 torn").unwrap();
    let damaged = report(&setup.run(["store", "doctor", "--json"]));
    assert_eq!(check(&damaged, "records")["status"], "FAIL");
    let after = report(&setup.run(["store", "doctor", "--json"]).succeeded());
    assert_eq!(check(&after, "damaged")["status"], "warn");
}

#[test]
fn the_doctor_tries_the_lease_of_a_named_connection() {
    let (setup, _) = with_token("file:tokens");
    let folder = setup.dir.path().join("tokens");
    let key = records(&folder).remove(0);
    let key = StoreKey::from_hex(key.file_stem().unwrap().to_str().unwrap()).unwrap();
    let free = setup.run(["store", "doctor", NAME, "--json"]).json();
    assert_eq!(check(&free, "lease")["status"], "ok", "{free}");
    let store = FileStore::open(&folder).unwrap();
    let owner = Owner::of_this_process("hangs");
    let lease = store.lease(&key, &owner, Duration::from_secs(60)).unwrap();
    let Lease::Granted { fence, .. } = lease else {
        panic!("{lease:?}");
    };
    let held = setup.run(["store", "doctor", NAME, "--json"]);
    assert_eq!(held.code, 4);
    let held = report(&held);
    let detail = check(&held, "lease")["detail"].as_str().unwrap();
    let holder = format!("{NAME}: process {} on ", std::process::id());
    assert!(detail.starts_with(&holder), "{detail}");
    assert!(detail.contains(" since 20"), "{detail}");
    assert!(store.release(&key, &owner, fence).unwrap());
    setup.run(["store", "doctor", NAME]).succeeded();
}

#[test]
fn a_token_in_the_fallback_store_moves_to_the_store() {
    let (setup, _) = with_token("file:tokens");
    setup.run(["store", "export", "1.json"]).succeeded();
    setup.run(["token", NAME, "--force"]).succeeded();
    setup.run(["store", "export", "2.json"]).succeeded();
    // As if the store had rejected the second one, and it went to the fallback store.
    setup
        .run(["store", "import", "1.json", "--force"])
        .succeeded();
    let fallback = "file:.local/state/countersign/fallback";
    setup
        .run(["store", "import", "2.json", "--store", fallback])
        .succeeded();
    setup.run(["token", NAME, "--force"]).succeeded();
    let shown = setup.run(["store", "show", NAME, "--json"]).json();
    assert_eq!(shown[0]["generation"], 3);
    let events = shown[0]["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["what"] == "recovered"));
    let left = setup.run(["store", "list", "--store", fallback, "--json"]);
    assert_eq!(left.json(), Value::Array(vec![]));
}

#[cfg(unix)]
#[test]
fn a_fallback_store_with_records_or_errors_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let (setup, _) = with_token("file:tokens");
    let fallback = setup.dir.path().join(".local/state/countersign/fallback");
    let mode = fs::metadata(&fallback).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let record = records(&setup.dir.path().join("tokens")).remove(0);
    let key = StoreKey::from_hex(record.file_stem().unwrap().to_str().unwrap()).unwrap();
    let store = FileStore::open(&fallback).unwrap();
    assert!(matches!(
        store.compare_and_swap(&key, None, None, b"{}"),
        Swap::Applied(1)
    ));
    let warned = setup.run(["store", "doctor", "--json"]).json();
    assert!(
        check(&warned, "fallback store")["detail"]
            .as_str()
            .unwrap()
            .starts_with("1 tokens in ")
    );

    // A fallback store that can't be opened is logged with -v, and no failure.
    fs::set_permissions(&fallback, fs::Permissions::from_mode(0o755)).unwrap();
    let run = setup.run(["token", NAME, "-v"]).succeeded();
    assert!(run.stderr.contains("# no fallback store: "), "{run:?}");
    let elsewhere = setup.dir.path().join("state");
    let mut moved = setup.command(["token", NAME]);
    Run::of(moved.env("XDG_STATE_HOME", &elsewhere), "").succeeded();
    assert!(elsewhere.join("countersign/fallback").is_dir());
}
