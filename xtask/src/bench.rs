//! `cargo xtask bench`: measures what a token costs, and writes `benches/RESULTS.md`.

mod through_c;

use std::fs;

use crate::{cargo, root, table};

/// The manifest of the benches, whose own workspace keeps peers out of the product's lock file.
pub(crate) const MANIFEST: &str = "benches/Cargo.toml";

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    if options == ["bindings"] {
        return through_c::run();
    }
    let section = through_c::section();
    let mut arguments = vec!["run", "--release", "--locked", "--features", "peers"];
    arguments.extend(["--manifest-path", MANIFEST, "--bin", "interleaved", "--"]);
    arguments.extend(options);
    // Build inside the main workspace's target folder.
    let target = root().join("target/bench");
    let ran = cargo::run(&arguments, &[("CARGO_TARGET_DIR", target.as_os_str())]);
    ran.map_err(|error| {
        format!(
            "{error}; the benches need a C compiler and OpenSSL's headers: \
             sudo apt-get install build-essential pkg-config libssl-dev"
        )
    })?;
    let results = root().join("benches/RESULTS.md");
    let text = fs::read_to_string(&results).map_err(|error| error.to_string())?;
    fs::write(&results, text + &section).map_err(|error| error.to_string())?;
    table::say("wrote benches/RESULTS.md and benches/tokens.svg\n");
    Ok(())
}
