//! The results of checks: their output, and the exit code.

use countersign_core::{Error, Verdict};
use serde::Serialize;

use crate::output::{Output, Stop, exit_code, print};

/// The checks so far. Text output prints each one at once, JSON output prints all at the end.
#[derive(Debug)]
pub(crate) struct Report {
    json: bool,
    checks: Vec<Check>,
}

/// The result of one check.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    check: &'static str,
    status: Status,
    detail: String,
    fix: Option<String>,
    #[serde(skip)]
    verdict: Option<Verdict>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Status {
    #[serde(rename = "ok")]
    Ok,
    #[serde(rename = "warn")]
    Warn,
    #[serde(rename = "FAIL")]
    Fail,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            checks: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, check: Check) -> Result<(), Stop> {
        if !self.json {
            check.lines().iter().try_for_each(|line| print(line))?;
        }
        self.checks.push(check);
        Ok(())
    }

    /// Prints JSON output, and returns the exit code of the worst failure.
    ///
    /// `Retry` comes last, because it may pass by itself.
    pub(crate) fn finish(self, output: &Output) -> Result<(), Stop> {
        if self.json {
            output.print_json(&self.checks)?;
        }
        const WORST_FIRST: [Verdict; 5] = [
            Verdict::FixConfiguration,
            Verdict::Reauthorize,
            Verdict::OutcomeUnknown,
            Verdict::Unexpected,
            Verdict::Retry,
        ];
        let occurred =
            |verdict: &&Verdict| self.checks.iter().any(|c| c.verdict == Some(**verdict));
        match WORST_FIRST.iter().find(occurred) {
            Some(worst) => Err(Stop::Code(exit_code(*worst))),
            None => Ok(()),
        }
    }
}

impl Check {
    pub(crate) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self {
            check,
            status: Status::Ok,
            detail: detail.into(),
            fix: None,
            verdict: None,
        }
    }

    pub(crate) fn warn(
        check: &'static str,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Warn,
            fix: Some(fix.into()),
            ..Self::ok(check, detail)
        }
    }

    pub(crate) fn fail(
        check: &'static str,
        verdict: Verdict,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Fail,
            verdict: Some(verdict),
            ..Self::warn(check, detail, fix)
        }
    }

    /// Builds a failed check from an error. Its hint and URL are the fix.
    pub(crate) fn failed(check: &'static str, error: &Error) -> Self {
        let parts = [error.hint(), error.url()].into_iter().flatten();
        let fix = parts.collect::<Vec<_>>().join(": ");
        Self {
            status: Status::Fail,
            fix: Some(fix).filter(|fix| !fix.is_empty()),
            verdict: Some(error.verdict()),
            ..Self::ok(check, error.message())
        }
    }

    fn lines(&self) -> Vec<String> {
        let status = match self.status {
            Status::Ok => "ok  ",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
        };
        let check = format!("{status}  {}: {}", self.check, self.detail);
        let fix = self.fix.as_ref().map(|fix| format!("      fix: {fix}"));
        [check].into_iter().chain(fix).collect()
    }
}
