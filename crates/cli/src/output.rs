//! Output and exit codes: the command's contract with scripts.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use countersign_core::{Connection, Error, ErrorKind, GrantKind, Verdict, jose};
use serde::Serialize;

use crate::{hints, terminal};

/// Results go to stdout and everything else to stderr.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    verbosity: u8,
    /// Warnings, held back with `--json` until the command has succeeded: a failure is exactly one
    /// line on stderr.
    held_back: Vec<String>,
    /// The command's connection, once it is known. Hints name it.
    connection: Option<(String, GrantKind)>,
}

/// Why a command stopped early.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(Box<Error>),
    /// An exit code with nothing left to print: of the program of `exec`, or of failed checks.
    Code(u8),
    /// The reader of our stdout closed it.
    ReaderGone,
}

impl Output {
    pub(crate) fn new(json: bool, verbosity: u8) -> Self {
        Self {
            json,
            verbosity,
            held_back: Vec::new(),
            connection: None,
        }
    }

    /// Sets the command's connection.
    pub(crate) fn set_connection(&mut self, connection: &Connection) {
        self.connection = Some((connection.name().to_owned(), connection.grant()));
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn verbosity(&self) -> u8 {
        self.verbosity
    }

    /// Prints a result of one line, and flushes it.
    pub(crate) fn print(&self, line: &str) -> Result<(), Stop> {
        print(line)
    }

    /// Prints a result of several lines. A line break inside one of them is escaped.
    pub(crate) fn print_lines(&self, lines: &[String]) -> Result<(), Stop> {
        lines.iter().try_for_each(|line| self.print(line))
    }

    /// Prints a result as one line of JSON.
    pub(crate) fn print_json(&self, value: &impl Serialize) -> Result<(), Stop> {
        let text = serde_json::to_string(value)
            .map_err(|e| Error::new(ErrorKind::Internal, format!("cannot encode JSON: {e}")))?;
        self.print_json_text(&text)
    }

    /// Prints JSON text, keeping its formatting.
    pub(crate) fn print_json_text(&self, text: &str) -> Result<(), Stop> {
        write(&mut io::stdout().lock(), terminal::json(text).as_bytes())
    }

    /// Prints bytes unchanged, or as one escaped line of text if stdout is a terminal.
    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> Result<(), Stop> {
        let mut out = io::stdout().lock();
        if out.is_terminal() {
            drop(out);
            return self.print(&String::from_utf8_lossy(bytes));
        }
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// Prints text without escaping. Only for text of our own, such as a shell script.
    pub(crate) fn print_own(&self, text: &str) -> Result<(), Stop> {
        write(&mut io::stdout().lock(), text.as_bytes())
    }

    /// Prints one line to stderr.
    pub(crate) fn say(&self, line: &str) {
        say(line);
    }

    /// Logs one line to stderr if `-v` is given.
    pub(crate) fn trace(&self, text: &str) {
        if self.verbosity > 0 {
            self.say(&format!("# {text}"));
        }
    }

    /// Prints a warning to stderr. With `--json`, only if the command doesn't fail afterwards.
    pub(crate) fn warn(&mut self, text: &str) {
        let line = format!("warning: {text}");
        match self.json {
            true => self.held_back.push(line),
            false => self.say(&line),
        }
    }

    /// Like [`Output::warn`], with an error's message and hint.
    pub(crate) fn warn_of(&mut self, what: &str, error: &Error) {
        let error = self.with_command(error);
        match error.hint() {
            Some(hint) => self.warn(&format!("{what}: {error} ({hint})")),
            None => self.warn(&format!("{what}: {error}")),
        }
    }

    /// Prints an error to stderr: as text, or with `--json` as one line of JSON.
    pub(crate) fn say_error(&self, error: &Error) {
        let error = self.with_command(error);
        let line = ErrorLine { error: &error };
        match serde_json::to_string(&line) {
            Ok(text) if self.json => say_json(&text),
            _ => error_lines(&error).iter().for_each(|line| say(line)),
        }
    }

    fn with_command(&self, error: &Error) -> Error {
        match &self.connection {
            Some((name, grant)) => hints::with_command(error.clone(), name, *grant),
            None => error.clone(),
        }
    }

    /// Prints the error or the warnings held back, and returns the exit code.
    pub(crate) fn finish(self, outcome: Result<(), Stop>) -> ExitCode {
        let error = match outcome {
            Err(Stop::Failed(error)) => error,
            ended => {
                self.held_back.iter().for_each(|line| self.say(line));
                return match ended {
                    Err(Stop::Code(code)) => ExitCode::from(code),
                    _ => ExitCode::SUCCESS,
                };
            }
        };
        self.say_error(&error);
        ExitCode::from(exit_code(error.verdict()))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<jose::Error> for Stop {
    fn from(error: jose::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        let message = format!("cannot write to stdout: {error}");
        Error::new(ErrorKind::Internal, message)
            .with_hint("check where stdout is redirected to: the disk may be full")
            .into()
    }
}

/// Returns the exit code of a verdict.
pub(crate) fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::FixConfiguration => 2,
        Verdict::Reauthorize => 3,
        Verdict::Retry => 4,
        Verdict::OutcomeUnknown => 5,
        Verdict::Unexpected => 6,
    }
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    error: &'a Error,
}

/// Prints one line of a result.
pub(crate) fn print(line: &str) -> Result<(), Stop> {
    write(&mut io::stdout().lock(), terminal::line(line).as_bytes())
}

/// Prints one line to stderr. Also for threads that send requests: they have no [`Output`].
pub(crate) fn say(line: &str) {
    // A closed stderr is no reason to fail.
    let _ = write(&mut io::stderr().lock(), terminal::line(line).as_bytes());
}

fn say_json(text: &str) {
    let _ = write(&mut io::stderr().lock(), terminal::json(text).as_bytes());
}

/// Writes a line that [`terminal`] has escaped, and flushes it.
fn write(to: &mut impl Write, text: &[u8]) -> Result<(), Stop> {
    to.write_all(text)?;
    to.write_all(b"\n")?;
    Ok(to.flush()?)
}

fn error_lines(error: &Error) -> Vec<String> {
    let mut lines = vec![format!("error: {error}")];
    let wait = error
        .retry_after()
        .map(|wait| format!("{} s", wait.as_secs()));
    let more = [
        ("hint", error.hint()),
        ("open", error.url()),
        ("try again after", wait.as_deref()),
        ("trace ID", error.trace_id()),
    ];
    for (what, known) in more {
        if let Some(known) = known {
            lines.push(format!("  {what}: {known}"));
        }
    }
    lines
}

/// Prints help and version to stdout, and a usage error to stderr.
pub(crate) fn usage(usage: &clap::Error, json: bool) -> ExitCode {
    if !usage.use_stderr() {
        let _ = usage.print();
        return ExitCode::SUCCESS;
    }
    if !json {
        let _ = usage.print();
        return ExitCode::from(exit_code(Verdict::FixConfiguration));
    }
    let text = usage.render().to_string();
    let (message, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let hint = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    let error = Error::new(ErrorKind::Setting, message.replace('\n', " ").trim());
    let error = match hint.is_empty() {
        true => error,
        false => error.with_hint(hint),
    };
    Output::new(true, 0).finish(Err(error.into()))
}
