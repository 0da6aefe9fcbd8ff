//! `countersign login`: opens a browser for a login and stores the tokens.

use countersign::stores::place;
use countersign_core::{Connection, Error, ErrorKind, GrantKind, StoreSetting, Token};
use serde_json::json;

use super::{dry_run, with_extra};
use crate::args::{Global, LoginArgs};
use crate::browser::visit;
use crate::config;
use crate::output::{Output, Stop};

pub(crate) fn run(global: &Global, args: &LoginArgs, output: &mut Output) -> Result<(), Stop> {
    if args.dry_run {
        let connection = config::connection(global, &args.name, output)?;
        check_grant(&connection)?;
        return dry_run::login(&connection, output);
    }
    let config = config::configuration(global)?;
    let client = config::client_of(&config, global, &args.name, output)?;
    let connection = client.connection();
    check_grant(connection)?;
    warn_of_loss(connection, output);
    let token = visit(
        connection,
        &args.browser,
        &config.secret_variables(),
        output,
        |redirect_uri| client.start_login(Some(redirect_uri)),
        |login, query| client.complete_login(login, query),
    )?;
    let (token, extra) = with_extra(&client, token, output);
    let renewable = client.has_refresh_token()?;
    let missing = connection.scopes_not_granted(&token);
    for warning in client.login_warnings(&token)? {
        output.warn(&warned(&warning));
    }
    if output.is_json() {
        return output.print_json(&json!({
            "connection": connection.name(),
            "provider": connection.profile().id,
            "environment": connection.environment(),
            "expires_at": token.expires_at(),
            "scope": token.scope(),
            "renewable": renewable,
            "scopes_not_granted": missing,
            "extra": extra,
        }));
    }
    let mut lines = summary(connection, &token);
    lines.extend(
        extra
            .iter()
            .map(|(name, value)| format!("  {name}: {value}")),
    );
    output.print_lines(&lines)
}

/// Rejects grants without a login, and says what to run instead.
fn check_grant(connection: &Connection) -> Result<(), Error> {
    let (name, grant) = (connection.name(), connection.grant());
    let instead = match grant {
        GrantKind::AuthorizationCode => return Ok(()),
        GrantKind::JwtBearer => {
            format!("run countersign consent {name}, where its user consents once")
        }
        GrantKind::ClientCredentials => {
            format!("run countersign token {name}: the app needs no user")
        }
        GrantKind::RefreshToken => {
            "set grant = \"authorization-code\" to log in, instead of setting refresh_token"
                .to_owned()
        }
        GrantKind::DeviceCode => {
            "set grant = \"authorization-code\": device-code is not implemented".to_owned()
        }
    };
    let message = format!("connection `{name}`: grant {grant} has no login");
    let error = Error::new(ErrorKind::Setting, message)
        .with_setting("grant")
        .with_provider(&connection.profile().id)
        .with_hint(instead);
    Err(match (grant, connection.consent_url()) {
        (GrantKind::JwtBearer, Some(url)) => error.with_url(url.as_str()),
        _ => error,
    })
}

/// Warns before the login if its tokens will be lost, or can't be refreshed.
fn warn_of_loss(connection: &Connection, output: &mut Output) {
    if *connection.store() == StoreSetting::Memory {
        output.warn(
            "store is memory: the tokens will be lost when this command ends (set store = \"file:FOLDER\")",
        );
    }
    let wanted = &connection.rules().refresh_scopes;
    if !wanted.is_empty()
        && !wanted
            .iter()
            .any(|scope| connection.scopes().contains(scope))
    {
        let name = &connection.profile().name;
        let or = wanted.join("` or `");
        output.warn(&format!(
            "{name} returns no refresh token without the scope `{or}`: you will have to log in again when the access token expires"
        ));
    }
}

/// Formats a warning and its hint as one line.
fn warned(warning: &Error) -> String {
    match warning.hint() {
        Some(hint) => format!("{}; {hint}", warning.message()),
        None => warning.message().to_owned(),
    }
}

fn summary(connection: &Connection, token: &Token) -> Vec<String> {
    let (provider, environment) = (&connection.profile().name, connection.environment());
    let mut lines = vec![format!(
        "logged in: connection {} at {provider} ({environment})",
        connection.name()
    )];
    if let Some(scope) = token.scope() {
        lines.push(format!("  scope: {scope}"));
    }
    lines.push(format!("  stored in: {}", place(connection.store())));
    lines
}
