//! `countersign doctor`: a connection checked setting by setting, and then over the network.

mod network;
mod report;
mod settings;

use std::sync::Arc;

use countersign::{Connection, Error, Keeper, Registry, Settings};

use self::report::{Check, Report};
use self::settings::{Area, Facts};
use crate::args::Global;
use crate::config::{self, Config};
use crate::output::{Output, Stop};
use crate::trace::Traced;

pub(crate) fn run(global: &Global, name: &str, output: &mut Output) -> Result<(), Stop> {
    let mut report = Report::new(output.is_json());
    examine(global, name, output, &mut report)?;
    report.finish(output)
}

/// Goes on after a failure wherever the next check says something of its own.
fn examine(global: &Global, name: &str, output: &Output, report: &mut Report) -> Result<(), Stop> {
    let (config, written) = match open(global, name) {
        Ok(found) => found,
        Err(error) => return report.add(Check::failed("config", &error)),
    };
    report.add(Check::ok(
        "config",
        format!("{} has connection {name}", config.path.display()),
    ))?;
    for check in settings::permissions(&config, &written) {
        report.add(check)?;
    }
    let registry = match config::registry(global) {
        Ok(registry) => registry,
        Err(error) => return report.add(Check::failed("profile", &error)),
    };
    let (settings, made) = make(name, &written, &registry);
    let provider = settings
        .value("provider")
        .and_then(|id| registry.provider(id).ok());
    let Some(provider) = provider else {
        // `make` says which one is missing or unknown.
        return match made {
            Err(error) => report.add(Check::failed("settings", &error)),
            Ok(_) => Ok(()),
        };
    };
    let facts = Facts {
        settings: &settings,
        profile: provider.profile(),
        connection: made.as_ref().ok(),
    };
    let area = made.as_ref().err().map(Area::of);
    for check in facts.checks(made.as_ref().err()) {
        report.add(check)?;
    }
    match (made, area) {
        (Ok(connection), _) => over_the_network(connection, output, report),
        // Without its key a connection cannot ask for a token, but the server can be asked for.
        (Err(_), Some(Area::Key)) => match settings::without_key(name, &settings, provider) {
            Some(connection) => reach(&connection, output, report).map(drop),
            None => Ok(()),
        },
        (Err(_), _) => Ok(()),
    }
}

fn open(global: &Global, name: &str) -> Result<(Config, Settings), Error> {
    let config = Config::open(global)?;
    let settings = config.settings(name)?;
    Ok((config, settings))
}

/// The connection, or why there is none; and its settings, resolved where they can be.
fn make(
    name: &str,
    written: &Settings,
    registry: &Registry,
) -> (Settings, Result<Connection, Error>) {
    match written.clone().resolve(config::variable) {
        Ok(settings) => {
            let made = Connection::from_registry(name, &settings, registry);
            (settings, made)
        }
        Err(error) => (written.clone(), Err(error)),
    }
}

fn over_the_network(
    connection: Connection,
    output: &Output,
    report: &mut Report,
) -> Result<(), Stop> {
    let Some(transport) = reach(&connection, output, report)? else {
        return Ok(());
    };
    let builder = Keeper::builder(connection.clone()).transport(transport.clone());
    let keeper = match builder.build() {
        Ok(keeper) => keeper,
        Err(error) => return report.add(Check::failed("store", &error)),
    };
    for check in network::token(&keeper, transport) {
        report.add(check)?;
    }
    Ok(())
}

/// Checks the way to the server; the transport, where a token request may get through.
fn reach(
    connection: &Connection,
    output: &Output,
    report: &mut Report,
) -> Result<Option<Arc<Traced>>, Stop> {
    let transport = match Traced::new(connection.network(), output.verbosity()) {
        Ok(transport) => Arc::new(transport),
        Err(error) => {
            report.add(Check::failed("transport", &error))?;
            return Ok(None);
        }
    };
    let (checks, reached) = network::reach(connection, transport.as_ref());
    for check in checks {
        report.add(check)?;
    }
    Ok(reached.then_some(transport))
}
