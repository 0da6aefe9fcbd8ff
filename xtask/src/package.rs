//! `cargo xtask package`: packs every crate that is published, and checks what crates.io shows.
//!
//! With `--verify`, it also builds each one from its package.

use std::path::Path;

use serde_json::Value;

use crate::{cargo, table};

/// The maximum that crates.io accepts.
const MAX_KEYWORDS: usize = 5;

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    let verify = match options {
        [] => false,
        ["--verify"] => true,
        _ => return Err("usage: cargo xtask package [--verify]".to_owned()),
    };
    let metadata = cargo::output(&["metadata", "--no-deps", "--format-version", "1", "--locked"])?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array();
    // `publish = false` is an empty list of registries.
    let published: Vec<_> = packages
        .into_iter()
        .flatten()
        .filter(|package| package["publish"].is_null())
        .collect();
    let faults: Vec<_> = published
        .iter()
        .flat_map(|package| faults(package))
        .collect();
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    // Without `--allow-dirty`, it works only after a commit.
    let mut pack = vec!["package", "--locked", "--allow-dirty"];
    if !verify {
        pack.push("--no-verify");
    }
    for package in &published {
        pack.extend(["-p", package["name"].as_str().unwrap_or_default()]);
    }
    // The lock file has every version. Asking the registry again takes a minute for nothing, so that
    // is only for a machine that has never asked it.
    let offline = [pack.as_slice(), &["--offline"]].concat();
    // Packing prints a page of warnings about tests that are left out on purpose.
    cargo::output(&offline).or_else(|_| cargo::output(&pack))?;
    table::say(&format!("packed {} crates\n", published.len()));
    Ok(())
}

/// Returns what a crate's manifest or folder lacks.
fn faults(package: &Value) -> Vec<String> {
    let manifest = package["manifest_path"].as_str().unwrap_or_default();
    let folder = Path::new(manifest).parent().unwrap_or(Path::new(""));
    let text = |member: &str| package[member].as_str().unwrap_or_default();
    let count = |member: &str| package[member].as_array().map_or(0, Vec::len);
    let mut missing = Vec::new();
    for member in ["description", "license", "repository", "readme"] {
        if text(member).is_empty() {
            missing.push(member);
        }
    }
    if !(1..=MAX_KEYWORDS).contains(&count("keywords")) {
        missing.push("1 to 5 keywords");
    }
    if count("categories") == 0 {
        missing.push("categories");
    }
    for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
        if !folder.join(file).exists() {
            missing.push(file);
        }
    }
    let missing = missing.into_iter();
    missing
        .map(|what| format!("{manifest}: lacks {what}"))
        .collect()
}
