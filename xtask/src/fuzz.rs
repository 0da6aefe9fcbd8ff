//! `cargo xtask fuzz`: the fuzz targets for a while each; without cargo-fuzz, the property tests.

use std::process::Command;

use crate::{root, table};

/// How long each target runs unless told otherwise.
const USUAL_SECONDS: &str = "60";
/// How many cases each property gets where there is no cargo-fuzz.
const MANY_CASES: &str = "200000";

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    let (seconds, only) = match options {
        [] => (USUAL_SECONDS, None),
        [seconds] => (*seconds, None),
        [seconds, target] => (*seconds, Some(*target)),
        _ => return Err("say `cargo xtask fuzz [SECONDS [TARGET]]`".to_owned()),
    };
    if seconds.parse::<u32>().is_err() {
        return Err(format!("`{seconds}` is not a number of seconds"));
    }
    if !works(&["+nightly", "fuzz", "--version"]) {
        table::say(
            "no nightly compiler with cargo-fuzz (rustup toolchain install nightly; cargo install \
             cargo-fuzz): the property tests run instead, longer than usual\n",
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
            // Larger than anything that is read whole, and a minute is no answer.
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
            "{} found something; see fuzz/artifacts",
            failed.join(", ")
        )),
    }
}

/// The same bodies under proptest.
fn properties() -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args(["test", "--release", "--locked"])
        .args(["-p", "countersign", "-p", "countersign-jose"])
        .args(["--features", "countersign-jose/encrypted-keys"])
        .args(["--test", "fuzz", "--test", "keys"])
        .env("PROPTEST_CASES", MANY_CASES)
        .current_dir(root())
        .status()
        .map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(()),
        false => Err("a property does not hold".to_owned()),
    }
}

/// The targets are the files; `cargo fuzz list` would have to be parsed too.
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

/// rustup's cargo, which knows `+nightly`; the one that started us does not.
fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root());
    for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC"] {
        cargo.env_remove(variable);
    }
    cargo
}
