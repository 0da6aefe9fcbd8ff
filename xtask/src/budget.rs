//! `cargo xtask budget`: counts the crates that a user of one provider depends on.

use std::collections::BTreeSet;

use crate::{cargo, table};

/// The maximum number of crates that core, the default transport and one provider resolve to.
///
/// This counts normal dependencies on the host, without the crates of this workspace.
const MAX_CRATES: usize = 60;

pub(crate) fn run() -> Result<(), String> {
    let crates = resolved("countersign-docusign")?;
    table::say(&format!(
        "core + ureq transport + one provider: {} crates, maximum {MAX_CRATES}\n",
        crates.len()
    ));
    if crates.len() > MAX_CRATES {
        let names: Vec<_> = crates.into_iter().collect();
        return Err(format!("too many crates: {}", names.join(", ")));
    }
    Ok(())
}

fn resolved(package: &str) -> Result<BTreeSet<String>, String> {
    // Includes the transport, which the command and most programs use.
    let mut tree = vec!["tree", "--locked", "-e", "normal", "--prefix", "none"];
    tree.extend(["-p", package, "-p", "countersign-core"]);
    tree.extend(["--features", "countersign-core/ureq"]);
    let text = cargo::output(&tree)?;
    let lines = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned());
    Ok(lines
        .filter(|line| !line.is_empty() && !line.starts_with("countersign"))
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect())
}
