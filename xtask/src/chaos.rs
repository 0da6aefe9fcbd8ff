//! `cargo xtask chaos`: many processes share a store, and are killed, stopped and forked at random.

use crate::cargo;

/// Hands the options to the program of crate `countersign-chaos`, which is not one of our own
/// dependencies: it brings the fleet's stores along.
pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    let program = "run --quiet --locked -p countersign-chaos -- hammer".split(' ');
    let words: Vec<_> = program.chain(options.iter().copied()).collect();
    cargo::run(&words, &[]).map_err(|_| "the run did not hold, see above".into())
}
