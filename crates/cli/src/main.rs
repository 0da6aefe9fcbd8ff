//! The `countersign` command: gets access tokens on the command line and keeps them valid.
//!
//! What it prints and its exit codes are a contract, written down in this crate's README.

#![forbid(unsafe_code)]

mod args;
mod browser;
mod child;
mod commands;
mod config;
mod hints;
mod input;
mod output;
mod terminal;
mod trace;
mod variables;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::output::Output;

fn main() -> ExitCode {
    child::forbid_core_dumps();
    let given: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&given) {
        Ok(cli) => cli,
        Err(usage) => return output::usage(&usage, asks_for_json(&given)),
    };
    let mut output = Output::new(cli.global.json, cli.global.verbose);
    let outcome = commands::run(&cli, &mut output);
    output.finish(outcome)
}

/// What comes after `--` belongs to another command.
fn asks_for_json(given: &[OsString]) -> bool {
    let ours = given.iter().take_while(|word| *word != "--");
    ours.into_iter().any(|word| word == "--json")
}
