//! Kills a refresh before each system call of the file store, and checks what is left.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use countersign_chaos::Server;
use countersign_chaos::steps::{Scene, complaints};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_countersign-chaos"))
}

/// Compiles the library that counts calls and kills, once.
fn killer() -> &'static Path {
    static KILLER: OnceLock<PathBuf> = OnceLock::new();
    KILLER.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/steps/killer.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("killer.so");
        let status = Command::new("cc")
            .args([
                "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC",
            ])
            .arg("-o")
            .args([&library, &source])
            .arg("-ldl")
            .status()
            .expect("run cc");
        assert!(status.success(), "{status}");
        library
    })
}

fn survives(server: Server, first: bool) {
    let killed = Scene { server, first }.run(program(), killer());
    let wrong = complaints(&killed);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Expect at least the calls of two commits, a lease and their locks.
    assert!(killed.len() > 40, "{} steps", killed.len());
    let kept = |killed: &&countersign_chaos::steps::Killed| killed.could_be_kept;
    let _ = writeln!(
        std::io::stderr(),
        "{} steps; a kill before {} of them loses nothing",
        killed.len(),
        killed.iter().filter(kept).count()
    );
}

#[test]
fn the_first_refresh_of_a_store_at_a_strict_server() {
    survives(Server::Strict, true);
}

#[test]
fn a_refresh_at_a_strict_server() {
    survives(Server::Strict, false);
}

#[test]
fn the_first_refresh_of_a_store_at_a_server_with_grace() {
    survives(Server::Grace, true);
}

#[test]
fn a_refresh_at_a_server_with_grace() {
    survives(Server::Grace, false);
}

/// The library intercepts functions of the C library. strace sees all system calls, so it finds
/// those that the library misses.
#[test]
fn the_killer_sees_every_system_call() {
    if Command::new("strace").arg("-V").output().is_err() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: strace is not installed; run: sudo apt-get install strace"
        );
        return;
    }
    let scene = Scene {
        server: Server::Strict,
        first: false,
    };
    let mut counted = BTreeMap::new();
    for step in scene.rehearse(program(), killer()) {
        *counted.entry(system_call(&step.call)).or_insert(0) += 1;
    }
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("log").display().to_string();
    let folder = scene.observe(program(), &["strace", "-f", "-y", "-o", &log]);
    let folder = folder.display().to_string();
    let log = std::fs::read_to_string(log).unwrap();
    let mut seen = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains(&folder)) {
        let (_, call) = line.split_once(' ').unwrap();
        let Some((call, _)) = call.trim_start().split_once('(') else {
            continue;
        };
        if !CHANGES_NOTHING.contains(&call) {
            *seen.entry(system_call(call)).or_insert(0) += 1;
        }
    }
    assert_eq!(counted, seen);
}

/// Returns the system call that a function of the C library makes.
fn system_call(function: &str) -> String {
    match function.trim_end_matches("64") {
        "open" => "openat".to_owned(),
        other => other.to_owned(),
    }
}

/// System calls that don't change files or locks.
const CHANGES_NOTHING: &[&str] = &[
    "execve",
    "fstat",
    "getdents64",
    "lseek",
    "lstat",
    "newfstatat",
    "pread64",
    "read",
    "readlink",
    "readlinkat",
    "stat",
    "statx",
];
