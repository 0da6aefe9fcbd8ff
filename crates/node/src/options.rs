//! Builds a client from the package's options.

use std::path::PathBuf;
use std::sync::Arc;

use countersign::{Configuration, Observed};
use countersign_core::{Client, Error, Provider, Registry, Settings, Signer};
use napi_derive::napi;

use crate::callback::{Callback, Level, Log, LogFields, SignerFields, signer};
use crate::clock::AdvancedClock;
use crate::host::Host;
use crate::outcome::Failure;

/// A setting, or one to remove.
#[napi(object)]
pub struct SettingFields {
    /// The setting's name.
    pub name: String,
    /// Its value; absent to remove it.
    pub value: Option<String>,
}

/// What a client is built from.
#[napi(object)]
pub struct ClientFields {
    /// The connection's name in a file; absent if no file is read.
    pub connection: Option<String>,
    /// The file; absent for the default.
    pub path: Option<String>,
    /// The connection's name.
    pub name: Option<String>,
    /// Settings that are set or removed.
    pub settings: Vec<SettingFields>,
    /// The program's signer.
    pub signer: Option<SignerFields>,
    /// The program's log.
    pub log: Option<LogFields>,
    /// The program's listener.
    pub on_change: Option<u32>,
}

/// The callbacks that a client uses. They are released when this is dropped.
pub(crate) struct Callbacks {
    signer: Option<Result<Arc<dyn Signer>, Error>>,
    log: Option<Arc<Log>>,
    listener: Option<Callback>,
}

impl Callbacks {
    pub(crate) fn take(host: &Arc<Host>, options: &mut ClientFields) -> Self {
        let given = options.signer.take();
        let log = options.log.take();
        let listener = options.on_change.take();
        Self {
            signer: given.map(|given| Ok(Arc::new(signer(host, given)?) as _)),
            log: log.map(|log| Arc::new(Log::new(host, &log))),
            listener: listener.map(|id| Callback::new(host, id)),
        }
    }
}

/// Builds a client. Reads files, and opens the store.
pub(crate) fn client(
    options: &ClientFields,
    callbacks: Callbacks,
    registry: &Registry,
    clock: Option<Arc<AdvancedClock>>,
) -> Result<Client, Failure> {
    let (name, settings, own) = settings(options)?;
    // A provider of the program takes precedence.
    let mut own = own.into_iter().filter(|own| !registry.has(own.id()));
    let registry = &own.try_fold(registry.clone(), Registry::with)?;
    let settings = countersign::resolve(&name, settings)?;
    let log = callbacks.log;
    let signer = callbacks.signer.transpose()?;
    let connection = countersign::connection(&name, &settings, registry, signer)?;
    let network = connection.network().clone();
    let mut builder = countersign::client_builder(connection, |error: &Error| {
        if let Some(log) = &log {
            log.say(Level::Warn, &error.to_string());
        }
    })?;
    let transport = countersign::transport(&network)?;
    builder = match log {
        None => builder.transport(Arc::new(transport)),
        Some(log) => {
            let lines = Arc::clone(&log);
            let observed = Observed::new(transport, move |detail, line| {
                let level = if detail { Level::Debug } else { Level::Info };
                lines.say(level, line);
            });
            builder
                .on_warning(move |error| log.say(Level::Warn, &error.to_string()))
                .transport(Arc::new(observed))
        }
    };
    if let Some(clock) = clock {
        builder = builder.clock(clock);
    }
    if let Some(listener) = callbacks.listener {
        builder = builder.on_change(move |change| listener.hear(change));
    }
    Ok(builder.build()?)
}

/// The connection's name and settings, and the providers that its file describes.
type Described = (String, Settings, Vec<Arc<dyn Provider>>);

/// Returns the file's description, changed by the program's settings.
fn settings(options: &ClientFields) -> Result<Described, Failure> {
    let mut settings = Settings::default();
    let mut own = Vec::new();
    let mut name = String::new();
    if let Some(connection) = &options.connection {
        let configuration = match &options.path {
            Some(path) => Configuration::read(PathBuf::from(path)),
            None => Configuration::find(),
        }?;
        settings = configuration.settings(connection)?;
        own = configuration.providers()?;
        name.clone_from(connection);
    }
    if let Some(given) = &options.name {
        if given.is_empty() {
            let hint = "pass the connection's name, or leave it out";
            return Err(Failure::usage("`name` is empty", hint));
        }
        name.clone_from(given);
    }
    // Remove settings first, so that a key file can be replaced by a key in another form.
    for setting in options.settings.iter().filter(|one| one.value.is_none()) {
        settings.unset(&setting.name)?;
    }
    for SettingFields { name, value } in &options.settings {
        if let Some(value) = value {
            settings.set(name, value)?;
        }
    }
    Ok((name, settings, own))
}
