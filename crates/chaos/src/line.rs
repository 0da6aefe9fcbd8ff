//! What a worker tells its parent: one JSON object a line, each in one write.

use std::io;

use countersign::{Error, Token};
use countersign_sandbox::fingerprint;
use serde::{Deserialize, Serialize};

/// A line that a worker prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// A refresh of a tenant is at this point.
    At {
        /// The tenant's index.
        who: usize,
        /// The point.
        point: String,
    },
    /// From an answer read to its being durable, in microseconds.
    Window(u64),
    /// A caller waited longer than any before, between these moments.
    Waited {
        /// In milliseconds since 1970.
        from_ms: i64,
        /// In milliseconds since 1970.
        to_ms: i64,
    },
    /// A caller was refused.
    Refused {
        /// The tenant's index.
        who: usize,
        /// The verdict.
        verdict: String,
        /// The kind.
        kind: String,
        /// The words.
        message: String,
    },
    /// A caller was given a token that had run out before the call.
    Expired,
    /// A caller was given a token that this thread has not seen before.
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
        /// When it ended, or when it was seen running.
        to_ms: i64,
        /// Its bound.
        bound_ms: u64,
    },
    /// The process lives.
    Beat,
    /// It forked a child, which will ask for tokens if so.
    Forked {
        /// The child's process id.
        child: u32,
        /// Whether it will ask for tokens.
        asks: bool,
    },
    /// A forked child's calls have all returned.
    ForkDone {
        /// The child's process id.
        child: u32,
    },
    /// Something that must not happen.
    Wrong(String),
}

impl Line {
    /// The error that a caller got instead of a token.
    pub fn refused(who: usize, error: &Error) -> Self {
        Self::Refused {
            who,
            verdict: error.verdict().as_str().to_owned(),
            kind: error.kind().as_str().to_owned(),
            message: error.message().chars().take(1000).collect(),
        }
    }

    /// Prints it. It takes no lock, so that a forked child can print as well, and what a killed
    /// process has said is said.
    pub fn say(&self) {
        let text = serde_json::to_string(self).unwrap_or_default() + "\n";
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match rustix::io::write(rustix::stdio::stdout(), rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if io::Error::from(error).kind() == io::ErrorKind::Interrupted => {}
                // The parent is gone.
                Err(_) => return,
            }
        }
    }
}

/// Tells of a token that was handed out, unless it is the one of the last call.
pub(crate) fn tell_whose(who: usize, token: &Token, seen: &mut Option<String>) {
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
