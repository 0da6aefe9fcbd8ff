//! The settings of a connection as text, from TOML or one key and value at a time.

mod connections;
mod keys;
mod secrets;
mod sections;
mod stamp;
#[cfg(test)]
mod tests;
mod windows_path;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

pub use self::connections::Connections;
use self::connections::none_of;
pub(crate) use self::keys::own_secret;
pub use self::keys::{SETTINGS, SettingKey};
#[cfg(feature = "ureq")]
pub(crate) use self::secrets::read_trusted;
use self::secrets::{FileSecret, SEED, is_variable_name};
#[cfg_attr(not(feature = "ureq"), allow(unused_imports))]
pub(crate) use self::stamp::FileStamp;
use crate::document;
use crate::nearest::nearest;
use crate::{Error, ErrorKind, Secret};

/// One connection's settings, not yet validated against a provider.
///
/// The keys are those of [`SETTINGS`], the same in every language. A secret `K` can also be set as
/// `K_file` (a path) or `K_env` (the name of an environment variable). [`Settings::resolve`] reads
/// these into `K`. `Debug` only shows the keys.
///
/// # Example
///
/// ```
/// use countersign_core::Settings;
///
/// let settings = Settings::from_pairs([("provider", "docusign"), ("environment", "demo")])?;
/// assert_eq!(settings.value("environment"), Some("demo"));
///
/// let error = Settings::from_pairs([("client-id", "x")]).unwrap_err();
/// assert_eq!(error.message(), "`client-id` is not a setting; did you mean `client_id`?");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Settings {
    values: BTreeMap<String, Secret>,
    /// The origin of each resolved secret for messages, such as "`private_key_file` key.pem".
    origins: BTreeMap<String, String>,
    /// The files that secrets were read from. They are read again if they have changed.
    files: BTreeMap<String, FileSecret>,
    /// The folder at which relative paths start.
    folder: Option<PathBuf>,
}

impl Settings {
    /// Returns empty settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates settings from keys and values.
    ///
    /// # Errors
    ///
    /// As [`Settings::set`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let settings = Settings::from_pairs([("provider", "docusign"), ("environment", "demo")])?;
    /// assert_eq!(settings.keys().collect::<Vec<_>>(), ["environment", "provider"]);
    /// assert!(Settings::from_pairs([("enviroment", "demo")]).is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Error> {
        let mut settings = Self::new();
        for (key, value) in pairs {
            settings.set(key, value)?;
        }
        Ok(settings)
    }

    /// Reads all connections of a TOML text: `[connections.NAME]`.
    ///
    /// # Errors
    ///
    /// If the text is not TOML (with the line), there is a table other than `connections`, or a
    /// setting is unknown or of the wrong type (with the connection's name). Errors never contain a
    /// value.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let all = Settings::from_toml(r#"
    ///     [connections.mine]
    ///     provider = "salesforce"
    ///     environment = "production"
    ///     scopes = ["api", "refresh_token"]
    /// "#)?;
    /// assert_eq!(all["mine"].value("scopes"), Some("api refresh_token"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<BTreeMap<String, Self>, Error> {
        let all = parse(text)?.into_iter();
        all.map(|(name, settings)| Ok((name, settings?))).collect()
    }

    /// Returns one of the connections of [`Settings::from_toml`].
    ///
    /// # Errors
    ///
    /// If there is none with this name. The message suggests the nearest name, and the hint lists
    /// all.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let all = Settings::from_toml("[connections.sales]\nprovider = \"salesforce\"")?;
    /// let error = Settings::select(all, "sale").unwrap_err();
    /// assert_eq!(error.message(), "there is no connection `sale`; did you mean `sales`?");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn select(mut all: BTreeMap<String, Self>, name: &str) -> Result<Self, Error> {
        if let Some(found) = all.remove(name) {
            return Ok(found);
        }
        Err(none_of(name, all.keys().map(String::as_str)))
    }

    fn from_value(value: &DeValue<'_>) -> Result<Self, Error> {
        let DeValue::Table(table) = value else {
            let message = "it must be a table of settings";
            return Err(Error::new(ErrorKind::Setting, message));
        };
        let mut settings = Self::new();
        for (key, value) in table {
            let key = key.get_ref();
            match value.get_ref() {
                DeValue::Table(own) if keys::is_table(key) => {
                    for (name, value) in own {
                        let key = format!("{key}.{}", name.get_ref());
                        settings.set(&key, &text_of(&key, value.get_ref())?)?;
                    }
                }
                value => settings.set(key, &text_of(key, value)?)?,
            }
        }
        Ok(settings)
    }

    /// Sets one key. Setting a key again replaces its value.
    ///
    /// # Errors
    ///
    /// If the key is not a setting (the message suggests the nearest one), or the value is empty.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let mut settings = Settings::new();
    /// settings.set("scopes", "api")?;
    /// assert_eq!(settings.value("scopes"), Some("api"));
    /// assert!(settings.set("scope", "api").is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        reject_unknown(key)?;
        if value.trim().is_empty() {
            return Err(Error::setting(key, format!("`{key}` is empty"))
                .with_hint(format!("set {key} to a value, or remove it")));
        }
        self.values.insert(key.to_owned(), Secret::new(value));
        Ok(())
    }

    /// Removes a key. Does nothing if it isn't set.
    ///
    /// For a secret `K`, removes `K`, `K_file` and `K_env`. The keys `K_file` and `K_env` only
    /// remove themselves.
    ///
    /// # Errors
    ///
    /// If the key is not a setting. The message suggests the nearest one.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let mut settings = Settings::from_pairs([("private_key_file", "key.pem")])?;
    /// settings.unset("private_key")?;
    /// assert_eq!(settings.keys().count(), 0);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn unset(&mut self, key: &str) -> Result<(), Error> {
        reject_unknown(key)?;
        self.values.remove(key);
        if keys::is_secret(key) {
            for spelling in [format!("{key}_file"), format!("{key}_env")] {
                self.values.remove(&spelling);
            }
            self.origins.remove(key);
            self.files.remove(key);
        }
        Ok(())
    }

    /// Sets the folder at which relative paths start, usually that of the configuration file.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    /// use std::path::Path;
    ///
    /// let settings = Settings::from_pairs([("ca_file", "ca.pem")])?;
    /// let settings = settings.relative_to(Path::new("/etc/app"));
    /// assert_eq!(settings.path("ca_file").unwrap(), Path::new("/etc/app/ca.pem"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn relative_to(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Reads every `K_file` and `K_env` into `K`. `variable` looks up environment variables,
    /// because this crate doesn't read them.
    ///
    /// A `private_key_file` may be binary (DER or PKCS#12). Then `private_key` is its base64.
    ///
    /// # Errors
    ///
    /// If a file can't be read, a variable isn't set, or a secret is set twice.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let settings = Settings::from_pairs([("client_secret_env", "APP_SECRET")])?;
    /// let settings = settings.resolve(|name| (name == "APP_SECRET").then(|| "s3cret".to_owned()))?;
    /// assert_eq!(settings.secret("client_secret").unwrap().expose(), "s3cret");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn resolve(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        for key in self.secret_keys() {
            let key = key.as_str();
            let (file, env) = (format!("{key}_file"), format!("{key}_env"));
            let given: Vec<_> = [key, &file, &env]
                .into_iter()
                .filter(|spelling| self.values.contains_key(*spelling))
                .collect();
            if given.len() > 1 {
                let message = format!("`{}` and `{}` are both set", given[0], given[1]);
                return Err(Error::setting(key, message).with_hint("remove one of them"));
            }
            let (secret, origin) = if let Some(path) = self.path(&file) {
                let origin = format!("`{file}` {}", path.display());
                let (file, secret) = FileSecret::read(key, path)?;
                if key != SEED {
                    self.files.insert(key.to_owned(), file);
                }
                (secret, origin)
            } else if let Some(name) = self.value(&env) {
                if !is_variable_name(name) {
                    // The name isn't shown, because it may be the secret itself.
                    let message = format!("`{env}` is not the name of an environment variable");
                    return Err(Error::setting(&env, message).with_hint(format!(
                        "set {env} to the name of the variable that contains the secret, or {key} to the secret"
                    )));
                }
                let missing = || {
                    let message = format!("`{env}`: the environment variable {name} is not set");
                    Error::setting(&env, message).with_hint(format!(
                        "export {name}, or set {env} to the name of another variable"
                    ))
                };
                let secret = Secret::new(variable(name).ok_or_else(missing)?);
                (secret, format!("`{env}` {name}"))
            } else {
                continue;
            };
            self.values.remove(&file);
            self.values.remove(&env);
            if secret.expose().trim().is_empty() {
                let message = format!("{origin} is empty");
                return Err(Error::setting(key, message)
                    .with_hint(format!("write the {key} to it, or remove {}", given[0])));
            }
            self.values.insert(key.to_owned(), secret);
            self.origins.insert(key.to_owned(), origin);
        }
        Ok(self)
    }

    /// Returns the names of all secrets, and of those of the vendor that are set.
    fn secret_keys(&self) -> Vec<String> {
        let known = SETTINGS.iter().filter(|key| key.secret);
        let own: BTreeSet<_> = self.keys().filter_map(own_secret).collect();
        let known = known.map(|key| key.name.to_owned());
        known.chain(own.into_iter().map(str::to_owned)).collect()
    }

    /// Returns whether secrets were read from files, which may change.
    pub(crate) fn have_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// Reads the files of secrets again. Returns `None` if no file has changed. With `always`, also
    /// reads files that look unchanged.
    ///
    /// # Errors
    ///
    /// If a file can't be read or is empty, such as one that is being written.
    pub(crate) fn reread(&self, always: bool) -> Result<Option<Self>, Error> {
        let changed = |file: &FileSecret| file.has_changed();
        if !always && !self.files.values().any(changed) {
            return Ok(None);
        }
        let mut fresh = self.clone();
        for (key, file) in &self.files {
            let (file, secret) = FileSecret::read(key, file.path().to_owned())?;
            fresh.files.insert(key.clone(), file);
            fresh.values.insert(key.clone(), secret);
        }
        Ok(Some(fresh))
    }

    /// Returns the files whose secrets differ from `former`'s for a message, or `None` if all are
    /// the same.
    pub(crate) fn replaced_since(&self, former: &Self) -> Option<String> {
        let replaced = |key: &&String| self.values.get(*key) != former.values.get(*key);
        let origins = self.files.keys().filter(replaced);
        let words: Vec<_> = origins.filter_map(|key| self.origin(key)).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// Returns the value of a key.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let settings = Settings::from_pairs([("scopes", "signature impersonation")])?;
    /// assert_eq!(settings.value("scopes"), Some("signature impersonation"));
    /// assert_eq!(settings.value("subject"), None);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(Secret::expose)
    }

    /// Returns the value of a key as a secret.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let settings = Settings::from_pairs([("client_secret", "s3cret")])?;
    /// let secret = settings.secret("client_secret").unwrap();
    /// assert_eq!(format!("{secret:?}"), "Secret(redacted)");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.values.get(key).cloned()
    }

    /// Returns the value of a key as a path. A relative path starts at the folder of
    /// [`Settings::relative_to`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::path::Path;
    /// use countersign_core::Settings;
    ///
    /// let settings = Settings::from_pairs([("private_key_file", "keys/app.pem")])?;
    /// let settings = settings.relative_to(Path::new("/etc/app"));
    /// assert_eq!(settings.path("private_key_file").unwrap(), Path::new("/etc/app/keys/app.pem"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        self.value(key).map(|path| self.absolute(path))
    }

    /// Returns the keys that are set, in order.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let settings = Settings::from_pairs([("provider", "acme"), ("client_id", "app")])?;
    /// assert_eq!(settings.keys().collect::<Vec<_>>(), ["client_id", "provider"]);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Returns where a secret was read from for a message, or `None` if it was set directly.
    pub(crate) fn origin(&self, key: &str) -> Option<&str> {
        self.origins.get(key).map(String::as_str)
    }

    /// Returns a path that starts at the folder of [`Settings::relative_to`].
    pub(crate) fn absolute(&self, path: &str) -> PathBuf {
        match &self.folder {
            Some(folder) => folder.join(path),
            None => PathBuf::from(path),
        }
    }
}

/// Parses all connections of a TOML text. Each one is its settings or an error.
fn parse(text: &str) -> Result<BTreeMap<String, Result<Settings, Error>>, Error> {
    parse_all(text).map(|(all, _)| all)
}

/// As [`parse`]. Also returns the list `profiles`.
fn parse_all(text: &str) -> Result<(Parsed, Vec<String>), Error> {
    parse_with(text, |at| document::line(text, at))
}

/// Returns the list `profiles` of a text that has nothing else, or `None`.
fn profiles_of(top: &str) -> Option<Vec<String>> {
    let table = DeTable::parse(top).ok()?;
    let mut list = Vec::new();
    for (key, value) in table.get_ref() {
        match key.get_ref().as_ref() {
            PROFILES => list = texts(value.get_ref())?,
            _ => return None,
        }
    }
    Some(list)
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    let DeValue::Array(items) = value else {
        return None;
    };
    let texts = items.iter().map(|item| match item.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    });
    texts.collect()
}

/// The list of profiles, at the top of a configuration.
const PROFILES: &str = "profiles";

/// Connections by name.
type Parsed = BTreeMap<String, Result<Settings, Error>>;

/// As [`parse`]. `line` returns the line of a byte in the text.
fn parse_with(text: &str, line: impl Fn(usize) -> usize) -> Result<(Parsed, Vec<String>), Error> {
    let reject = |message: String| Error::new(ErrorKind::Setting, message);
    let top = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let why = document::explain(text, &error);
        let error = reject(format!("line {}: {why}", line(at)));
        match windows_path::in_line(text, at) {
            true => error.with_hint(windows_path::HINT),
            false => error,
        }
    })?;
    let mut all = BTreeMap::new();
    let mut profiles = Vec::new();
    for (key, value) in top.get_ref() {
        let key = key.get_ref();
        if key == PROFILES {
            profiles = texts(value.get_ref())
                .ok_or_else(|| reject("`profiles` must be an array of texts".to_owned()))?;
            continue;
        }
        if key != "connections" {
            let meant = match nearest(key, [PROFILES]) {
                Some(_) => "did you mean `profiles`?",
                None => "put settings into [connections.NAME]",
            };
            return Err(reject(format!("`{key}` is not known here; {meant}")));
        }
        let DeValue::Table(connections) = value.get_ref() else {
            return Err(reject(
                "`connections` must be a table: [connections.NAME]".into(),
            ));
        };
        for (name, value) in connections {
            let name = name.get_ref();
            let settings = Settings::from_value(value.get_ref())
                .map_err(|e| e.in_context(format!("connection `{name}`")));
            all.insert(name.to_string(), settings);
        }
    }
    Ok((all, profiles))
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

fn reject_unknown(key: &str) -> Result<(), Error> {
    if keys::is_known(key) {
        return Ok(());
    }
    let message = match nearest(key, keys::all_spellings()) {
        Some(known) => format!("`{key}` is not a setting; did you mean `{known}`?"),
        None => format!("`{key}` is not a setting"),
    };
    Err(Error::setting(key, message).with_hint(
        "write a vendor's own setting as extra.NAME or secret.NAME, and a parameter of the login URL as authorize.NAME",
    ))
}

fn text_of(key: &str, value: &DeValue<'_>) -> Result<String, Error> {
    let must_be_plain = || {
        let kind = value.type_str();
        let message = format!("`{key}` must be text or a number, but is of type {kind}");
        Error::setting(key, message)
    };
    match value {
        DeValue::String(text) if windows_path::is_unescaped(text) => {
            let message = format!("`{key}` has a control character in place of a backslash");
            Err(Error::setting(key, message).with_hint(windows_path::HINT))
        }
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Ok(number.to_string()),
            Err(_) => Err(Error::setting(key, format!("`{key}` is too large"))
                .with_hint("write the number in quotes")),
        },
        // A vendor's own settings may be booleans.
        DeValue::Boolean(truth) if keys::is_flag(key) || keys::table_of(key).is_some() => {
            Ok(truth.to_string())
        }
        DeValue::Array(items) => {
            let words = items.iter().map(|item| text_of(key, item.get_ref()));
            Ok(words.collect::<Result<Vec<_>, _>>()?.join(" "))
        }
        DeValue::Table(_) => Err(must_be_plain().with_hint(format!(
            "remove the table, or quote a connection's name that contains a dot: \
             [connections.\"NAME.{key}\"]"
        ))),
        _ => Err(must_be_plain()),
    }
}
