//! What a worker reports to its parent: one JSON object per line.

use std::io;

use countersign_core::{Error, Token};
use countersign_sandbox::fingerprint;
use serde::{Deserialize, Serialize};

/// A report, printed as one line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// A refresh of a tenant is at this failpoint.
    At {
        /// The tenant's index.
        who: usize,
        /// The failpoint.
        point: String,
    },
    /// The time from reading a response until it was durable, in microseconds.
    Window(u64),
    /// A caller waited longer than any before.
    Waited {
        /// When it began, in milliseconds since 1970.
        from_ms: i64,
        /// When it ended, in milliseconds since 1970.
        to_ms: i64,
    },
    /// A caller got an error.
    Failed {
        /// The tenant's index.
        who: usize,
        /// The error's verdict.
        verdict: String,
        /// The error's kind.
        kind: String,
        /// The error's message.
        message: String,
    },
    /// A caller got a token that had expired before the call.
    Expired,
    /// A caller got a token that this thread hasn't seen before.
    Got {
        /// The tenant's index.
        who: usize,
        /// The token's fingerprint.
        print: String,
    },
    /// A call took longer than its bound, or is still running.
    Late {
        /// Which call.
        call: String,
        /// When it began, in milliseconds since 1970.
        from_ms: i64,
        /// When it ended, or was last seen running, in milliseconds since 1970.
        to_ms: i64,
        /// Its bound.
        bound_ms: u64,
    },
    /// The process is alive.
    Beat,
    /// The process has forked a child.
    Forked {
        /// The child's process id.
        child: u32,
        /// Whether the child will request tokens.
        asks: bool,
    },
    /// All calls of a forked child have returned.
    ForkDone {
        /// The child's process id.
        child: u32,
    },
    /// Something happened that must not happen.
    Wrong(String),
}

impl Line {
    /// Reports the error that a caller got instead of a token.
    pub fn failed(who: usize, error: &Error) -> Self {
        Self::Failed {
            who,
            verdict: error.verdict().as_str().to_owned(),
            kind: error.kind().as_str().to_owned(),
            message: error.message().chars().take(1000).collect(),
        }
    }

    /// Prints it.
    ///
    /// Takes no lock, so that a forked child can print as well, and doesn't buffer, so that a kill
    /// loses nothing.
    pub fn say(&self) {
        let text = serde_json::to_string(self).unwrap_or_default() + "\n";
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match rustix::io::write(rustix::stdio::stdout(), rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if io::Error::from(error).kind() == io::ErrorKind::Interrupted => {}
                // The parent has ended.
                Err(_) => return,
            }
        }
    }
}

/// Reports a token that a caller got, unless it is the same as before.
pub(crate) fn report_token(who: usize, token: &Token, seen: &mut Option<String>) {
    let print = fingerprint(token.expose());
    if seen.as_ref() != Some(&print) {
        let got = Line::Got {
            who,
            print: print.clone(),
        };
        got.say();
        *seen = Some(print);
    }
}
