//! `store`: what is kept, listed, shown, moved, encrypted and checked; with real servers, too.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::{FileStore, Lease, Owner, Store, StoreKey, Swap};
use countersign_store_conformance::servers::{PostgresServer, RedisServer};
use serde_json::Value;

use crate::house::{House, Run};

/// A connection whose grant only a person could renew.
const NAME: &str = "docusign-refresh";

/// A house in which a token was got and kept, and the secrets that must not be seen.
fn kept(store: &str) -> (House, Vec<String>) {
    let house = House::new();
    house.config(NAME, &[("store", store)]);
    let got = house.run(["token", NAME, "--json"]).json();
    assert_eq!(got["source"], "refreshed");
    let mut secrets = vec![got["access_token"].as_str().unwrap().to_owned()];
    let shown = house
        .run(["store", "show", NAME, "--json", "--reveal"])
        .json();
    assert_eq!(shown[0]["access_token"].as_str().unwrap(), secrets[0]);
    secrets.push(shown[0]["refresh_token"].as_str().unwrap().to_owned());
    (house, secrets)
}

#[track_caller]
fn assert_hidden(secrets: &[String], run: &Run) {
    for secret in secrets {
        let seen = run.stdout.contains(secret) || run.stderr.contains(secret);
        assert!(!seen, "{secret} is shown: {run:?}");
    }
}

/// The token that the house has, which must come from the store.
#[track_caller]
fn stored_token(house: &House) -> String {
    let token = house.run(["token", NAME, "--json"]).json();
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
fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report.as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report}"))
}

fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"))
}

fn new_key(seed: u8) -> String {
    STANDARD.encode([seed; 32])
}

#[test]
fn what_is_kept_is_listed_and_shown_and_secrets_only_when_asked_for() {
    let (house, secrets) = kept("file:tokens");
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
        let run = house.run(arguments);
        assert_hidden(&secrets, &run);
    }
    let listed = house.run(["store", "list", "--json"]).json();
    let [one] = listed.as_array().unwrap().as_slice() else {
        panic!("{listed}");
    };
    assert_eq!(one["connection"], NAME);
    assert_eq!(one["state"], "valid");
    assert_eq!(one["generation"], 1);
    assert_eq!(one["encrypted"], false);
    assert!(one["expires_at"].is_i64());
    let text = house.run(["store", "list"]).succeeded().stdout;
    assert!(
        text.starts_with("CONNECTION") && text.contains(NAME),
        "{text}"
    );

    let shown = house.run(["store", "show", NAME, "--json"]).json();
    let shown = &shown[0];
    assert_eq!(shown["access_token"], Value::Null);
    assert_eq!(shown["refresh_token"], Value::Null);
    assert_eq!(shown["holds"][1], "refresh_token");
    let events = shown["events"].as_array().unwrap();
    let last = events.last().unwrap();
    assert_eq!(last["what"], "refreshed");
    assert_eq!(last["got"], shown["refresh_fingerprint"]);
    let text = house.run(["store", "show", NAME]).succeeded().stdout;
    assert!(
        text.contains("shown with --reveal") && text.contains("refreshed, by"),
        "{text}"
    );
    let text = house
        .run(["store", "show", NAME, "--reveal"])
        .succeeded()
        .stdout;
    assert!(secrets.iter().all(|secret| text.contains(secret)), "{text}");

    let nothing = house.run([
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
fn looking_makes_nothing_and_says_what_is_not_there() {
    let house = House::new();
    house.config(NAME, &[]);
    assert_eq!(
        house.run(["store", "list", "--json"]).json(),
        Value::Array(vec![])
    );
    let warned = house.run(["store", "doctor", "--json"]).json();
    assert_eq!(check(&warned, "store")["status"], "warn");
    for arguments in [
        ["store", "list", "--store", "file:tokens", "--json"],
        ["store", "doctor", "--store", "file:tokens", "--json"],
    ] {
        assert_eq!(house.run(arguments).code, 2);
    }
    assert!(!house.dir.path().join("tokens").exists());
    house.config(NAME, &[("store", "memory")]);
    let error = house.run(["store", "show", NAME, "--json"]).error(2);
    assert_eq!(error["setting"], "store");
    let error = house.run(["store", "show", "nobody", "--json"]).error(2);
    let message = error["message"].as_str().unwrap();
    assert_eq!(message.matches("nobody").count(), 1, "{message}");
}

#[test]
fn an_export_is_taken_by_another_store_and_works_there() {
    let (house, secrets) = kept("file:tokens");
    let refused = house.run(["store", "export", "-", "--json"]).error(2);
    assert!(refused["hint"].as_str().unwrap().contains("--reveal"));
    house.run(["store", "export", "out.json"]).succeeded();
    let exported = house.dir.path().join("out.json");
    assert!(contents(&exported).contains(&secrets[1]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&exported).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = house
        .run(["store", "export", "out.json", "--json"])
        .error(2);
    assert!(again["message"].as_str().unwrap().contains("out.json"));
    let other = house.run([
        "store",
        "export",
        "two.json",
        NAME,
        "nobody",
        "--store",
        "file:tokens",
    ]);
    assert_eq!(other.code, 2, "{other:?}");
    assert!(!house.dir.path().join("two.json").exists());

    // Where each record goes, the configuration says.
    house.config(NAME, &[("store", "file:elsewhere")]);
    let told = house.run(["store", "import", "out.json", "--json"]).json();
    assert_eq!(told[0]["outcome"], "imported");
    assert_eq!(stored_token(&house), secrets[0]);
    let told = house.run(["store", "import", "out.json", "--json"]).json();
    assert_eq!(told[0]["outcome"], "same");
    // And it is no dead copy: the refresh token goes on from there.
    let refreshed = house.run(["token", NAME, "--json", "--force"]).json();
    assert_eq!(refreshed["source"], "refreshed");
}

#[test]
fn what_is_newer_is_never_overwritten_unless_forced() {
    let (house, secrets) = kept("file:tokens");
    house.run(["store", "export", "old.json"]).succeeded();
    let newer = house.run(["token", NAME, "--json", "--force"]).json();
    let newer = newer["access_token"].as_str().unwrap();
    let run = house.run(["store", "import", "old.json"]).succeeded();
    assert!(
        run.stdout.contains("left as it is") && run.stdout.contains("generation 2"),
        "{run:?}"
    );
    assert!(run.stderr.contains("--force"), "{run:?}");
    assert_eq!(stored_token(&house), newer);
    let told = house
        .run(["store", "import", "old.json", "--force", "--json"])
        .json();
    assert_eq!(told[0]["outcome"], "replaced");
    assert_eq!(told[0]["store_generation"], 2);
    assert_eq!(stored_token(&house), secrets[0]);
}

#[test]
fn a_file_that_is_no_export_changes_nothing_and_is_not_repeated() {
    let (house, _) = kept("file:tokens");
    house.run(["store", "export", "out.json"]).succeeded();
    let good = contents(&house.dir.path().join("out.json"));
    let unreadable = good.replace("\"format\":1", "\"format\":7");
    let renamed = good.replace("countersign_export\":1", "countersign_export\":2");
    let cut = &good[..good.len() / 2];
    let two = good.replacen("\"key\":\"", "\"key\":\"zz", 1);
    for bad in [unreadable.as_str(), &renamed, cut, &two, "canary-token", ""] {
        house.write("bad.json", bad);
        let run = house.run([
            "store", "import", "bad.json", "--store", "file:new", "--json",
        ]);
        run.error(2);
        assert!(!run.stderr.contains("canary"), "{run:?}");
    }
    assert!(!house.dir.path().join("new").exists());
}

#[test]
fn a_store_is_encrypted_and_then_under_another_key() {
    let (house, secrets) = kept("file:tokens");
    let folder = house.dir.path().join("tokens");
    let [record] = &records(&folder)[..] else {
        panic!("one record");
    };
    let missing = house.run(["store", "rekey", NAME, "--json"]).error(2);
    assert_eq!(missing["setting"], "store_key");
    assert!(contents(record).contains(&secrets[1]));

    let (one, two) = (new_key(1), new_key(2));
    house.write("one", &one);
    house.config(NAME, &[("store_key_file", "one")]);
    let report_before = house.run(["store", "doctor", "--json"]);
    assert_eq!(
        report_before.code, 2,
        "plain under a store_key: {report_before:?}"
    );
    let refused = house.run(["token", NAME, "--json"]).error(2);
    let hint = refused["hint"].as_str().unwrap();
    let command = format!("run `countersign store rekey {NAME}`");
    assert!(hint.contains(&command), "{hint}");
    // What is not encrypted may be planted: it is shown, and left as it is.
    let run = house.run(["store", "rekey"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("--seal-plain"), "{run:?}");
    assert!(run.stdout.contains(&format!("{NAME} (")), "{run:?}");
    assert!(
        run.stdout.contains("refresh token: kept (fingerprint"),
        "{run:?}"
    );
    assert!(!secrets.iter().any(|secret| run.stdout.contains(secret)));
    assert!(contents(record).contains(&secrets[1]));
    let told = house
        .run(["store", "rekey", "--json", "--seal-plain"])
        .json();
    assert_eq!(told[0]["sealed_plain"][0]["connection"], NAME);
    assert_eq!(told[0]["left_plain"], serde_json::json!([]));
    assert!(!contents(record).contains(&secrets[1]));
    assert_eq!(stored_token(&house), secrets[0]);
    let listed = house.run(["store", "list", "--json"]).json();
    assert_eq!(listed[0]["encrypted"], true);

    house.write("both", &format!("{two}\n{one}\n"));
    house.config(NAME, &[("store_key_file", "both")]);
    assert_eq!(stored_token(&house), secrets[0]);
    let told = house.run(["store", "rekey", NAME, "--json"]).json();
    assert_eq!(told[0]["sealed"], 1);
    let told = house.run(["store", "rekey", NAME, "--json"]).json();
    assert_eq!(told[0]["already"], 1);

    house.write("two", &two);
    house.config(NAME, &[("store_key_file", "two")]);
    assert_eq!(stored_token(&house), secrets[0]);
    house.config(NAME, &[("store_key_file", "one")]);
    let error = house.run(["store", "show", NAME, "--json"]).error(2);
    assert_eq!(error["setting"], "store_key");
    let doctor = house.run(["store", "doctor", "--json"]);
    assert_eq!(doctor.code, 2);
    assert_eq!(check(&report(&doctor), "round trip")["status"], "ok");
    assert_eq!(house.run(["store", "export", "none.json"]).code, 2);
    assert!(!house.dir.path().join("none.json").exists());

    // By hand, and back to plain.
    let mut export = house.command(["store", "export", "plain.json", "--store", "file:tokens"]);
    let export = export.args(["--store-key-env", "KEYS"]).env("KEYS", &two);
    Run::of(export, "").succeeded();
    let import = ["store", "import", "plain.json", "--store", "file:plain"];
    house.run(import).succeeded();
    house.config(NAME, &[("store", "file:plain")]);
    assert_eq!(stored_token(&house), secrets[0]);
}

#[test]
fn connections_that_share_a_store_and_not_its_keys_are_not_rekeyed() {
    let (house, _) = kept("file:tokens");
    let path = house.config(NAME, &[("store_key", &new_key(1))]);
    let own = contents(&path);
    let other = "\n[connections.other]\nprovider = \"docusign\"\nstore = \"file:tokens\"\n";
    house.write("countersign.toml", &(own + other));
    let before = contents(&records(&house.dir.path().join("tokens"))[0]);
    let error = house.run(["store", "rekey", "--json"]).error(2);
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("other") && message.contains(NAME),
        "{message}"
    );
    assert_eq!(
        contents(&records(&house.dir.path().join("tokens"))[0]),
        before
    );
}

#[test]
fn the_doctor_finds_what_is_damaged_or_exposed_or_over() {
    let (house, _) = kept("file:tokens");
    let folder = house.dir.path().join("tokens");
    let record = records(&folder).remove(0);
    let healthy = house.run(["store", "doctor", "--json"]).json();
    let all = healthy.as_array().unwrap();
    assert!(all.iter().all(|check| check["status"] == "ok"), "{healthy}");
    let promises = check(&healthy, "promises")["detail"].as_str().unwrap();
    assert!(promises.contains("survives a power cut"), "{promises}");
    assert_eq!(
        house
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
        let exposed = house.run(["store", "doctor", "--json"]);
        assert_eq!(exposed.code, 2);
        assert_eq!(check(&report(&exposed), "permissions")["status"], "FAIL");
        fs::set_permissions(&record, fs::Permissions::from_mode(0o600)).unwrap();
    }

    // A refresh that was begun two hours ago, and one whose grant is over.
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
    let pending = house.run(["store", "doctor", "--json"]).json();
    assert!(
        check(&pending, "grants")["detail"]
            .as_str()
            .unwrap()
            .contains("2 h ago")
    );
    let shown = house.run(["store", "show", NAME, "--json"]).json();
    assert_eq!(shown[0]["state"], "pending");
    assert_eq!(shown[0]["attempt"]["id"], "a1");
    change(
        "ended",
        serde_json::json!({
            "token": "f", "at_ms": long_ago, "lost_attempt": null, "by": "host:1:x",
            "message": "refused: invalid_grant", "oauth_error": null, "oauth_description": null, "http_status": 400,
        }),
    );
    let ended = house.run(["store", "doctor", "--json"]).json();
    let fix = check(&ended, "grants")["fix"].as_str().unwrap();
    assert_eq!(fix, format!("countersign login {NAME}"));

    fs::write(&record, "countersign-record 1 torn").unwrap();
    let damaged = report(&house.run(["store", "doctor", "--json"]));
    assert_eq!(check(&damaged, "records")["status"], "FAIL");
    let after = report(&house.run(["store", "doctor", "--json"]).succeeded());
    assert_eq!(check(&after, "damaged")["status"], "warn");
}

#[test]
fn the_doctor_tries_the_lease_of_the_connection_it_is_given() {
    let (house, _) = kept("file:tokens");
    let folder = house.dir.path().join("tokens");
    let key = records(&folder).remove(0);
    let key = StoreKey::from_hex(key.file_stem().unwrap().to_str().unwrap()).unwrap();
    let free = house.run(["store", "doctor", NAME, "--json"]).json();
    assert_eq!(check(&free, "lease")["status"], "ok", "{free}");
    let store = FileStore::open(&folder).unwrap();
    let owner = Owner::of_this_process("hangs");
    let lease = store.lease(&key, &owner, Duration::from_secs(60)).unwrap();
    let Lease::Granted { fence, .. } = lease else {
        panic!("{lease:?}");
    };
    let held = house.run(["store", "doctor", NAME, "--json"]);
    assert_eq!(held.code, 4);
    let held = report(&held);
    let detail = check(&held, "lease")["detail"].as_str().unwrap();
    let holder = format!("{NAME}: process {} on ", std::process::id());
    assert!(detail.starts_with(&holder), "{detail}");
    assert!(detail.contains(" since 20"), "{detail}");
    assert!(store.release(&key, &owner, fence).unwrap());
    house.run(["store", "doctor", NAME]).succeeded();
}

#[test]
fn what_waits_in_the_spool_is_used_and_moves_to_the_store() {
    let (house, _) = kept("file:tokens");
    house.run(["store", "export", "1.json"]).succeeded();
    house.run(["token", NAME, "--force"]).succeeded();
    house.run(["store", "export", "2.json"]).succeeded();
    // As if the store had not taken the second one, and the spool had.
    house
        .run(["store", "import", "1.json", "--force"])
        .succeeded();
    let spool = "file:.local/state/countersign/spool";
    house
        .run(["store", "import", "2.json", "--store", spool])
        .succeeded();
    house.run(["token", NAME, "--force"]).succeeded();
    let shown = house.run(["store", "show", NAME, "--json"]).json();
    assert_eq!(shown[0]["generation"], 3);
    let events = shown[0]["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["what"] == "recovered"));
    let left = house.run(["store", "list", "--store", spool, "--json"]);
    assert_eq!(left.json(), Value::Array(vec![]));
}

#[cfg(unix)]
#[test]
fn a_spool_that_is_not_empty_or_not_to_be_had_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let (house, _) = kept("file:tokens");
    let spool = house.dir.path().join(".local/state/countersign/spool");
    let mode = fs::metadata(&spool).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let record = records(&house.dir.path().join("tokens")).remove(0);
    let key = StoreKey::from_hex(record.file_stem().unwrap().to_str().unwrap()).unwrap();
    let store = FileStore::open(&spool).unwrap();
    assert!(matches!(
        store.compare_and_swap(&key, None, None, b"{}"),
        Swap::Applied(1)
    ));
    let warned = house.run(["store", "doctor", "--json"]).json();
    assert!(
        check(&warned, "spool")["detail"]
            .as_str()
            .unwrap()
            .contains("1 new tokens")
    );

    // A spool that cannot be opened is worth a word with -v, and no failure.
    fs::set_permissions(&spool, fs::Permissions::from_mode(0o755)).unwrap();
    let run = house.run(["token", NAME, "-v"]).succeeded();
    assert!(run.stderr.contains("# no spool: "), "{run:?}");
    let elsewhere = house.dir.path().join("state");
    let mut moved = house.command(["token", NAME]);
    Run::of(moved.env("XDG_STATE_HOME", &elsewhere), "").succeeded();
    assert!(elsewhere.join("countersign/spool").is_dir());
}

#[test]
fn grants_move_from_files_to_postgresql_and_go_on_there() {
    if !cfg!(feature = "postgres") || !is_there("postgres", "postgresql") {
        return;
    }
    let server = PostgresServer::start("");
    let url = server.url();
    crate::store_tenants::looking_is_refused(&url);
    doctor_says(&url, "survives a power cut");
    moves_to(&url, &["sesame-street".to_owned()]);
}

#[test]
fn grants_move_from_files_to_redis_and_go_on_there() {
    if !cfg!(feature = "redis") || !is_there("redis-server", "redis-server") {
        return;
    }
    let server = RedisServer::durable();
    doctor_says(&server.tls_url(), "survives a power cut");
    moves_to(&server.url(), &[]);
    let forgetful = RedisServer::ephemeral();
    let house = House::new();
    let doctor = house.run(["store", "doctor", "--store", &forgetful.url(), "--json"]);
    assert_eq!(doctor.code, 2, "{doctor:?}");
    assert_eq!(check(&report(&doctor), "rotation")["status"], "FAIL");
}

fn moves_to(url: &str, passwords: &[String]) {
    let (house, mut secrets) = kept("file:tokens");
    let mut import = house.command(["store", "import", "-", "--store", url, "-vv"]);
    let exported = house.run(["store", "export", "-", "--reveal"]).succeeded();
    let imported = Run::of(&mut import, &exported.stdout).succeeded();
    assert!(imported.stdout.contains("imported into"), "{imported:?}");
    house.config(NAME, &[("store", url), ("store_key", &new_key(3))]);
    let sealed = house
        .run(["store", "rekey", "-vv", "--seal-plain"])
        .succeeded();
    assert!(
        sealed.stdout.contains("1 were not encrypted and are now"),
        "{sealed:?}"
    );
    assert_eq!(stored_token(&house), secrets[0]);
    let refreshed = house.run(["token", NAME, "--json", "--force"]).json();
    assert_eq!(refreshed["source"], "refreshed");
    let token = refreshed["access_token"].as_str().unwrap();
    secrets.push(token.to_owned());
    assert_eq!(stored_token(&house), token);
    secrets.extend_from_slice(passwords);
    for arguments in [
        &["store", "list", "-vv"][..],
        &["store", "show", NAME, "-vv"],
        &["store", "doctor", "-vv"],
        &["doctor", NAME, "-vv"],
    ] {
        let run = house.run(arguments).succeeded();
        assert_hidden(&secrets, &run);
    }
    assert_hidden(&secrets, &imported);
    let listed = house.run(["store", "list", "--json"]).json();
    // The last one asked for is the doctor's.
    assert_eq!(listed[0]["generation"], 3);
    assert_eq!(listed[0]["encrypted"], true);
}

fn doctor_says(url: &str, promises: &str) {
    let house = House::new();
    let report = house
        .run(["store", "doctor", "--store", url, "--json"])
        .json();
    let told = check(&report, "promises")["detail"].as_str().unwrap();
    assert!(told.contains(promises), "{report}");
    assert_eq!(check(&report, "round trip")["status"], "ok");
    assert_eq!(check(&report, "clock")["status"], "ok");
}

/// Whether a server's program is on this machine; a test that is left out says so.
fn is_there(program: &str, package: &str) -> bool {
    let mut places = vec![PathBuf::from(program)];
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    places.extend(
        versions
            .flatten()
            .map(|v| v.path().join("bin").join(program)),
    );
    let there = places.iter().any(|place| {
        let run = Command::new(place).arg("--version").output();
        run.is_ok_and(|run| run.status.success())
    });
    if !there {
        // Past the harness, which swallows what a passing test prints.
        let mut loud = std::io::stderr().lock();
        let _ = writeln!(
            loud,
            "SKIPPED: {program} is not here; run: sudo apt-get install {package}"
        );
    }
    there
}
