//! `countersign token`: a connection's access token, in the form that is asked for.

use std::time::Duration;

use countersign::{Clock, Error, ErrorKind, Extra, Keeper, SystemClock, Token};
use serde::Serialize;

use super::extra_of;
use crate::args::{Global, TokenArgs};
use crate::config;
use crate::output::{Output, Stop};
use crate::variables;

pub(crate) fn run(global: &Global, args: &TokenArgs, output: &mut Output) -> Result<(), Stop> {
    if output.is_json() && (args.header || args.env) {
        let message = "--json goes with neither --header nor --env";
        return Err(Error::new(ErrorKind::Setting, message).into());
    }
    let keeper = config::keeper(global, &args.name, output)?;
    let token = obtain(&keeper, args, output)?;
    if let Some(error) = keeper.unsaved() {
        output.warn_of("the token could not be stored", &error);
    }
    if output.is_json() {
        let extra = extra_of(&keeper, &token, output);
        output.print_json(&Printed::of(&keeper, &token, &extra))
    } else if args.env {
        let extra = extra_of(&keeper, &token, output);
        let lines = variables::of(&token, &extra);
        let lines = lines
            .iter()
            .map(|(name, value)| variables::export(name, value));
        output.print(&lines.collect::<Vec<_>>().join("\n"))
    } else if args.header {
        output.print(&header(&token)?)
    } else {
        output.print(token.expose())
    }
}

fn obtain(keeper: &Keeper, args: &TokenArgs, output: &mut Output) -> Result<Token, Error> {
    if args.force {
        return keeper.refresh_now();
    }
    let Some(seconds) = args.min_valid else {
        return keeper.token();
    };
    let least = Duration::from_secs(seconds.into());
    let token = keeper.token_valid_for(least)?;
    let left = token.remaining(SystemClock::new().now());
    if left < least {
        output.warn(&format!(
            "the token is valid for {} s: {} gives none that lasts {seconds} s",
            left.as_secs(),
            keeper.connection().profile().name
        ));
    }
    Ok(token)
}

fn header(token: &Token) -> Result<String, Error> {
    let value = token.authorization();
    // A header that a server's words could add a line to is none.
    if value.expose().contains(|c: char| c.is_control()) {
        let message = "the token's type has control characters";
        return Err(Error::new(ErrorKind::Unreadable, message));
    }
    Ok(format!("Authorization: {}", value.expose()))
}

/// The members of `token --json`, in the contract's order.
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
    fn of(keeper: &'a Keeper, token: &'a Token, extra: &'a Extra) -> Self {
        let connection = keeper.connection();
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
