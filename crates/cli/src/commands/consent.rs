//! `countersign consent`: where a user, or an administrator for everybody, lets the app act.

use countersign::{
    Connection, Error, ErrorKind, GrantKind, Login, SystemRandom, read_authorization_response,
};
use serde_json::json;

use crate::args::{ConsentArgs, Global};
use crate::browser::visit;
use crate::config;
use crate::output::{Output, Stop};

pub(crate) fn run(global: &Global, args: &ConsentArgs, output: &mut Output) -> Result<(), Stop> {
    let config = config::configuration(global)?;
    let keeper = config::keeper_of(&config, global, &args.name, output)?;
    let connection = keeper.connection();
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
        // The code that comes along is not needed: the assertion is what asks for the token.
        |login, query| {
            let response = read_authorization_response(connection, login, query);
            response.map(drop)
        },
    )?;
    // A consent is for a grant without a login; with one, the login itself asks.
    let token = match connection.grant() {
        GrantKind::JwtBearer => Some(keeper.refresh_now()?),
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
                "the page needs one: set redirect_uri to one that is registered at the vendor",
            )
        }
        _ => {
            let whose = if admin {
                "an administrator's consent"
            } else {
                "a consent ahead"
            };
            let vendor = &connection.profile().name;
            let message = format!("connection `{name}`: {vendor} has no page for {whose}");
            Error::new(ErrorKind::Setting, message).with_hint(match connection.grant() {
                GrantKind::AuthorizationCode => {
                    format!("its login asks for consent: countersign login {name}")
                }
                _ => "an administrator allows the app at the vendor".to_owned(),
            })
        }
    };
    error.with_provider(&connection.profile().id)
}
