//! Adds commands to the libraries' hints.
//!
//! The libraries' hints name settings, files and functions, because most of their callers are
//! programs. Only this module adds the command that does the same.

use countersign_core::{Error, ErrorKind, GrantKind, Verdict};

/// Appends to an error's hint the command that carries it out, if there is one.
pub(crate) fn with_command(error: Error, connection: &str, grant: GrantKind) -> Error {
    match command(&error, connection, grant) {
        Some(command) => and(error, &format!("on the command line, run `{command}`")),
        None => error,
    }
}

/// Appends to the error for an unknown provider how the command lists and adds providers.
pub(crate) fn with_providers(error: Error) -> Error {
    match error.setting_name() {
        Some("provider") => and(
            error,
            "on the command line, run `countersign providers WORD` to search, or add --profile FILE",
        ),
        _ => error,
    }
}

/// Appends the option `--port` to the hint of an error about a port that is in use.
pub(crate) fn with_port_option(error: Error) -> Error {
    and(error, "to use another port for this login only, add --port")
}

fn command(error: &Error, connection: &str, grant: GrantKind) -> Option<String> {
    let has_login = matches!(grant, GrantKind::AuthorizationCode | GrantKind::DeviceCode);
    match (error.kind(), error.verdict(), error.setting_name()) {
        (_, Verdict::Reauthorize, _) | (_, _, Some("refresh_token")) if has_login => {
            Some(format!("countersign login {connection}"))
        }
        (ErrorKind::Store, _, Some("store_key")) => {
            Some(format!("countersign store rekey {connection}"))
        }
        _ => None,
    }
}

fn and(error: Error, more: &str) -> Error {
    let hint = match error.hint() {
        Some(hint) => format!("{hint}; {more}"),
        None => more.to_owned(),
    };
    error.with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_names_the_command_for_the_grant() {
        let login = Error::new(ErrorKind::LoginRequired, "over").with_hint("log in again");
        let seed = Error::setting("refresh_token", "presented before");
        let plain = Error::new(ErrorKind::Store, "plain").with_setting("store_key");
        let code = GrantKind::AuthorizationCode;
        for (error, grant, command) in [
            (&login, code, Some("countersign login mine")),
            (&seed, code, Some("countersign login mine")),
            (
                &login,
                GrantKind::DeviceCode,
                Some("countersign login mine"),
            ),
            (&login, GrantKind::RefreshToken, None),
            (&seed, GrantKind::RefreshToken, None),
            (&login, GrantKind::JwtBearer, None),
            (
                &plain,
                GrantKind::JwtBearer,
                Some("countersign store rekey mine"),
            ),
        ] {
            let changed = with_command(error.clone(), "mine", grant);
            let hint = changed.hint().unwrap_or_default();
            match command {
                Some(command) => assert!(hint.ends_with(&format!("run `{command}`")), "{hint}"),
                None => assert_eq!(changed.hint(), error.hint()),
            }
            assert!(hint.starts_with(error.hint().unwrap_or_default()), "{hint}");
        }
    }
}
