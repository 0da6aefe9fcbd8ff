//! `cargo xtask chaos`: many processes share one rotating connection, and somebody kills them.

use std::process::Command;

use crate::root;

/// Hands the options to the program of crate `countersign-chaos`, which is not one of our own
/// dependencies: it brings the fleet's stores along.
pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--locked", "-p", "countersign-chaos"])
        .args(["--", "hammer"])
        .args(options)
        .current_dir(root())
        .status()
        .map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(()),
        false => Err("the run did not hold, see above".into()),
    }
}
