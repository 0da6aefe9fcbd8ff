//! Configs: a connection's settings and the host's callbacks, from which clients are created.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign::Configuration;
use countersign_core::{Algorithm, Provider, SETTINGS, Settings};
use serde_json::json;

use crate::boundary::{call, null, object, optional, out, text};
use crate::callback::UserData;
use crate::callback::csign_destroy_fn;
use crate::error::Failure;
use crate::handle::{free, handle, new};
use crate::text::Owned;
use crate::{
    csign_clock_fn, csign_error, csign_log_fn, csign_log_level, csign_sign_fn, csign_status,
    csign_text, csign_token,
};

/// A connection's settings and callbacks, from which clients are created. For one thread at a time.
pub struct csign_config {
    _opaque: [u8; 0],
}

/// A config that can change. A change replaces it, so that readers never wait.
#[derive(Default)]
pub(crate) struct Draft(ArcSwap<Config>);

impl Draft {
    pub(crate) fn settled(&self) -> Arc<Config> {
        self.0.load_full()
    }

    /// Changes it, or leaves it unchanged if the change fails.
    fn change(
        &self,
        change: impl FnOnce(&mut Config) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut changed = Config::clone(&self.0.load());
        change(&mut changed)?;
        self.0.store(Arc::new(changed));
        Ok(())
    }
}

#[derive(Clone, Default)]
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    /// The providers of the configuration that the settings come from.
    pub(crate) providers: Vec<Arc<dyn Provider>>,
    pub(crate) signer: Option<SignerCallback>,
    pub(crate) log: Option<LogCallback>,
    pub(crate) clock: Option<ClockCallback>,
    pub(crate) listener: Option<ListenerCallback>,
}

handle!(csign_config, Config, "config", Draft);

#[derive(Clone)]
pub(crate) struct SignerCallback {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) sign:
        unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut u8, usize, *mut usize) -> i32,
    pub(crate) user_data: Arc<UserData>,
}

#[derive(Clone)]
pub(crate) struct LogCallback {
    pub(crate) most: i32,
    pub(crate) take: unsafe extern "C" fn(*mut c_void, csign_log_level, *const c_char, usize),
    pub(crate) user_data: Arc<UserData>,
}

#[derive(Clone)]
pub(crate) struct ClockCallback {
    pub(crate) read: unsafe extern "C" fn(*mut c_void, *mut i64, *mut u64) -> i32,
    pub(crate) user_data: Arc<UserData>,
}

#[derive(Clone)]
pub(crate) struct ListenerCallback {
    pub(crate) hear: unsafe extern "C" fn(*mut c_void, csign_change, *const csign_token),
    pub(crate) user_data: Arc<UserData>,
}

/// What changed about a connection's token.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum csign_change {
    /// There is a new token. The refresh token is unchanged, or there is none.
    OBTAINED = 1,
    /// There is a new token, and the vendor replaced the refresh token with it.
    ROTATED = 2,
    /// The connection was forgotten.
    FORGOTTEN = 3,
}

/// Called when the token changes: once the change is durable, and before any caller gets the token.
///
/// Called on the thread that made the change, for one change of a client at a time. Must not call
/// the client.
///
/// @param change  a csign_change.
/// @param token   the new token, borrowed until the function returns; NULL with
///                CSIGN_CHANGE_FORGOTTEN.
pub type csign_change_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, change: csign_change, token: *const csign_token),
>;

/// Creates an empty config.
///
/// It needs a name if the setting store outlives the process: see csign_config_set_name.
///
///     csign_config *config = NULL;
///     csign_error *error = NULL;
///     if (csign_config_new(&config, &error) != CSIGN_STATUS_OK
///         || csign_config_set(config, CSIGN_TEXT("provider"), CSIGN_TEXT("boldsign"), &error) != CSIGN_STATUS_OK)
///         fprintf(stderr, "%s\n", csign_error_message(error, NULL));
///
/// @param out_config  receives the config; free it with csign_config_free.
/// @param error       receives the error object on failure; may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_config_new(
    out_config: *mut *mut csign_config,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_config)?;
        out.put(new(Draft::default())?);
        Ok(())
    })
}

/// Loads a connection's settings from a TOML file, `[connections.NAME]`.
///
/// Relative paths in it are relative to the file's folder. Call it before csign_config_set and
/// csign_config_unset, which then change single settings.
///
/// @param path  the file; empty to search where the command does: $COUNTERSIGN_CONFIG,
///              ./countersign.toml, the user's configuration folder.
/// @param name  the connection's name.
///
/// The client can also use the profiles of the file: those in its list `profiles`, and those in the
/// folder `profiles` beside it. A provider of the client's registry takes precedence over one with
/// the same ID.
///
/// Errors: CSIGN_STATUS_SETTING, naming the file, the line or the setting;
/// CSIGN_STATUS_BAD_ARGUMENT if the config already has settings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_config_load(
    config: *mut csign_config,
    path: *const c_char,
    path_length: usize,
    name: *const c_char,
    name_length: usize,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let config = object(config)?;
        let path = optional!(path, path_length)?;
        let name = text!(name, name_length)?;
        config.change(|config| {
            if config.settings.keys().next().is_some() {
                let message = "the config already has settings, which loading would replace";
                return Err(Failure::misuse(csign_status::BAD_ARGUMENT, message)
                    .hint("call csign_config_load before csign_config_set"));
            }
            let configuration = match path {
                Some(path) => Configuration::read(PathBuf::from(path)),
                None => Configuration::find(),
            }?;
            config.settings = configuration.settings(name)?;
            config.providers = configuration.providers()?;
            config.name = name.to_owned();
            Ok(())
        })
    })
}

/// Names the connection. The name is in messages, and identifies the connection's tokens in a
/// store.
///
/// Without a name, csign_client_new fails if the setting store is anything but "memory".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_config_set_name(
    config: *mut csign_config,
    name: *const c_char,
    name_length: usize,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let config = object(config)?;
        let name = text!(name, name_length)?;
        if name.is_empty() {
            return Err(Failure::misuse(
                csign_status::BAD_ARGUMENT,
                "`name` is empty",
            ));
        }
        config.change(|config| {
            config.name = name.to_owned();
            Ok(())
        })
    })
}

/// Sets a setting, or replaces its value. csign_settings lists the keys.
///
/// A secret K can also be set as K_file (a path) or K_env (a variable's name).
///
/// @param key    such as "client_id"; copied.
/// @param value  its value, as text; copied.
///
/// Errors: CSIGN_STATUS_SETTING if the key is unknown, naming the nearest one, or the value is
/// empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_config_set(
    config: *mut csign_config,
    key: *const c_char,
    key_length: usize,
    value: *const c_char,
    value_length: usize,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let config = object(config)?;
        let key = text!(key, key_length)?;
        let value = text!(value, value_length)?;
        config.change(|config| Ok(config.settings.set(key, value)?))
    })
}

/// Removes a setting: for example, a private_key that csign_config_load found, to set a signer
/// instead.
///
/// The name of a secret K removes whichever of K, K_file and K_env was set; K_file and K_env remove
/// only themselves. Succeeds if the setting isn't set.
///
///     if (csign_config_unset(config, CSIGN_TEXT("private_key"), &error) == CSIGN_STATUS_OK)
///         status = csign_config_set_signer(config, CSIGN_TEXT("RS256"), NULL, 0, sign, device, NULL, &error);
///
/// @param key  such as "private_key".
///
/// Errors: CSIGN_STATUS_SETTING if the key is unknown, naming the nearest one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_config_unset(
    config: *mut csign_config,
    key: *const c_char,
    key_length: usize,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let config = object(config)?;
        let key = text!(key, key_length)?;
        config.change(|config| Ok(config.settings.unset(key)?))
    })
}

/// Sets a callback that signs assertions, instead of private_key: for keys in an HSM or a KMS.
///
/// If the loaded file has a key, remove it with csign_config_unset. `destroy` is called once, even
/// if this function fails.
///
/// @param algorithm  such as "RS256".
/// @param key_id     the `kid` of assertions; may be empty.
/// @param sign       the callback; see csign_sign_fn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_config_set_signer(
    config: *mut csign_config,
    algorithm: *const c_char,
    algorithm_length: usize,
    key_id: *const c_char,
    key_id_length: usize,
    sign: csign_sign_fn,
    user_data: *mut c_void,
    destroy: csign_destroy_fn,
    error: *mut *mut csign_error,
) -> csign_status {
    let user_data = Arc::new(UserData::new(user_data, destroy));
    call!(error, || {
        let config = object(config)?;
        let algorithm = text!(algorithm, algorithm_length)?;
        let key_id = optional!(key_id, key_id_length)?;
        let signer = SignerCallback {
            algorithm: algorithm.parse()?,
            key_id: key_id.map(str::to_owned),
            sign: sign.ok_or_else(|| null("sign"))?,
            user_data,
        };
        config.change(|config| {
            config.signer = Some(signer);
            Ok(())
        })
    })
}

/// Sets a callback for the library's log lines. Without one, nothing is logged anywhere.
///
/// `destroy` is called once, even if this function fails.
///
/// @param most  the most detailed csign_log_level to pass on.
/// @param take  the callback; see csign_log_fn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_config_set_log(
    config: *mut csign_config,
    most: i32,
    take: csign_log_fn,
    user_data: *mut c_void,
    destroy: csign_destroy_fn,
    error: *mut *mut csign_error,
) -> csign_status {
    let user_data = Arc::new(UserData::new(user_data, destroy));
    call!(error, || {
        let config = object(config)?;
        let log = LogCallback {
            most: csign_log_level::most(most)?,
            take: take.ok_or_else(|| null("take"))?,
            user_data,
        };
        config.change(|config| {
            config.log = Some(log);
            Ok(())
        })
    })
}

/// Sets a callback that returns the time, instead of the machine's clocks: for tests.
///
/// `destroy` is called once, even if this function fails.
///
/// @param read  the callback; see csign_clock_fn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_config_set_clock(
    config: *mut csign_config,
    read: csign_clock_fn,
    user_data: *mut c_void,
    destroy: csign_destroy_fn,
    error: *mut *mut csign_error,
) -> csign_status {
    let user_data = Arc::new(UserData::new(user_data, destroy));
    call!(error, || {
        let config = object(config)?;
        let clock = ClockCallback {
            read: read.ok_or_else(|| null("read"))?,
            user_data,
        };
        config.change(|config| {
            config.clock = Some(clock);
            Ok(())
        })
    })
}

/// Sets a callback for changes of the token.
///
/// `destroy` is called once, even if this function fails.
///
/// @param hear  the callback; see csign_change_fn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_config_set_listener(
    config: *mut csign_config,
    hear: csign_change_fn,
    user_data: *mut c_void,
    destroy: csign_destroy_fn,
    error: *mut *mut csign_error,
) -> csign_status {
    let user_data = Arc::new(UserData::new(user_data, destroy));
    call!(error, || {
        let config = object(config)?;
        let listener = ListenerCallback {
            hear: hear.ok_or_else(|| null("hear"))?,
            user_data,
        };
        config.change(|config| {
            config.listener = Some(listener);
            Ok(())
        })
    })
}

/// Wipes and frees a config. Its clients are not affected. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_config_free(config: *mut csign_config) {
    free(config);
}

/// Returns all settings as a JSON array of {"name", "secret", "about"}: for completion and help.
///
/// Vendors have more, written extra.NAME: see csign_registry_providers.
///
/// @param out_json  receives the text; free it with csign_text_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_settings(
    out_json: *mut *mut csign_text,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_json)?;
        let all: Vec<_> = SETTINGS
            .iter()
            .map(|key| json!({"name": key.name, "secret": key.secret, "about": key.about}))
            .collect();
        out.put(Owned::into_handle(json!(all).to_string())?);
        Ok(())
    })
}
