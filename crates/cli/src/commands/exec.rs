//! `countersign exec`: becomes another program, with the token in its environment.

use std::process::Command;

use countersign::{Error, ErrorKind};

use super::{warn_of_unsaved, with_extra};
use crate::args::{ExecArgs, Global};
use crate::output::{Output, Stop};
use crate::variables;
use crate::{child, config};

pub(crate) fn run(global: &Global, args: &ExecArgs, output: &mut Output) -> Result<(), Stop> {
    let config = config::configuration(global)?;
    let keeper = config::keeper_of(&config, global, &args.name, output)?;
    let token = keeper.token()?;
    warn_of_unsaved(&keeper, output);
    let (token, extra) = with_extra(&keeper, token, output);
    let Some((program, rest)) = args.command.split_first() else {
        return Ok(());
    };
    let mut command = child::command(program, &config.secret_variables());
    command.args(rest).envs(variables::of(&token, &extra));
    output.trace(&format!("running {}", program.display()));
    let error = match become_it(&mut command) {
        Ok(code) => return Err(Stop::Code(code)),
        Err(error) => error,
    };
    let message = format!("{} cannot be run: {error}", program.display());
    let told = Error::new(ErrorKind::Setting, message);
    // As env(1) and every shell have it, and none of our own codes.
    let (code, hint) = match error.kind() {
        std::io::ErrorKind::NotFound => (127, "check the name of the program after --, and PATH"),
        _ => (126, "name a program after -- that this user may run"),
    };
    output.say_error(&told.with_hint(hint));
    Err(Stop::Code(code))
}

/// Comes back only where the program cannot be run: signals and exit code are all its own.
#[cfg(unix)]
fn become_it(command: &mut Command) -> std::io::Result<u8> {
    use std::os::unix::process::CommandExt;
    child::allow_core_dumps();
    let error = command.exec();
    child::forbid_core_dumps();
    Err(error)
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> std::io::Result<u8> {
    let status = command.status()?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}
