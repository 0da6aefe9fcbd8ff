//! `cargo xtask`: what a contributor and CI run. Thin here; one file per command.

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
mod fuzz;
mod sandbox;
mod table;
mod test;
mod tidy;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  demo     five jobs, from key to token, against the sandbox over TLS
  sandbox  the sandbox, until it is told to stop: --tls, --dir DIR and what else --help shows
  test     every check: format, lints, docs, tests, house rules, demo; --fast: those that take a few minutes
  tidy     the house rules that no compiler checks
  cycles   that no modules use each other in a circle; --all: also in crates not clean yet
  chaos    many processes, one rotating connection, and a killer; see docs/reliability.md
  codegen  the headers in include/ and the languages' low layers, made from the code [--check]
  abi      the headers against the library and the last record: --check, --record, --test
  dist     libraries, headers, pkg-config, CMake, the command, packages: --prefix DIR [--features F]
  bindings the languages' packages, built and tested [cpp|go|python|node|java]; [table]: of the last run
  bench    what a token costs beside other libraries, into benches/RESULTS.md [--quick]; [bindings]: in each language
  fuzz     the fuzz targets, 60 seconds each or [SECONDS [TARGET]]
  budget   how many crates core, the default transport and one provider need
";

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["demo"] => demo::run(),
        ["test", ref options @ ..] => test::run(options),
        ["tidy"] => tidy::run(),
        ["cycles", ref options @ ..] => cycles::run(options),
        ["budget"] => budget::run(),
        ["codegen", ref options @ ..] => codegen::run(options),
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
        _ => Err(format!("`{}` is not a command\n\n{USAGE}", words.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            table::complain(&format!("xtask: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// Where cargo builds.
fn target() -> PathBuf {
    let set = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    set.unwrap_or_else(|| root().join("target"))
}
