//! Grants that move from a store of files to real servers.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use countersign_store_conformance::servers::{PostgresServer, RedisServer};

use crate::setup::{Run, Setup};
use crate::store::{NAME, assert_hidden, check, new_key, report, stored_token, with_token};

#[test]
fn grants_move_from_files_to_postgresql() {
    if !cfg!(feature = "postgres") || !is_installed("postgres", "postgresql") {
        return;
    }
    let server = PostgresServer::start("");
    let url = server.url();
    crate::store_tenants::assert_listing_creates_no_tables(&url);
    assert_guarantees(&url, "survives a power cut");
    assert_grants_move_to(&url, &["sesame-street".to_owned()]);
}

#[test]
fn grants_move_from_files_to_redis() {
    if !cfg!(feature = "redis") || !is_installed("redis-server", "redis-server") {
        return;
    }
    let server = RedisServer::durable();
    assert_guarantees(&server.tls_url(), "survives a power cut");
    assert_grants_move_to(&server.url(), &[]);
    let ephemeral = RedisServer::ephemeral();
    let setup = Setup::new();
    let doctor = setup.run(["store", "doctor", "--store", &ephemeral.url(), "--json"]);
    assert_eq!(doctor.code, 2, "{doctor:?}");
    assert_eq!(check(&report(&doctor), "rotation")["status"], "FAIL");
}

fn assert_grants_move_to(url: &str, passwords: &[String]) {
    let (setup, mut secrets) = with_token("file:tokens");
    let mut import = setup.command(["store", "import", "-", "--store", url, "-vv"]);
    let exported = setup.run(["store", "export", "-", "--reveal"]).succeeded();
    let imported = Run::of(&mut import, &exported.stdout).succeeded();
    assert!(imported.stdout.contains("imported into"), "{imported:?}");
    setup.config(NAME, &[("store", url), ("store_key", &new_key(3))]);
    let sealed = setup
        .run(["store", "rekey", "-vv", "--seal-plain"])
        .succeeded();
    assert!(
        sealed.stdout.contains("1 encrypted for the first time"),
        "{sealed:?}"
    );
    assert_eq!(stored_token(&setup), secrets[0]);
    let refreshed = setup.run(["token", NAME, "--json", "--force"]).json();
    assert_eq!(refreshed["source"], "refreshed");
    let token = refreshed["access_token"].as_str().unwrap();
    secrets.push(token.to_owned());
    assert_eq!(stored_token(&setup), token);
    secrets.extend_from_slice(passwords);
    for arguments in [
        &["store", "list", "-vv"][..],
        &["store", "show", NAME, "-vv"],
        &["store", "doctor", "-vv"],
        &["doctor", NAME, "-vv"],
    ] {
        let run = setup.run(arguments).succeeded();
        assert_hidden(&secrets, &run);
    }
    assert_hidden(&secrets, &imported);
    let listed = setup.run(["store", "list", "--json"]).json();
    // The last request was the doctor's.
    assert_eq!(listed[0]["generation"], 3);
    assert_eq!(listed[0]["encrypted"], true);
}

fn assert_guarantees(url: &str, guarantees: &str) {
    let setup = Setup::new();
    let report = setup
        .run(["store", "doctor", "--store", url, "--json"])
        .json();
    let detail = check(&report, "guarantees")["detail"].as_str().unwrap();
    assert!(detail.contains(guarantees), "{report}");
    assert_eq!(check(&report, "round trip")["status"], "ok");
    assert_eq!(check(&report, "clock")["status"], "ok");
}

/// Returns whether a server's program is installed. If not, prints that the test is skipped.
fn is_installed(program: &str, package: &str) -> bool {
    let mut places = vec![PathBuf::from(program)];
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    places.extend(
        versions
            .flatten()
            .map(|v| v.path().join("bin").join(program)),
    );
    let installed = places.iter().any(|place| {
        let run = Command::new(place).arg("--version").output();
        run.is_ok_and(|run| run.status.success())
    });
    if !installed {
        // Not with `eprintln!`, which the test harness captures.
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(
            stderr,
            "SKIPPED: {program} is not installed; run: sudo apt-get install {package}"
        );
    }
    installed
}
