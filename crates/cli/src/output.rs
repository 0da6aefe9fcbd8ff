//! What is printed, where, and the exit code: the command's contract with scripts.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use countersign::{Connection, Error, ErrorKind, GrantKind, Verdict, jose};
use serde::Serialize;

use crate::{hints, terminal};

/// Results go to stdout and everything else to stderr.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    verbosity: u8,
    /// With `--json` a failure is exactly one line on stderr: warnings wait until it is known
    /// that there is none.
    held_back: Vec<String>,
    /// The connection that the command works for, once it is known: hints name it.
    connection: Option<(String, GrantKind)>,
}

/// Why a command ends before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(Box<Error>),
    /// An exit code of somebody else: the program run by `exec`, or checks told already.
    Code(u8),
    /// Whoever read our output has gone away.
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

    /// Sets the connection that the command works for.
    pub(crate) fn set_connection(&mut self, connection: &Connection) {
        self.connection = Some((connection.name().to_owned(), connection.grant()));
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn verbosity(&self) -> u8 {
        self.verbosity
    }

    /// Prints a result of one line, and has it read at once.
    pub(crate) fn print(&self, line: &str) -> Result<(), Stop> {
        print(line)
    }

    /// Prints a result of several lines. A line break within one of them begins no line.
    pub(crate) fn print_lines(&self, lines: &[String]) -> Result<(), Stop> {
        lines.iter().try_for_each(|line| self.print(line))
    }

    /// Prints a result as one line of JSON.
    pub(crate) fn print_json(&self, value: &impl Serialize) -> Result<(), Stop> {
        let text = serde_json::to_string(value)
            .map_err(|e| Error::new(ErrorKind::Internal, format!("the result as JSON: {e}")))?;
        self.print_json_text(&text)
    }

    /// Prints JSON as it was written, or formatted for a person.
    pub(crate) fn print_json_text(&self, text: &str) -> Result<(), Stop> {
        write(&mut io::stdout().lock(), terminal::json(text).as_bytes())
    }

    /// Prints bytes as they are, for a program that reads them; a terminal gets them as one line of text.
    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> Result<(), Stop> {
        let mut out = io::stdout().lock();
        if out.is_terminal() {
            drop(out);
            return self.print(&String::from_utf8_lossy(bytes));
        }
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// Prints a text that is all our own, such as a script for a shell.
    pub(crate) fn print_own(&self, text: &str) -> Result<(), Stop> {
        write(&mut io::stdout().lock(), text.as_bytes())
    }

    /// Tells a person at the terminal what goes on, in one line.
    pub(crate) fn say(&self, line: &str) {
        say(line);
    }

    /// Says with `-v` what is done.
    pub(crate) fn trace(&self, text: &str) {
        if self.verbosity > 0 {
            self.say(&format!("# {text}"));
        }
    }

    /// Tells what is not right, though it did not stop the command.
    pub(crate) fn warn(&mut self, text: &str) {
        let line = format!("warning: {text}");
        match self.json {
            true => self.held_back.push(line),
            false => self.say(&line),
        }
    }

    /// As [`Output::warn`], with an error's message and hint.
    pub(crate) fn warn_of(&mut self, what: &str, error: &Error) {
        let error = self.with_command(error);
        match error.hint() {
            Some(hint) => self.warn(&format!("{what}: {error} ({hint})")),
            None => self.warn(&format!("{what}: {error}")),
        }
    }

    /// Tells what went wrong, as a person or a program reads it.
    pub(crate) fn say_error(&self, error: &Error) {
        let error = self.with_command(error);
        let told = Told {
            error: ErrorJson::of(&error),
        };
        match serde_json::to_string(&told) {
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

    /// Tells how it ended, on stderr and in the exit code.
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
        let message = format!("the output cannot be written: {error}");
        Error::new(ErrorKind::Internal, message)
            .with_hint("look at what stdout leads to: a full disk, a closed file")
            .into()
    }
}

/// The exit code of a verdict.
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
struct Told<'a> {
    error: ErrorJson<'a>,
}

/// An error as the contract has it: every member is there, null where nothing is known.
#[derive(Serialize)]
struct ErrorJson<'a> {
    verdict: &'static str,
    kind: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
    http_status: Option<u16>,
    oauth_error: Option<&'a str>,
    oauth_description: Option<&'a str>,
    retry_after_s: Option<u64>,
    url: Option<&'a str>,
    trace_id: Option<&'a str>,
    provider: Option<&'a str>,
    setting: Option<&'a str>,
}

impl<'a> ErrorJson<'a> {
    fn of(error: &'a Error) -> Self {
        Self {
            verdict: error.verdict().as_str(),
            kind: error.kind().as_str(),
            message: error.message(),
            hint: error.hint(),
            http_status: error.http_status(),
            oauth_error: error.oauth_error(),
            oauth_description: error.oauth_description(),
            retry_after_s: error.retry_after().map(|wait| wait.as_secs()),
            url: error.url(),
            trace_id: error.trace_id(),
            provider: error.provider(),
            setting: error.setting_name(),
        }
    }
}

/// Prints one line of a result.
pub(crate) fn print(line: &str) -> Result<(), Stop> {
    write(&mut io::stdout().lock(), terminal::line(line).as_bytes())
}

/// Tells a person something from wherever it happens: requests are sent on threads that no
/// [`Output`] reaches.
pub(crate) fn say(line: &str) {
    // Nobody at stderr is no reason to fail.
    let _ = write(&mut io::stderr().lock(), terminal::line(line).as_bytes());
}

fn say_json(text: &str) {
    let _ = write(&mut io::stderr().lock(), terminal::json(text).as_bytes());
}

/// The one place where the command writes to a terminal: [`terminal`] has made it fit for that.
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
        ("the vendor's trace id", error.trace_id()),
    ];
    for (what, known) in more {
        if let Some(known) = known {
            lines.push(format!("  {what}: {known}"));
        }
    }
    lines
}

/// Tells what clap has to say: help and version on stdout, a wrong usage on stderr.
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
