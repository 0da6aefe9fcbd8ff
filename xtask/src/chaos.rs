//! `cargo xtask chaos`: runs the hammer of crates/chaos.

use crate::cargo;

/// Passes the options to `countersign-chaos`.
///
/// It isn't a dependency of xtask, because it depends on the Redis and PostgreSQL stores.
pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    let program = "run --quiet --locked -p countersign-chaos -- hammer".split(' ');
    let words: Vec<_> = program.chain(options.iter().copied()).collect();
    cargo::run(&words, &[]).map_err(|_| "the run failed, see above".into())
}
