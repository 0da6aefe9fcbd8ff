//! `cargo xtask tidy`: checks the house rules that no compiler checks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{cycles, root, table};

/// The maximum length of a Rust file.
const MAX_LINES: usize = 600;

pub(crate) fn run() -> Result<(), String> {
    let files = tracked()?;
    let mut faults = Vec::new();
    for path in &files {
        // A removed file is tracked until the next commit.
        let Ok(text) = std::fs::read_to_string(root().join(path)) else {
            continue;
        };
        check_text(path, &text, &mut faults);
    }
    check_providers(&files, &mut faults);
    check_libraries_name_no_command(&files, &mut faults);
    check_invariants(&mut faults);
    match faults.is_empty() {
        true => {
            table::say(&format!(
                "tidy: {} files follow the house rules\n",
                files.len()
            ));
            cycles::run()
        }
        false => Err(format!(
            "{} violations of the house rules:\n  {}",
            faults.len(),
            faults.join("\n  ")
        )),
    }
}

/// Returns the files that git tracks, and new ones that it doesn't ignore.
fn tracked() -> Result<Vec<PathBuf>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("git ls-files: {error}"))?;
    let text = String::from_utf8_lossy(&listed.stdout);
    Ok(text.lines().map(PathBuf::from).collect())
}

fn check_text(path: &Path, text: &str, faults: &mut Vec<String>) {
    let shown = path.display();
    let is_rust = path.extension().is_some_and(|ending| ending == "rs");
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        // Split, so that this file doesn't match.
        for word in [
            concat!("/wo", "rk/"),
            concat!("/ro", "ot/"),
            concat!("TO", "DO"),
            concat!("FIX", "ME"),
        ] {
            if line.contains(word) {
                faults.push(format!(
                    "{shown}:{line_number}: `{word}` does not belong in the project"
                ));
            }
        }
    }
    if is_rust && text.lines().count() > MAX_LINES {
        let count = text.lines().count();
        faults.push(format!(
            "{shown}: {count} lines, maximum {MAX_LINES}; split the file"
        ));
    }
    if is_rust && !text.starts_with("//!") && !text.starts_with("#![doc = include_str!") {
        faults.push(format!(
            "{shown}: start with a `//!` line that says what the file contains"
        ));
    }
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    if is_rust && ["utils", "util", "helpers", "helper", "common", "misc"].contains(&stem) {
        faults.push(format!(
            "{shown}: name the file after the type or concept that it contains"
        ));
    }
}

/// Checks that all provider crates have the same files.
fn check_providers(files: &[PathBuf], faults: &mut Vec<String>) {
    let folder = Path::new("crates/providers");
    let of = |name: &str| -> BTreeSet<PathBuf> {
        let own = folder.join(name);
        files
            .iter()
            .filter_map(|path| path.strip_prefix(&own).ok())
            .map(PathBuf::from)
            .collect()
    };
    let names: BTreeSet<_> = files
        .iter()
        .filter_map(|path| {
            path.strip_prefix(folder)
                .ok()?
                .parent()?
                .iter()
                .next()?
                .to_str()
        })
        .collect();
    let model = of("docusign");
    // The catalogue has many vendors, not one.
    for name in names.into_iter().filter(|name| *name != "catalog") {
        if of(name) != model {
            let differ: Vec<_> = of(name).symmetric_difference(&model).cloned().collect();
            faults.push(format!(
                "crates/providers/{name}: must have the same files as docusign; differs in {differ:?}"
            ));
        }
    }
}

/// Checks that libraries don't name subcommands of `countersign`.
///
/// Their users may not have the command. `crates/cli/src/hints.rs` adds it to hints.
fn check_libraries_name_no_command(files: &[PathBuf], faults: &mut Vec<String>) {
    const PROGRAMS: &[&str] = &["crates/chaos/", "crates/cli/", "crates/sandbox/"];
    const SUBCOMMANDS: &[&str] = &[
        "consent",
        "doctor",
        "exec",
        "inspect",
        "key",
        "login",
        "logout",
        "profile",
        "providers",
        "sign",
        "store",
        "token",
        "verify",
    ];
    for path in files {
        let shown = path.to_string_lossy();
        let is_library = shown.starts_with("crates/")
            && shown.contains("/src/")
            && !PROGRAMS.iter().any(|program| shown.starts_with(program));
        let is_code = path.extension().is_some_and(|ending| ending == "rs");
        let is_profile = shown.starts_with("crates/providers/") && shown.ends_with("profile.toml");
        if !(is_library && is_code || is_profile) {
            continue;
        }
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        let text = text.lines().map(str::trim_start);
        for line in text.filter(|line| !line.starts_with("//") && !line.starts_with('#')) {
            let mut after = line.split("countersign ").skip(1);
            let names_one = after.any(|rest| {
                let word = rest.split(|c: char| !c.is_ascii_lowercase()).next();
                word.is_some_and(|word| SUBCOMMANDS.contains(&word))
            });
            // The context of sealing is not text for users.
            if names_one && !line.contains("b\"countersign store 1\"") {
                faults.push(format!(
                    "{shown}: a library must not name a command: {line}"
                ));
            }
        }
    }
}

/// Checks that the tests and lint files named in ARCHITECTURE.md exist.
fn check_invariants(faults: &mut Vec<String>) {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap_or_default();
    let mut named = 0;
    for line in page.lines() {
        for lints in line
            .split('`')
            .filter(|word| word.ends_with("/clippy.toml"))
        {
            named += 1;
            if !root().join(lints).exists() {
                faults.push(format!("ARCHITECTURE.md: `{lints}` doesn't exist"));
            }
        }
        for reference in line.split('`').filter(|word| word.contains(".rs::")) {
            named += 1;
            let (file, test) = reference.split_once("::").unwrap_or((reference, ""));
            let code = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            if !code.contains(&format!("fn {test}(")) {
                faults.push(format!("ARCHITECTURE.md: test `{reference}` doesn't exist"));
            }
        }
    }
    if named < 13 {
        faults.push(format!(
            "ARCHITECTURE.md: names {named} tests and lint files for 13 invariants"
        ));
    }
}
