//! Explains a server's errors.

use countersign_store::Error;
use countersign_store_address::{Address, failed, misconfigured};

pub(crate) const TRY_AGAIN: &str = "try again; if this keeps happening, check the server's log";

/// What an SQLSTATE means for its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It was rolled back.
    RolledBack,
    /// It was rolled back because it conflicted with others. It may be sent again at once.
    Conflict,
    /// The connection ended, and it may have been carried out.
    Lost,
    /// The server doesn't accept writes (any more). Another connection may find one that does.
    ReadOnly,
}

pub(crate) fn meaning(code: &str) -> Meaning {
    match code {
        "40001" | "40P01" | "55P03" => Meaning::Conflict,
        "25006" => Meaning::ReadOnly,
        // An administrator or another session's crash ended the session, at an unknown point.
        "57P01" | "57P02" | "57P05" => Meaning::Lost,
        _ if code.starts_with("08") => Meaning::Lost,
        _ => Meaning::RolledBack,
    }
}

/// Builds the error for an SQLSTATE and the server's message.
///
/// The message contains no parameter values: none of this crate's statements can fail because of
/// one, and the error's detail and context are left out.
pub(crate) fn explain(at: &Address, code: &str, message: &str) -> Error {
    let text = format!("{at} rejected the request: {message} (SQLSTATE {code})");
    match code {
        "28P01" | "28000" => misconfigured(
            text,
            "check the user and password in `store`, or its password_file, and the server's pg_hba.conf",
        ),
        "3D000" => misconfigured(
            text,
            "name an existing database: postgres://USER@HOST/DATABASE",
        ),
        "42501" => misconfigured(
            text,
            "grant the user SELECT, INSERT and UPDATE on countersign_records",
        ),
        "42P01" | "42703" => misconfigured(
            text,
            "restart this program to create the tables: they are missing or not from countersign",
        ),
        "57014" => failed(text).with_hint(
            "raise the option timeout_ms, or find out who locks the row or why the server is slow",
        ),
        "25006" => failed(text).with_hint("name the primary in `store`: the server is a standby"),
        "53100" => failed(text).with_hint("free space on the server's disk"),
        "53300" => {
            failed(text).with_hint("raise max_connections, or lower the option pool in `store`")
        }
        "57P03" => failed(text).with_hint("try again: the server is starting"),
        _ => failed(text).with_hint(TRY_AGAIN),
    }
}
