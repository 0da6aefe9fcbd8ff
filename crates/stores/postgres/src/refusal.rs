//! What a server's refusal means, and what to do about it.

use countersign_store::Error;
use countersign_store_address::{Address, failed, misconfigured};

pub(crate) const TRY_AGAIN: &str = "try again; if it stays, look at the server's log";

/// What an SQLSTATE says of the statement it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It was rolled back.
    RolledBack,
    /// It was rolled back, for others were in the way: it may be sent again at once.
    InTheWay,
    /// The connection ended; it may have been done.
    CutOff,
    /// The server is not one that takes changes (any more): another connection may find one.
    ReadOnly,
}

pub(crate) fn meaning(code: &str) -> Meaning {
    match code {
        "40001" | "40P01" | "55P03" => Meaning::InTheWay,
        "25006" => Meaning::ReadOnly,
        // Told to end, by an administrator or after a neighbour's crash: it does not say when.
        "57P01" | "57P02" | "57P05" => Meaning::CutOff,
        _ if code.starts_with("08") => Meaning::CutOff,
        _ => Meaning::RolledBack,
    }
}

/// Puts a refusal in our words. The server's own words hold no parameter's value here: no
/// statement of ours can fail on one, and details and contexts are left out.
pub(crate) fn explain(at: &Address, code: &str, message: &str) -> Error {
    let text = format!("{at} refused: {message} (SQLSTATE {code})");
    match code {
        "28P01" | "28000" => misconfigured(
            text,
            "check the user and password in `store`, or its password_file, and the server's pg_hba.conf",
        ),
        "3D000" => misconfigured(text, "name a database that is there: postgres://USER@HOST/DATABASE"),
        "42501" => misconfigured(text, "the user needs SELECT, INSERT and UPDATE on countersign_records"),
        "42P01" | "42703" => misconfigured(
            text,
            "the tables are gone or not ours: start this program again, and it makes them",
        ),
        "57014" => failed(text).with_hint(
            "the statement took longer than the option timeout_ms: somebody holds the row, or the server is slow",
        ),
        "25006" => failed(text).with_hint("the server is a standby: name the primary in `store`"),
        "53100" => failed(text).with_hint("the server's disk is full"),
        "53300" => failed(text).with_hint("raise max_connections, or lower the option pool in `store`"),
        "57P03" => failed(text).with_hint("the server is starting: try again"),
        _ => failed(text).with_hint(TRY_AGAIN),
    }
}
