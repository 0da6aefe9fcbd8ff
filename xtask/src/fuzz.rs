//! `cargo xtask fuzz`: runs each fuzz target for a while, or without cargo-fuzz the property tests.

use std::process::Command;

use crate::{root, table};

/// How long each target runs by default.
const DEFAULT_SECONDS: &str = "60";
/// How many cases of each property run if cargo-fuzz is missing.
const PROPERTY_CASES: &str = "200000";

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    let (seconds, only) = match options {
        [] => (DEFAULT_SECONDS, None),
        [seconds] => (*seconds, None),
        [seconds, target] => (*seconds, Some(*target)),
        _ => return Err("usage: cargo xtask fuzz [SECONDS [TARGET]]".to_owned()),
    };
    if seconds.parse::<u32>().is_err() {
        return Err(format!("`{seconds}` is not a number of seconds"));
    }
    if !works(&["+nightly", "fuzz", "--version"]) {
        table::say(
            "cargo-fuzz with a nightly compiler is not installed (run: rustup toolchain install \
             nightly; cargo install cargo-fuzz); running the property tests with more cases\n",
        );
        return properties();
    }
    let mut failed = Vec::new();
    for target in targets()? {
        if only.is_some_and(|only| only != target) {
            continue;
        }
        table::say(&format!("\n== {target}, {seconds} s\n"));
        let limits = [
            format!("-max_total_time={seconds}"),
            // More than the limit of any input, and a timeout for endless loops.
            "-max_len=70000".to_owned(),
            "-timeout=60".to_owned(),
        ];
        let status = cargo()
            .args([
                "+nightly",
                "fuzz",
                "run",
                "--fuzz-dir",
                "fuzz",
                &target,
                "--",
            ])
            .args(limits)
            .status()
            .map_err(|error| error.to_string())?;
        if !status.success() {
            failed.push(target);
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{} found a bug; see fuzz/artifacts",
            failed.join(", ")
        )),
    }
}

/// Runs the bodies of the fuzz targets with proptest.
fn properties() -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args(["test", "--release", "--locked"])
        .args(["-p", "countersign-core", "-p", "countersign-jose"])
        .args(["--features", "countersign-jose/encrypted-keys"])
        .args(["--test", "fuzz", "--test", "keys"])
        .env("PROPTEST_CASES", PROPERTY_CASES)
        .current_dir(root())
        .status()
        .map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(()),
        false => Err("a property test failed".to_owned()),
    }
}

/// Returns the names of the targets, which are those of their files.
fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz").join("fuzz_targets");
    let files = std::fs::read_dir(&folder).map_err(|error| error.to_string())?;
    let stem = |file: std::fs::DirEntry| Some(file.path().file_stem()?.to_str()?.to_owned());
    let mut names: Vec<_> = files.flatten().filter_map(stem).collect();
    names.sort();
    Ok(names)
}

fn works(arguments: &[&str]) -> bool {
    let output = cargo().args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// Returns rustup's cargo. Unlike the cargo that started us, it accepts `+nightly`.
fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root());
    for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC"] {
        cargo.env_remove(variable);
    }
    cargo
}
