//! `cargo xtask loom`: the hazard pointers, in every order of events that the memory model allows.

use std::process::Command;

use crate::{root, target};

pub(crate) fn run() -> Result<(), String> {
    // Optimised, because there are many orders; in a folder of its own, because the flag is for every crate.
    let status = Command::new(env!("CARGO"))
        .args([
            "test",
            "-p",
            "countersign-hazard",
            "--locked",
            "--release",
            "--test",
            "loom",
        ])
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", target().join("loom"))
        .current_dir(root())
        .status()
        .map_err(|error| error.to_string())?;
    match status.success() {
        true => Ok(()),
        false => Err("an order of events in which a token is used after it was dropped".to_owned()),
    }
}
