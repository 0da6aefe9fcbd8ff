//! The subcommands, one file each.

mod completions;
mod consent;
mod doctor;
mod dry_run;
mod exec;
mod inspect;
mod key;
mod login;
mod logout;
mod man;
mod profile;
mod providers;
mod report;
mod sign;
mod store;
mod token;
mod verify;

use countersign_core::{Client, Extra, Token};

use crate::args::{Cli, Command, KeyCommand};
use crate::output::{Output, Stop};

pub(crate) fn run(cli: &Cli, output: &mut Output) -> Result<(), Stop> {
    let global = &cli.global;
    match &cli.command {
        Command::Token(args) => token::run(global, args, output),
        Command::Login(args) => login::run(global, args, output),
        Command::Consent(args) => consent::run(global, args, output),
        Command::Logout(args) => logout::run(global, args, output),
        Command::Exec(args) => exec::run(global, args, output),
        Command::Doctor(args) => doctor::run(global, &args.name, output),
        Command::Providers(args) => providers::run(global, args, output),
        Command::Profile(command) => profile::run(global, command, output),
        Command::Key(KeyCommand::Inspect(args)) => key::inspect(args, output),
        Command::Key(KeyCommand::New(args)) => key::new(args, output),
        Command::Sign(args) => sign::run(args, output),
        Command::Verify(args) => verify::run(args, output),
        Command::Inspect(args) => inspect::run(args, output),
        Command::Store(command) => store::run(global, command, output),
        Command::Completions(args) => completions::run(args, output),
        Command::Man(args) => man::run(args),
    }
}

/// Warns if the token could not be stored. The token is valid anyway.
fn warn_of_unsaved(client: &Client, output: &mut Output) {
    if let Some(error) = client.unsaved() {
        output.warn_of("the token could not be stored", &error);
    }
}

/// Returns a token with its `extra`, requesting the user's identity if needed.
///
/// Only warns if that request fails. If the vendor rejects the token in it, returns the token's
/// replacement.
fn with_extra(client: &Client, token: Token, output: &mut Output) -> (Token, Extra) {
    let extra = client.identity_of(&token);
    let newer = client
        .peek(None)
        .filter(|newer| newer.secret() != token.secret());
    let token = newer.unwrap_or(token);
    let extra = extra.unwrap_or_else(|error| {
        output.warn_of("cannot request the identity of the token's user", &error);
        token.extra().clone()
    });
    (token, extra)
}
