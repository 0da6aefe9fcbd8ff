//! `cargo xtask bench`: what a token costs, beside the other libraries, into `benches/RESULTS.md`.

mod through_c;

use std::fs;
use std::process::Command;

use crate::{root, table};

/// Brings in the other libraries, which no test or lint builds.
const PEERS: &str = "--cfg countersign_peers";

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    if options == ["bindings"] {
        return through_c::run();
    }
    let section = through_c::section();
    // A folder of its own: the flag would have everything else built anew.
    let target = root().join("target").join("bench");
    let status = Command::new(env!("CARGO"))
        .args(["run", "--release", "--locked"])
        .args(["-p", "countersign-benches", "--bin", "interleaved", "--"])
        .args(options)
        .env("RUSTFLAGS", PEERS)
        .env("CARGO_TARGET_DIR", target)
        .current_dir(root())
        .status()
        .map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(
            "the benches did not run; they need a C compiler and OpenSSL's headers: \
             sudo apt-get install build-essential pkg-config libssl-dev"
                .to_owned(),
        );
    }
    let results = root().join("benches/RESULTS.md");
    let text = fs::read_to_string(&results).map_err(|error| error.to_string())?;
    fs::write(&results, text + &section).map_err(|error| error.to_string())?;
    table::say("benches/RESULTS.md and benches/tokens.svg are written\n");
    Ok(())
}
