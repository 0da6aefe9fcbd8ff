//! Cargo, as the commands start it: in the workspace's folder, by the toolchain that built xtask.

use std::ffi::OsStr;
use std::process::Command;

use crate::root;

/// Runs cargo to its end, with these environment variables set; what it prints is seen.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &OsStr)]) -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root())
        .status()
        .map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("cargo {} failed", arguments.join(" "))),
    }
}
