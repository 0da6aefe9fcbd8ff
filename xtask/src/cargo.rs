//! Runs cargo in the workspace's folder, with the toolchain that built xtask.

use std::ffi::OsStr;
use std::process::Command;

use crate::root;

/// Runs cargo with these environment variables, and shows its output.
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
