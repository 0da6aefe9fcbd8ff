//! `countersign doctor`: checks a connection's settings one by one, and then the network.

mod attempt;
mod network;
mod settings;
mod trial;

use std::sync::Arc;

use countersign::Configuration;
use countersign_core::{ClientBuilder, Connection, Error, Provider, Registry, Settings, Transport};

use self::attempt::Attempt;
use self::settings::{Area, Facts};
use super::report::{Check, Report};
use crate::args::Global;
use crate::config;
use crate::output::{Output, Stop};
use crate::trace;

pub(crate) fn run(global: &Global, name: &str, output: &mut Output) -> Result<(), Stop> {
    let mut report = Report::new(output.is_json());
    examine(global, name, output, &mut report)?;
    report.finish(output)
}

/// Runs all checks. Continues after a failure if the next check doesn't depend on it.
fn examine(global: &Global, name: &str, output: &Output, report: &mut Report) -> Result<(), Stop> {
    let (config, written) = match open(global, name) {
        Ok(found) => found,
        Err(error) => return report.add(Check::failed("config", &error)),
    };
    report.add(Check::ok(
        "config",
        format!("{} has connection {name}", config.path().display()),
    ))?;
    for check in settings::permissions(&config, &written) {
        report.add(check)?;
    }
    let registry = match config::registry_of(Some(&config), global) {
        Ok(registry) => registry,
        Err(error) => return report.add(Check::failed("profile", &error)),
    };
    let provider = match provider(&written, &registry) {
        Ok(provider) => provider,
        Err(error) => return report.add(Check::failed("settings", &error)),
    };
    let attempt = Attempt::new(name, &written, config.folder(), &provider);
    let facts = Facts {
        written: &written,
        settings: &attempt.settings,
        profile: provider.profile(),
        connection: attempt.connection.as_ref(),
    };
    for check in facts.checks(&attempt.errors) {
        report.add(check)?;
    }
    let Some(connection) = attempt.connection else {
        return Ok(());
    };
    let failed = |area| attempt.errors.iter().any(|error| Area::of(error) == area);
    if attempt.errors.is_empty() {
        check_network(connection, output, report)
    } else if failed(Area::Environment) || failed(Area::Other) {
        // The server, or the way to it, is unknown.
        Ok(())
    } else {
        reach(&connection, output, report).map(drop)
    }
}

fn open(global: &Global, name: &str) -> Result<(Configuration, Settings), Error> {
    let config = config::configuration(global)?;
    let settings = config.settings(name)?;
    Ok((config, settings))
}

fn provider(settings: &Settings, registry: &Registry) -> Result<Arc<dyn Provider>, Error> {
    let ids: Vec<_> = registry.iter().map(|p| p.profile().id.clone()).collect();
    let missing = || {
        Error::setting("provider", "`provider` is missing")
            .with_hint(format!("set it to one of: {}", ids.join(", ")))
    };
    registry.provider(settings.value("provider").ok_or_else(missing)?)
}

/// Checks the way to the server, then requests a token.
fn check_network(connection: Connection, output: &Output, report: &mut Report) -> Result<(), Stop> {
    let Some(transport) = reach(&connection, output, report)? else {
        return Ok(());
    };
    let builder = config::builder(connection, transport.clone(), output);
    let client = match builder.and_then(ClientBuilder::build) {
        Ok(client) => client,
        Err(error) => return report.add(Check::failed("store", &error)),
    };
    for check in network::token(&client, transport) {
        report.add(check)?;
    }
    Ok(())
}

/// Checks the way to the server. Returns the transport if the server responded.
fn reach(
    connection: &Connection,
    output: &Output,
    report: &mut Report,
) -> Result<Option<Arc<dyn Transport>>, Stop> {
    let transport = match trace::transport(connection.network(), output.verbosity()) {
        Ok(transport) => transport,
        Err(error) => {
            report.add(Check::failed("transport", &error))?;
            return Ok(None);
        }
    };
    let discovered = match network::discover(connection, transport.as_ref()) {
        Ok((discovered, check)) => {
            check.into_iter().try_for_each(|check| report.add(check))?;
            discovered
        }
        Err(error) => {
            report.add(Check::failed("discovery", &error))?;
            return Ok(None);
        }
    };
    let (checks, reached) = network::reach(&discovered, transport.as_ref());
    for check in checks {
        report.add(check)?;
    }
    Ok(reached.then_some(transport))
}
