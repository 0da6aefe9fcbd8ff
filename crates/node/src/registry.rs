//! The providers that clients can use.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::{Error, Registry, provider_from_toml};
use countersign_plugin::{Loader, Sha256};
use napi_derive::napi;

use crate::callback::{Log, LogFields};
use crate::host::{Host, NativeHost, run};
use crate::outcome::Value;

struct Providers {
    registry: Mutex<Registry>,
    loader: Loader,
}

impl Providers {
    /// Replaces the registry, unless that fails. Calls run one after another.
    fn add(&self, add: impl FnOnce(Registry) -> Result<Registry, Error>) -> Result<(), Error> {
        let mut registry = self.lock();
        *registry = add(registry.clone())?;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registry, as the package's TypeScript sees it.
#[napi]
pub struct NativeRegistry {
    host: Arc<Host>,
    providers: Arc<Providers>,
}

#[napi]
impl NativeRegistry {
    /// Creates a registry of the built-in providers. `log` receives what plugins log.
    #[napi(constructor, catch_unwind)]
    pub fn new(host: &NativeHost, log: Option<LogFields>) -> napi::Result<Self> {
        let host = Arc::clone(&host.host);
        let mut loader = Loader::new();
        if let Some(log) = log {
            let log = Log::new(&host, &log);
            loader = loader.with_log(move |plugin, level, line| {
                log.say(level.into(), &format!("plugin {plugin}: {line}"));
            });
        }
        let registry = countersign::registry();
        let registry = registry.map_err(|error| napi::Error::from_reason(error.to_string()))?;
        let registry = Mutex::new(registry);
        let providers = Arc::new(Providers { registry, loader });
        Ok(Self { host, providers })
    }

    /// Adds a provider that a profile describes. It takes precedence over a vendor of the catalogue
    /// with the same ID.
    #[napi(catch_unwind)]
    pub fn add_profile(&self, call: u32, toml: String) {
        let providers = Arc::clone(&self.providers);
        run(&self.host, call, move || {
            let provider = provider_from_toml(&toml)?;
            providers.add(|registry| registry.with(provider))?;
            Ok(Value::Nothing)
        });
    }

    /// Loads a plugin and adds its providers.
    #[napi(catch_unwind)]
    pub fn load_plugin(&self, call: u32, path: String, sha256: Option<String>) {
        let providers = Arc::clone(&self.providers);
        run(&self.host, call, move || {
            let digest = sha256.map(|text| text.parse::<Sha256>()).transpose()?;
            let plugin = providers.loader.load(Path::new(&path), digest)?;
            providers.add(|registry| plugin.register(registry))?;
            Ok(Value::Nothing)
        });
    }

    /// Describes the providers, as JSON.
    #[napi(catch_unwind)]
    pub fn providers(&self, call: u32) {
        let providers = Arc::clone(&self.providers);
        run(&self.host, call, move || {
            let registry = providers.lock().clone();
            Ok(Value::Text(registry.describe()))
        });
    }
}

impl NativeRegistry {
    pub(crate) fn registry(&self) -> Registry {
        self.providers.lock().clone()
    }
}
