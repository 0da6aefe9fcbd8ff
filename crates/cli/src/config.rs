//! Builds a connection's client from the configuration file, the providers and the transport.

use std::sync::Arc;

use countersign::Configuration;
use countersign::configuration::read_text;
use countersign::stores::place;
use countersign_core::{
    Client, ClientBuilder, Connection, Error, Registry, StoreKey, Transport, provider_from_toml,
};
use countersign_plugin::Loader;

use crate::args::Global;
use crate::output::{Output, Stop};
use crate::{hints, trace};

/// Reads the configuration that `--config` names, or finds it.
pub(crate) fn configuration(global: &Global) -> Result<Configuration, Error> {
    match &global.config {
        Some(path) => Configuration::read(path.clone()),
        None => Configuration::find(),
    }
}

/// Builds a client for the connection of this name.
pub(crate) fn client(global: &Global, name: &str, output: &mut Output) -> Result<Client, Stop> {
    client_of(&configuration(global)?, global, name, output)
}

/// Builds the connection of this name, without a store.
pub(crate) fn connection(
    global: &Global,
    name: &str,
    output: &mut Output,
) -> Result<Connection, Stop> {
    connection_of(&configuration(global)?, global, name, output)
}

/// Like [`client`], with a configuration that was already read.
pub(crate) fn client_of(
    config: &Configuration,
    global: &Global,
    name: &str,
    output: &mut Output,
) -> Result<Client, Stop> {
    let connection = connection_of(config, global, name, output)?;
    output.trace(&format!(
        "connection {name} of {}: {}, environment {}, grant {}, store {}",
        config.path().display(),
        connection.profile().name,
        connection.environment(),
        connection.grant(),
        place(connection.store()),
    ));
    let transport = trace::transport(connection.network(), output.verbosity())?;
    Ok(builder(connection, transport, output)?.build()?)
}

fn connection_of(
    config: &Configuration,
    global: &Global,
    name: &str,
    output: &mut Output,
) -> Result<Connection, Stop> {
    let settings = config.settings(name)?;
    for exposed in config.exposed(&settings) {
        output.warn(&format!("{} ({})", exposed.detail(), exposed.fix()));
    }
    let settings = countersign::resolve(name, settings)?;
    let registry = registry_of(Some(config), global)?;
    let connection =
        countersign::connection(name, &settings, &registry, None).map_err(hints::with_providers)?;
    output.set_connection(&connection);
    Ok(connection)
}

/// Returns the key of a connection's record, or `None` if its settings are invalid.
pub(crate) fn store_key(global: &Global, name: &str) -> Option<StoreKey> {
    let config = configuration(global).ok()?;
    let settings = countersign::resolve(name, config.settings(name).ok()?).ok()?;
    let registry = registry_of(Some(&config), global).ok()?;
    let connection = countersign::connection(name, &settings, &registry, None).ok()?;
    Some(connection.record_key())
}

/// Returns a client's builder, with the connection's store and its fallback store.
pub(crate) fn builder(
    connection: Connection,
    transport: Arc<dyn Transport>,
    output: &Output,
) -> Result<ClientBuilder, Error> {
    let trace = |error: &Error| output.trace(&error.to_string());
    Ok(countersign::client_builder(connection, trace)?.transport(transport))
}

/// Returns the built-in providers, those of `--profile` and `--plugin`, and those of the
/// configuration, if there is one.
pub(crate) fn registry(global: &Global) -> Result<Registry, Error> {
    let config = match (configuration(global), &global.config) {
        (Ok(config), _) => Some(config),
        (Err(error), Some(_)) => return Err(error),
        // Providers can be listed before there is a configuration.
        (Err(_), None) => None,
    };
    registry_of(config.as_ref(), global)
}

/// Returns the built-in providers, those of the configuration, and those of `--profile` and
/// `--plugin`.
pub(crate) fn registry_of(
    config: Option<&Configuration>,
    global: &Global,
) -> Result<Registry, Error> {
    let mut registry = match config {
        Some(config) => config.registry()?,
        None => countersign::registry()?,
    };
    for path in &global.profiles {
        let shown = path.display();
        let text = read_text("--profile", path)?;
        registry = provider_from_toml(&text)
            .and_then(|provider| registry.clone().with(provider))
            .map_err(|e| e.in_context(format_args!("--profile {shown}")))?;
    }
    let verbosity = global.verbose;
    let loader = Loader::new()
        .with_log(move |plugin, level, text| trace::plugin(plugin, level, text, verbosity));
    for file in &global.plugins {
        registry = loader.load(&file.path, file.digest)?.register(registry)?;
    }
    Ok(registry)
}
