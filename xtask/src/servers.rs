//! `cargo xtask servers`: runs the tests against authorization servers that others wrote, also those
//! whose download is too large for every run.

use crate::cargo;

pub(crate) fn run() -> Result<(), String> {
    let tests = "test --locked -p countersign --test servers -- --include-ignored";
    let words: Vec<_> = tests.split(' ').collect();
    cargo::run(&words, &[])
}
