//! `countersign completions`: prints a shell completion script.

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};
use crate::output::{Output, Stop};

pub(crate) fn run(args: &CompletionsArgs, output: &Output) -> Result<(), Stop> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "countersign", &mut script);
    output.print_own(String::from_utf8_lossy(&script).trim_end())
}
