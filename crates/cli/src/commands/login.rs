//! `countersign login`: opens a browser for a login and stores the tokens.

use countersign::stores::place;
use countersign_core::{Client, Connection, Error, ErrorKind, GrantKind, StoreSetting, Token};
use serde_json::json;

use super::{dry_run, with_extra};
use crate::account;
use crate::args::{Global, LoginArgs};
use crate::browser::visit;
use crate::config;
use crate::output::{Output, Stop};

pub(crate) fn run(global: &Global, args: &LoginArgs, output: &mut Output) -> Result<(), Stop> {
    if args.dry_run {
        let connection = config::connection(global, &args.name, output)?;
        check_grant(&connection)?;
        return match on_other_device(&connection, args) {
            true => dry_run::device_login(&connection, output),
            false => dry_run::login(&connection, output),
        };
    }
    let config = config::configuration(global)?;
    let client = config::client_of(&config, global, &args.name, output)?;
    let connection = client.connection();
    check_grant(connection)?;
    warn_of_loss(connection, output);
    let token = match on_other_device(connection, args) {
        true => device(&client, output)?,
        false => visit(
            connection,
            &args.browser,
            &config.secret_variables(),
            output,
            |redirect_uri| client.start_login(Some(redirect_uri)),
            |login, query| client.complete_login(login, query),
        )?,
    };
    account::choose(&client, args.account.as_deref(), output)?;
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

fn on_other_device(connection: &Connection, args: &LoginArgs) -> bool {
    args.device || connection.grant() == GrantKind::DeviceCode
}

/// Shows where to log in with which code, and waits until the person has decided.
fn device(client: &Client, output: &mut Output) -> Result<Token, Stop> {
    let login = client.start_device_login()?;
    let expires_in = login.expires_in().as_secs();
    if output.is_json() {
        output.print_json(&json!({
            "verification_uri": login.verification_uri(),
            "verification_uri_complete": login.verification_uri_complete(),
            "user_code": login.user_code(),
            "expires_in": expires_in,
        }))?;
    } else {
        output.say("open this URL on any device:");
        output.say(&format!("  {}", login.verification_uri()));
        output.say(&format!("and enter this code: {}", login.user_code()));
        if let Some(url) = login.verification_uri_complete() {
            output.say("or open this URL, and check that it shows the same code:");
            output.say(&format!("  {url}"));
        }
        output.say(&format!("waiting up to {expires_in} s for the login"));
    }
    let token = client.complete_device_login(&login, |wait| {
        std::thread::sleep(wait);
        Ok(())
    })?;
    Ok(token)
}

/// Rejects grants without a login, and says what to run instead.
fn check_grant(connection: &Connection) -> Result<(), Error> {
    let (name, grant) = (connection.name(), connection.grant());
    let instead = match grant {
        GrantKind::AuthorizationCode | GrantKind::DeviceCode => return Ok(()),
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
