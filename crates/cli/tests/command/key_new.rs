//! `key new`: OpenSSL and the other commands can read what it writes.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::setup::{Run, command};

#[test]
fn a_name_that_ends_in_pem_is_the_private_keys_file() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(folder.path(), &["key", "new", "app.pem", "--json"]).succeeded();
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(made["private_key_file"], "app.pem");
    assert!(folder.path().join("app.pub.pem").exists());
}

#[test]
fn a_pair_is_created_in_the_vendors_format() {
    for (arguments, label, certified, bits) in [
        (&["--for", "docusign"][..], "RSA PRIVATE KEY", false, 2048),
        (&["--for", "salesforce"], "PRIVATE KEY", true, 2048),
        (
            &["--for", "salesforce", "--bits", "3072"],
            "PRIVATE KEY",
            true,
            3072,
        ),
        (&[], "PRIVATE KEY", false, 2048),
        (&["--certificate"], "PRIVATE KEY", true, 2048),
        (
            &["--type", "p256", "--certificate"],
            "PRIVATE KEY",
            true,
            256,
        ),
        (&["--type", "p384"], "PRIVATE KEY", false, 384),
        (&["--type", "ed25519"], "PRIVATE KEY", false, 256),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let made = run(at, &[&["key", "new", "app", "--json"], arguments].concat()).succeeded();
        let made: Value = serde_json::from_str(&made.stdout).unwrap();
        assert_eq!(made["bits"], bits, "{made}");
        assert_eq!(made["private_key_file"], "app.pem");
        assert_eq!(
            made["certificates"].as_array().unwrap().len(),
            usize::from(certified)
        );

        let private = std::fs::read_to_string(at.join("app.pem")).unwrap();
        assert!(
            private.starts_with(&format!("-----BEGIN {label}-----\n")),
            "{arguments:?}"
        );
        let public = std::fs::read_to_string(at.join("app.pub.pem")).unwrap();
        assert_eq!(
            openssl(at, "pkey -in app.pem -pubout"),
            public,
            "{arguments:?}"
        );
        openssl(at, "pkey -in app.pem -noout -check");
        assert_eq!(at.join("app.crt").exists(), certified);
        if certified {
            assert_eq!(openssl(at, "x509 -in app.crt -noout -pubkey"), public);
            assert!(openssl(at, "verify -CAfile app.crt app.crt").contains("OK"));
            let reported = openssl(
                at,
                "x509 -in app.crt -noout -subject -ext keyUsage -checkend 60000000",
            );
            assert!(
                reported.contains("CN = countersign") && reported.contains("Digital Signature"),
                "{reported}"
            );
            assert!(reported.contains("will not expire"), "{reported}");
            // Salesforce's maximum.
            assert!(std::fs::metadata(at.join("app.crt")).unwrap().len() < 4096);
        }

        let inspected = run(at, &["key", "inspect", "app.pem", "--json"]).succeeded();
        let inspected: Value = serde_json::from_str(&inspected.stdout).unwrap();
        assert_eq!(inspected["spki_sha256"], made["spki_sha256"]);
        let token = run(at, &["sign", "--key", "app.pem", "--claims", "-"]).succeeded();
        let token = token.stdout.trim().to_owned();
        run(at, &["verify", "--key", "app.pub.pem", &token]).succeeded();
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_new_key() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), &["key", "new", "app", "--for", "salesforce"]).succeeded();
    let mode = |name: &str| {
        let metadata = std::fs::metadata(folder.path().join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("app.pem"), 0o600);
    assert!(
        run.stdout.contains("app.crt") && run.stdout.contains("private_key_file"),
        "{run:?}"
    );
    assert!(!run.stdout.contains("PRIVATE"), "{run:?}");
}

#[test]
fn if_one_file_exists_nothing_is_written() {
    for name in ["app.pem", "app.pub.pem", "app.crt"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), "mine").unwrap();
        let run = run(folder.path(), &["key", "new", "app", "--for", "salesforce"]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(
            run.stderr.contains(name) && run.stderr.contains("already exists"),
            "{run:?}"
        );
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), b"mine");
    }
}

#[test]
fn invalid_options_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, said) in [
        (&["--bits", "1024"][..], "not supported"),
        (&["--bits", "8192"], "not supported"),
        (&["--type", "p256", "--bits", "2048"], "RSA only"),
        (
            &["--for", "docusign", "--type", "ed25519"],
            "DocuSign accepts RSA keys only",
        ),
        (&["--days", "0"], "--days"),
    ] {
        let run = run(folder.path(), &[&["key", "new", "app"], arguments].concat());
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(said), "{run:?}");
    }
    let nowhere = run(folder.path(), &["key", "new", "gone/app"]);
    assert!(
        nowhere.stderr.contains("cannot write gone/app.pem"),
        "{nowhere:?}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn inspect_shows_the_certificate_in_a_pkcs12_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    run(at, &["key", "new", "app", "--for", "salesforce"]).succeeded();
    std::fs::write(at.join("phrase"), "x1y2\n").unwrap();
    openssl(
        at,
        "pkcs12 -export -in app.crt -inkey app.pem -out app.p12 -passout pass:x1y2",
    );
    let arguments = ["key", "inspect", "app.p12", "--passphrase-file", "phrase"];
    let shown = run(at, &arguments).succeeded().stdout;
    let json = run(at, &[&arguments[..], &["--json"]].concat())
        .succeeded()
        .stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let certificate = &json["certificates"][0];
    for value in [
        &certificate["x5t"],
        &certificate["x5t#S256"],
        &json["spki_sha256_base64"],
    ] {
        assert!(shown.contains(value.as_str().unwrap()), "{value}: {shown}");
    }
    let end = openssl(at, "x509 -in app.crt -noout -enddate -dateopt iso_8601");
    let day = end
        .trim()
        .trim_start_matches("notAfter=")
        .split(' ')
        .next()
        .unwrap();
    assert!(shown.contains(&format!("until {day}")), "{end}: {shown}");
}

fn run(folder: &Path, arguments: &[&str]) -> Run {
    Run::of(command(folder).args(arguments), "{}")
}

#[track_caller]
fn openssl(folder: &Path, arguments: &str) -> String {
    let mut command = Command::new("openssl");
    let output = command
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[cfg(unix)]
#[test]
fn no_link_is_followed_and_no_folder_is_created() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("precious"), "precious").unwrap();
    for name in ["app.pem", "app.pub.pem", "app.crt"] {
        for target in ["precious", "nowhere"] {
            symlink(at.join(target), at.join(name)).unwrap();
            let run = run(at, &["key", "new", "app", "--certificate", "--json"]);
            assert!(run.error(2)["message"].as_str().unwrap().contains(name));
            std::fs::remove_file(at.join(name)).unwrap();
        }
    }
    assert_eq!(
        std::fs::read_to_string(at.join("precious")).unwrap(),
        "precious"
    );
    assert!(!at.join("nowhere").exists());
    let missing = run(at, &["key", "new", "missing/app", "--json"]).error(2);
    assert!(
        missing["hint"]
            .as_str()
            .unwrap()
            .contains("a folder that exists")
    );
    assert_eq!(
        std::fs::read_dir(at).unwrap().count(),
        1,
        "nothing was created"
    );
    run(at, &["key", "new", "app"]).succeeded();
    let mode = at.join("app.pem").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[cfg(unix)]
#[test]
fn a_key_is_created_only_where_nobody_else_can_replace_it() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let set = |mode| std::fs::set_permissions(at, std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o777);
    let error = run(at, &["key", "new", "app", "--json"]).error(2);
    assert!(
        error["hint"].as_str().unwrap().contains("chmod go-w"),
        "{error}"
    );
    set(0o700);
    let own = at.metadata().unwrap().uid();
    // Only root can give a folder away, and must not write there afterwards.
    if chown(at, Some(65_534), None).is_ok() {
        let error = run(at, &["key", "new", "app", "--json"]).error(2);
        assert!(
            error["message"].as_str().unwrap().contains("65534"),
            "{error}"
        );
        chown(at, Some(own), None).unwrap();
    }
    assert_eq!(std::fs::read_dir(at).unwrap().count(), 0);
    run(at, &["key", "new", "app"]).succeeded();
}
