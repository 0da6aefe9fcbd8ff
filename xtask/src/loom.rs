//! `cargo xtask loom`: the hazard pointers, in every order of events that the memory model allows.

use crate::{cargo, target};

pub(crate) fn run() -> Result<(), String> {
    // Optimised, because there are many orders; in a folder of its own, because the flag is for every crate.
    let test = "test -p countersign-hazard --locked --release --test loom";
    let words: Vec<_> = test.split(' ').collect();
    let folder = target().join("loom");
    let variables = [
        ("RUSTFLAGS", "--cfg loom".as_ref()),
        ("CARGO_TARGET_DIR", folder.as_ref()),
    ];
    cargo::run(&words, &variables)
        .map_err(|_| "an order of events in which a token is used after it was dropped".to_owned())
}
