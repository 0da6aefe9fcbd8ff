//! Finds all invalid settings, not only the first one: replaces it and tries again.

use std::path::Path;
use std::sync::Arc;

use countersign_core::{Algorithm, Connection, Error, Profile, Provider, Settings, Signer, jose};

use super::settings::{Area, bare};

/// A connection built from settings, after the invalid ones were removed or replaced.
pub(super) struct Attempt {
    /// `None` if a setting could be neither removed nor replaced.
    pub(super) connection: Option<Connection>,
    /// The errors, in the order in which they occurred.
    pub(super) errors: Vec<Error>,
    /// The settings, with secrets read if there is a connection.
    pub(super) settings: Settings,
}

/// The maximum number of errors to report at once.
const MAX_ERRORS: usize = 12;

impl Attempt {
    pub(super) fn new(
        name: &str,
        written: &Settings,
        folder: &Path,
        provider: &Arc<dyn Provider>,
    ) -> Self {
        let mut errors: Vec<Error> = Vec::new();
        let mut settings = written.clone();
        let mut without_key = false;
        loop {
            let error = match build(name, &settings, provider, without_key) {
                Ok((settings, connection)) => {
                    return Self {
                        connection: Some(connection),
                        errors,
                        settings,
                    };
                }
                Err(error) => error,
            };
            let setting = bare(error.setting_name().unwrap_or_default()).to_owned();
            let same = |known: &Error| known.setting_name().map(bare) == Some(setting.as_str());
            let give_up = errors.iter().any(same) || errors.len() == MAX_ERRORS;
            without_key |= Area::of(&error) == Area::Key;
            let repaired =
                (!give_up).then(|| repaired(&settings, folder, &error, provider.profile()));
            errors.push(error);
            match repaired.flatten() {
                Some(repaired) => settings = repaired,
                None => {
                    return Self {
                        connection: None,
                        errors,
                        settings,
                    };
                }
            }
        }
    }
}

fn build(
    name: &str,
    settings: &Settings,
    provider: &Arc<dyn Provider>,
    without_key: bool,
) -> Result<(Settings, Connection), Error> {
    let settings = settings
        .clone()
        .resolve(countersign::environment::variable)?;
    let provider = Arc::clone(provider);
    let connection = match without_key {
        true => Connection::with_signer(name, &settings, provider, Arc::new(NoSigner)),
        false => countersign::connection_at(name, &settings, provider, None),
    };
    connection.map(|connection| (settings, connection))
}

/// Returns the settings without the invalid one, or with a placeholder for it.
fn repaired(
    settings: &Settings,
    folder: &Path,
    error: &Error,
    profile: &Profile,
) -> Option<Settings> {
    let invalid = error.setting_name()?;
    let is_key = Area::of(error) == Area::Key;
    let key_settings = [
        "private_key",
        "private_key_passphrase",
        "algorithm",
        "key_id",
    ];
    let is_invalid = |key: &str| match is_key {
        true => key_settings.contains(&bare(key)),
        false => bare(key) == bare(invalid),
    };
    let mut repaired = Settings::new().relative_to(folder);
    let mut removed = false;
    for key in settings.keys() {
        match is_invalid(key) {
            true => removed = true,
            false => repaired.set(key, settings.value(key)?).ok()?,
        }
    }
    match placeholder(bare(invalid), profile) {
        Some(value) if !is_key => repaired.set(bare(invalid), value).ok()?,
        _ if removed || is_key => {}
        _ => return None,
    }
    Some(repaired)
}

/// Returns a valid value for a setting that may be required. It is never sent anywhere.
fn placeholder<'a>(setting: &str, profile: &'a Profile) -> Option<&'a str> {
    match setting {
        "subject" if profile.id == "salesforce" => Some("someone@example.com"),
        "subject" => Some("00000000-0000-0000-0000-000000000000"),
        "client_id" | "client_secret" | "refresh_token" => Some("unknown"),
        "redirect_uri" => Some("http://127.0.0.1/callback"),
        "base_url" => Some("https://unknown.invalid/path"),
        "environment" => profile.environments.keys().next().map(String::as_str),
        _ => None,
    }
}

/// Takes the place of an invalid key.
#[derive(Debug)]
struct NoSigner;

impl Signer for NoSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }

    fn sign(&self, _: &[u8], _: &mut Vec<u8>) -> Result<(), jose::Error> {
        Err(jose::Error::new(
            jose::ErrorKind::Signing,
            "there is no key",
        ))
    }
}
