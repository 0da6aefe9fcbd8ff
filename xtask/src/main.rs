//! `cargo xtask`: the commands for contributors and CI, one file each.

#![forbid(unsafe_code)]

mod abi;
mod bench;
mod bindings;
mod budget;
mod cargo;
mod chaos;
mod codegen;
mod cycles;
mod demo;
mod dist;
mod examples;
mod fuzz;
mod package;
mod sandbox;
mod servers;
mod source;
mod table;
mod test;
mod tidy;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  demo      Run five jobs, from key to token, against the sandbox over TLS
  sandbox   Run the sandbox until it is stopped; --help lists its options
  test      Run every check; --fast: only those that take a few minutes in total
  servers   Run the tests against Keycloak as well, which is downloaded: 164 MB, minutes to start
  tidy      Check the house rules that no compiler checks
  cycles    Check that modules don't depend on each other in a cycle
  examples  Count public functions with a runnable example; --missing: list those without
  chaos     Kill processes that share a store, and count lost grants; see docs/reliability.md
  codegen   Generate the headers in include/ and the low layer of each language; --check: compare
  abi       --check: compare headers, library and record; --record: write it; --test: run C tests
  dist      Install libraries, headers and programs, build packages: --prefix DIR; see --help
  bindings  Build and test the packages [cpp|go|python|node|java]; table: show the last results
  bench     Measure tokens beside other libraries [--quick]; bindings: in each language
  fuzz      Run the fuzz targets, 60 seconds each or [SECONDS [TARGET]]
  package   Pack every crate that is published, without building; --verify: also build them
  budget    Count the crates that core, the default transport and one provider need
";

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["demo"] => demo::run(),
        ["test", ref options @ ..] => test::run(options),
        ["servers"] => servers::run(),
        ["tidy"] => tidy::run(),
        ["cycles"] => cycles::run(),
        ["examples", ref options @ ..] => examples::run(options),
        ["budget"] => budget::run(),
        ["codegen", ref options @ ..] => codegen::run(options),
        ["package", ref options @ ..] => package::run(options),
        ["abi", ref options @ ..] => abi::run(options),
        ["dist", ref options @ ..] => dist::run(options, bindings::package),
        ["bindings", ref options @ ..] => bindings::run(options),
        ["bench", ref options @ ..] => bench::run(options),
        ["fuzz", ref options @ ..] => fuzz::run(options),
        ["chaos", ref options @ ..] => chaos::run(options),
        ["sandbox", ref options @ ..] => sandbox::run(options),
        ["help" | "--help" | "-h"] | [] => {
            table::say(USAGE);
            Ok(())
        }
        _ => Err(format!("unknown command `{}`\n\n{USAGE}", words.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            table::complain(&format!("xtask: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// Returns the workspace's folder.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// Returns cargo's target folder.
fn target() -> PathBuf {
    let set = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    set.unwrap_or_else(|| root().join("target"))
}
