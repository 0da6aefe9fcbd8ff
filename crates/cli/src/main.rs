//! The `countersign` command: gets access tokens on the command line and keeps them valid.
//!
//! Its output and exit codes are a contract, documented in this crate's README.

#![forbid(unsafe_code)]

mod account;
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
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(usage) => return output::usage(&usage, has_json_flag(&arguments)),
    };
    let mut output = Output::new(cli.global.json, cli.global.verbose);
    let outcome = commands::run(&cli, &mut output);
    output.finish(outcome)
}

/// Returns whether `--json` is given before `--`. What follows `--` belongs to another program.
fn has_json_flag(arguments: &[OsString]) -> bool {
    let mut ours = arguments.iter().take_while(|argument| *argument != "--");
    ours.any(|argument| argument == "--json")
}
