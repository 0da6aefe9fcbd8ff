//! `countersign token`: prints a connection's access token.

use std::time::Duration;

use countersign_core::{Client, Clock, Error, ErrorKind, Extra, SystemClock, Token};
use serde::Serialize;

use super::{dry_run, warn_of_unsaved, with_extra};
use crate::args::{Global, TokenArgs};
use crate::config;
use crate::output::{Output, Stop};
use crate::{terminal, variables};

pub(crate) fn run(global: &Global, args: &TokenArgs, output: &mut Output) -> Result<(), Stop> {
    if output.is_json() && (args.header || args.env) {
        let message = "--json cannot be combined with --header or --env";
        return Err(Error::new(ErrorKind::Setting, message).into());
    }
    if args.dry_run {
        return dry_run::token(global, &args.name, output);
    }
    let client = config::client(global, &args.name, output)?;
    let token = obtain(&client, args, output)?;
    warn_of_unsaved(&client, output);
    if output.is_json() {
        let (token, extra) = with_extra(&client, token, output);
        output.print_json(&Printed::of(&client, &token, &extra))
    } else if args.env {
        check_printable(&token)?;
        let (token, extra) = with_extra(&client, token, output);
        let mut lines = Vec::new();
        for (name, value) in variables::of(&token, &extra) {
            match printable(&value) {
                true => lines.push(variables::export(&name, &value)),
                // Omitted rather than escaped: a script would use the escaped value.
                false => output.warn(&format!("{name} is omitted: {UNPRINTABLE}")),
            }
        }
        output.print_lines(&lines)
    } else if args.header {
        check_printable(&token)?;
        let token = with_headers(&client, token)?;
        let headers = token.headers()?;
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.expose()));
        output.print_lines(&lines.collect::<Vec<_>>())
    } else {
        check_printable(&token)?;
        output.print(token.expose())
    }
}

/// Looks up whose the token is if its headers need that.
fn with_headers(client: &Client, token: Token) -> Result<Token, Error> {
    if token.headers().is_ok() {
        return Ok(token);
    }
    client.identity_of(&token)?;
    client.token()
}

fn obtain(client: &Client, args: &TokenArgs, output: &mut Output) -> Result<Token, Error> {
    if args.force {
        return client.refresh_now();
    }
    let Some(seconds) = args.min_valid else {
        return client.token();
    };
    let min_valid = Duration::from_secs(seconds.into());
    let token = client.token_valid_for(min_valid)?;
    let left = token.remaining(SystemClock::new().now());
    if left < min_valid {
        output.warn(&format!(
            "the token is valid for only {} s: {} returned none that lasts {seconds} s",
            left.as_secs(),
            client.connection().profile().name
        ));
    }
    Ok(token)
}

const UNPRINTABLE: &str = "it contains characters that a terminal would act on";

/// Returns whether a value can be printed without escaping.
fn printable(value: &str) -> bool {
    !value.contains(terminal::acts)
}

/// Rejects a token that can't be printed without escaping: it could add a line to the header.
fn check_printable(token: &Token) -> Result<(), Error> {
    match printable(token.authorization().expose()) {
        true => Ok(()),
        false => {
            let message = format!("the token cannot be printed: {UNPRINTABLE}");
            Err(Error::new(ErrorKind::Unreadable, message).with_hint("use --json"))
        }
    }
}

/// The members of `token --json`, in the order of the contract.
#[derive(Serialize)]
struct Printed<'a> {
    access_token: &'a str,
    token_type: &'a str,
    expires_at: Option<i64>,
    scope: Option<&'a str>,
    provider: &'a str,
    connection: &'a str,
    source: &'static str,
    extra: &'a Extra,
}

impl<'a> Printed<'a> {
    fn of(client: &'a Client, token: &'a Token, extra: &'a Extra) -> Self {
        let connection = client.connection();
        Self {
            access_token: token.expose(),
            token_type: token.token_type(),
            expires_at: token.expires_at(),
            scope: token.scope(),
            provider: &connection.profile().id,
            connection: connection.name(),
            source: token.source().as_str(),
            extra,
        }
    }
}
