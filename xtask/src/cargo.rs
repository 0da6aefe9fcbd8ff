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

/// Runs cargo and returns its standard output. Shows its messages only if it fails.
pub(crate) fn output(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
