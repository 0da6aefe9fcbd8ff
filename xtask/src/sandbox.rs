//! `cargo xtask sandbox`: runs countersign-sandbox.

use crate::cargo;

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    let mut words = vec![
        "run",
        "--quiet",
        "--locked",
        "-p",
        "countersign-sandbox",
        "--",
    ];
    words.extend(options);
    cargo::run(&words, &[])
}
