//! `cargo xtask budget`: how many crates a user of one provider gets.

use std::collections::BTreeSet;
use std::process::Command;

use crate::{root, table};

/// The most that core, the default transport and one provider may resolve to (host, normal
/// dependencies, this workspace's own crates left out).
const MOST: usize = 60;

pub(crate) fn run() -> Result<(), String> {
    let crates = resolved("countersign-docusign")?;
    table::say(&format!(
        "core + ureq transport + one provider: {} crates of at most {MOST}\n",
        crates.len()
    ));
    if crates.len() > MOST {
        let names: Vec<_> = crates.into_iter().collect();
        return Err(format!("the budget is exceeded: {}", names.join(", ")));
    }
    Ok(())
}

fn resolved(package: &str) -> Result<BTreeSet<String>, String> {
    // With the transport switched on, as the command and most programs have it.
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "-e", "normal", "--prefix", "none"])
        .args([
            "-p",
            package,
            "-p",
            "countersign",
            "--features",
            "countersign/ureq",
        ])
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo tree: {error}"))?;
    if !tree.status.success() {
        return Err(String::from_utf8_lossy(&tree.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&tree.stdout);
    let lines = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned());
    Ok(lines
        .filter(|line| !line.is_empty() && !line.starts_with("countersign"))
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect())
}
