//! Registries: the providers that clients can use.

use std::ffi::{c_char, c_void};
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::{Error, Registry, provider_from_toml};
use countersign_plugin::{Loader, Sha256};

use crate::boundary::{call, null, object, optional, out, text};
use crate::callback::UserData;
use crate::error::Failure;
use crate::handle::{free, handle, new};
use crate::log::HostLog;
use crate::text::Owned;
use crate::{
    csign_destroy_fn, csign_error, csign_log_fn, csign_log_level, csign_status, csign_text,
};

/// The providers that clients can use: the built-in ones and those that the host adds.
///
/// Add providers first, from one thread. After that any number of threads may create clients with
/// it.
pub struct csign_registry {
    _opaque: [u8; 0],
}

/// A change replaces the value, so that readers never wait.
pub(crate) struct Providers {
    registry: ArcSwap<Registry>,
    loader: ArcSwap<Loader>,
}

handle!(csign_registry, Registry, "registry", Providers);

impl Providers {
    pub(crate) fn registry(&self) -> Registry {
        Registry::clone(&self.registry.load())
    }

    fn add(&self, add: impl FnOnce(Registry) -> Result<Registry, Error>) -> Result<(), Failure> {
        self.registry.store(Arc::new(add(self.registry())?));
        Ok(())
    }
}

/// Creates a registry with the built-in providers.
///
/// @param out_registry  receives the registry; free it with csign_registry_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_registry_new(
    out_registry: *mut *mut csign_registry,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_registry)?;
        out.put(new(Providers {
            registry: ArcSwap::from_pointee(countersign::registry()?),
            loader: ArcSwap::from_pointee(Loader::new()),
        })?);
        Ok(())
    })
}

/// Adds a provider from a profile in TOML. It takes precedence over a vendor of the catalogue with
/// the same ID.
///
/// Errors: CSIGN_STATUS_SETTING, naming the line or the field, or if the provider's ID is taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_registry_add_profile(
    registry: *mut csign_registry,
    toml: *const c_char,
    toml_length: usize,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let registry = object(registry)?;
        let toml = text!(toml, toml_length)?;
        let provider = provider_from_toml(toml)?;
        registry.add(|registry| registry.with(provider))
    })
}

/// Sets a callback for the log lines of plugins that are loaded after this call.
///
/// Without one, plugins' log lines are dropped. `destroy` is called once, even if this function
/// fails, but not before the process exits if a plugin was loaded.
///
/// @param most  the most detailed csign_log_level to pass on.
/// @param take  the callback; see csign_log_fn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_registry_set_log(
    registry: *mut csign_registry,
    most: i32,
    take: csign_log_fn,
    user_data: *mut c_void,
    destroy: csign_destroy_fn,
    error: *mut *mut csign_error,
) -> csign_status {
    let user_data = Arc::new(UserData::new(user_data, destroy));
    call!(error, || {
        let registry = object(registry)?;
        let log = Arc::new(HostLog {
            take: take.ok_or_else(|| null("take"))?,
            most: csign_log_level::most(most)?,
            user_data,
            client: 0,
        });
        let loader = Loader::new().with_log(move |plugin, level, line| {
            log.say(level.into(), &format!("plugin {plugin}: {line}"));
        });
        registry.loader.store(Arc::new(loader));
        Ok(())
    })
}

/// Loads a plugin and adds its providers.
///
/// A plugin is native code that runs with all rights of this process: load only plugins that you
/// would run. It is never unloaded, and can't replace an existing provider.
///
/// @param path    the plugin's absolute path; only the owner may be able to write the file and its
///                folder.
/// @param sha256  the file's SHA-256 in hex, to load no other file; may be empty.
///
/// Errors: CSIGN_STATUS_SETTING if the path, the file or its digest is wrong; CSIGN_STATUS_PLUGIN
/// if the plugin breaks its contract.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_registry_load_plugin(
    registry: *mut csign_registry,
    path: *const c_char,
    path_length: usize,
    sha256: *const c_char,
    sha256_length: usize,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let registry = object(registry)?;
        let path = text!(path, path_length)?;
        let sha256 = optional!(sha256, sha256_length)?;
        let digest = sha256.map(str::parse::<Sha256>).transpose()?;
        let plugin = registry.loader.load_full().load(Path::new(path), digest)?;
        registry.add(|registry| plugin.register(registry))
    })
}

/// Returns all providers as a JSON array of {"id", "name", "documentation", "environments",
/// "grants", "extra"}.
///
/// @param out_json  receives the text; free it with csign_text_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_registry_providers(
    registry: *const csign_registry,
    out_json: *mut *mut csign_text,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_json)?;
        let registry = object(registry)?;
        out.put(Owned::into_handle(registry.registry().describe())?);
        Ok(())
    })
}

/// Frees a registry. Clients created with it are not affected. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_registry_free(registry: *mut csign_registry) {
    free(registry);
}
