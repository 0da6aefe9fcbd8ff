//! `countersign consent`: prints or opens the page where a user, or an administrator for all users,
//! consents to the app.

use countersign_core::{
    Connection, Error, ErrorKind, GrantKind, Login, SystemRandom, read_authorization_response,
};
use serde_json::json;

use crate::args::{ConsentArgs, Global};
use crate::browser::visit;
use crate::config;
use crate::output::{Output, Stop};

pub(crate) fn run(global: &Global, args: &ConsentArgs, output: &mut Output) -> Result<(), Stop> {
    let config = config::configuration(global)?;
    let client = config::client_of(&config, global, &args.name, output)?;
    let connection = client.connection();
    if !args.wait {
        return show(connection, args.admin, output);
    }
    visit(
        connection,
        &args.browser,
        &config.secret_variables(),
        output,
        |redirect_uri| {
            Login::start_consent(connection, redirect_uri, args.admin, &SystemRandom::new())
        },
        // The code isn't needed: the token is requested with an assertion.
        |login, query| {
            let response = read_authorization_response(connection, login, query);
            response.map(drop)
        },
    )?;
    // With other grants, a login asks for consent.
    let token = match connection.grant() {
        GrantKind::JwtBearer => Some(client.refresh_now()?),
        _ => None,
    };
    if output.is_json() {
        return output.print_json(&json!({
            "connection": connection.name(),
            "consented": true,
            "token": token.is_some(),
        }));
    }
    output.print(match token {
        Some(_) => "consent was given, and a token was obtained",
        None => "consent was given",
    })
}

fn show(connection: &Connection, admin: bool, output: &Output) -> Result<(), Stop> {
    let (own, everybodys) = (connection.consent_url(), connection.admin_consent_url());
    let asked = if admin { &everybodys } else { &own };
    let Some(url) = asked else {
        return Err(no_page(connection, admin).into());
    };
    if output.is_json() {
        return output.print_json(&json!({
            "connection": connection.name(),
            "url": own.as_ref().map(|url| url.as_str()),
            "admin_url": everybodys.as_ref().map(|url| url.as_str()),
        }));
    }
    output.print(url.as_str())
}

fn no_page(connection: &Connection, admin: bool) -> Error {
    let name = connection.name();
    let error = match &connection.profile().consent {
        Some(consent) if !admin || consent.admin.is_some() => {
            let message = format!("connection `{name}`: `redirect_uri` is missing");
            Error::setting("redirect_uri", message).with_hint(
                "set redirect_uri to one that is registered with the app: the page needs it",
            )
        }
        _ => {
            let whose = if admin {
                "an administrator's consent"
            } else {
                "consent without a login"
            };
            let vendor = &connection.profile().name;
            let message = format!("connection `{name}`: {vendor} has no page for {whose}");
            Error::new(ErrorKind::Setting, message).with_hint(match connection.grant() {
                GrantKind::AuthorizationCode => {
                    format!("run countersign login {name}: it asks for consent")
                }
                _ => "have an administrator allow the app at the vendor".to_owned(),
            })
        }
    };
    error.with_provider(&connection.profile().id)
}
