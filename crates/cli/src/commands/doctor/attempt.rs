//! Finds everything that is wrong, not only the first: what is refused is set right and tried again.

use std::path::Path;
use std::sync::Arc;

use countersign::{Algorithm, Connection, Error, Profile, Provider, Settings, Signer, jose};

use super::settings::{Area, bare};

/// A connection made of settings, some of which may have had to be set right for it.
pub(super) struct Attempt {
    /// None, where something could not even be guessed.
    pub(super) connection: Option<Connection>,
    /// What was refused, in the order it was met.
    pub(super) refusals: Vec<Error>,
    /// The settings with secrets read, as far as they could be.
    pub(super) settings: Settings,
}

/// More mistakes than this in one connection are told next time.
const MOST_REFUSALS: usize = 12;

impl Attempt {
    pub(super) fn new(
        name: &str,
        written: &Settings,
        folder: &Path,
        provider: &Arc<dyn Provider>,
    ) -> Self {
        let mut refusals: Vec<Error> = Vec::new();
        let mut settings = written.clone();
        let mut without_key = false;
        loop {
            let error = match make(name, &settings, provider, without_key) {
                Ok((settings, connection)) => {
                    return Self {
                        connection: Some(connection),
                        refusals,
                        settings,
                    };
                }
                Err(error) => error,
            };
            let setting = bare(error.setting_name().unwrap_or_default()).to_owned();
            let met = |known: &Error| known.setting_name().map(bare) == Some(setting.as_str());
            let again = refusals.iter().any(met) || refusals.len() == MOST_REFUSALS;
            without_key |= Area::of(&error) == Area::Key;
            let mended = (!again).then(|| mended(&settings, folder, &error, provider.profile()));
            refusals.push(error);
            match mended.flatten() {
                Some(better) => settings = better,
                None => {
                    return Self {
                        connection: None,
                        refusals,
                        settings,
                    };
                }
            }
        }
    }
}

fn make(
    name: &str,
    settings: &Settings,
    provider: &Arc<dyn Provider>,
    without_key: bool,
) -> Result<(Settings, Connection), Error> {
    let settings = settings.clone().resolve(countersign_builtin::variable)?;
    let provider = Arc::clone(provider);
    let connection = match without_key {
        true => Connection::with_signer(name, &settings, provider, Arc::new(NoSigner)),
        false => countersign_builtin::connection_at(name, &settings, provider, None),
    };
    connection.map(|connection| (settings, connection))
}

/// The settings with the refused one left out, or with something in its place that passes.
fn mended(
    settings: &Settings,
    folder: &Path,
    error: &Error,
    profile: &Profile,
) -> Option<Settings> {
    let refused = error.setting_name()?;
    let is_key = Area::of(error) == Area::Key;
    let key_settings = [
        "private_key",
        "private_key_passphrase",
        "algorithm",
        "key_id",
    ];
    let goes = |key: &str| match is_key {
        true => key_settings.contains(&bare(key)),
        false => bare(key) == bare(refused),
    };
    let mut better = Settings::new().relative_to(folder);
    let mut left_out = false;
    for key in settings.keys() {
        match goes(key) {
            true => left_out = true,
            false => better.set(key, settings.value(key)?).ok()?,
        }
    }
    match stand_in(bare(refused), profile) {
        Some(value) if !is_key => better.set(bare(refused), value).ok()?,
        _ if left_out || is_key => {}
        _ => return None,
    }
    Some(better)
}

/// A value that passes where a setting cannot be left out. It is never sent anywhere.
fn stand_in<'a>(setting: &str, profile: &'a Profile) -> Option<&'a str> {
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
