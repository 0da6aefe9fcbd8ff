//! `countersign exec`: runs another program in its place, with the token in the environment.

use std::process::Command;

use countersign_core::{Error, ErrorKind};

use super::{warn_of_unsaved, with_extra};
use crate::args::{ExecArgs, Global};
use crate::output::{Output, Stop};
use crate::variables;
use crate::{child, config};

pub(crate) fn run(global: &Global, args: &ExecArgs, output: &mut Output) -> Result<(), Stop> {
    let config = config::configuration(global)?;
    let client = config::client_of(&config, global, &args.name, output)?;
    let token = client.token()?;
    warn_of_unsaved(&client, output);
    let (token, extra) = with_extra(&client, token, output);
    let Some((program, rest)) = args.command.split_first() else {
        return Ok(());
    };
    let mut command = child::command(program, &config.secret_variables());
    command.args(rest).envs(variables::of(&token, &extra));
    output.trace(&format!("running {}", program.display()));
    let error = match replace_process(&mut command) {
        Ok(code) => return Err(Stop::Code(code)),
        Err(error) => error,
    };
    let message = format!("cannot run {}: {error}", program.display());
    // The codes of env(1) and shells. None of our own are the same.
    let (code, hint) = match error.kind() {
        std::io::ErrorKind::NotFound => (127, "check the program's name after --, and PATH"),
        _ => (126, "name a program after -- that this user can execute"),
    };
    output.say_error(&Error::new(ErrorKind::Setting, message).with_hint(hint));
    Err(Stop::Code(code))
}

/// Replaces this process with the program. Returns only if the program can't be run.
#[cfg(unix)]
fn replace_process(command: &mut Command) -> std::io::Result<u8> {
    use std::os::unix::process::CommandExt;
    child::allow_core_dumps();
    let error = command.exec();
    child::forbid_core_dumps();
    Err(error)
}

/// Runs the program and returns its exit code.
#[cfg(not(unix))]
fn replace_process(command: &mut Command) -> std::io::Result<u8> {
    let status = command.status()?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1))
}
