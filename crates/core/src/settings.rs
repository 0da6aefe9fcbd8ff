//! The settings of a connection, as text: from TOML, or one key and value at a time.

mod connections;
mod keys;
mod secrets;
mod sections;
mod stamp;
mod windows_path;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

pub use self::connections::Connections;
use self::connections::none_of;
pub use self::keys::{SETTINGS, SettingKey};
#[cfg(feature = "ureq")]
pub(crate) use self::secrets::read_trusted;
use self::secrets::{FileSecret, SEED, is_variable_name};
#[cfg_attr(not(feature = "ureq"), allow(unused_imports))]
pub(crate) use self::stamp::FileStamp;
use crate::document::{self, Field};
use crate::nearest::nearest;
use crate::{Error, ErrorKind, Secret};

/// The settings of one connection, not yet held against a provider.
///
/// The keys are those of [`SETTINGS`], the same in every language. A secret `K` may also be
/// given as `K_file` (a path) or `K_env` (the name of an environment variable), which
/// [`Settings::resolve`] turns into `K`. `Debug` shows keys only.
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
    /// Where a resolved secret came from, for messages: `private_key_file` key.pem.
    origins: BTreeMap<&'static str, String>,
    /// The files that secrets were read from, to be read again when they have changed.
    files: BTreeMap<&'static str, FileSecret>,
    /// The folder that relative paths start from.
    folder: Option<PathBuf>,
}

impl Settings {
    /// No settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Settings from keys and values.
    ///
    /// # Errors
    ///
    /// As [`Settings::set`].
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Error> {
        let mut settings = Self::new();
        for (key, value) in pairs {
            settings.set(key, value)?;
        }
        Ok(settings)
    }

    /// Every connection of a TOML text: `[connections.NAME]`.
    ///
    /// # Errors
    ///
    /// Where the text is not TOML (with the line), a table other than `connections` is there, or
    /// a setting is unknown or of the wrong type (with the connection's name). A value is never
    /// repeated in an error.
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

    /// Takes one connection out of those of [`Settings::from_toml`].
    ///
    /// # Errors
    ///
    /// Where there is none of this name; the message names the nearest one and the hint lists all.
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

    fn from_field(field: Field<'_>) -> Result<Self, Error> {
        let fields = field
            .entries()
            .map_err(|_| Error::new(ErrorKind::Setting, "it must be a table of settings"))?;
        let mut settings = Self::new();
        for (key, field) in fields {
            match field.value {
                DeValue::Table(_) if keys::is_table(&key) => {
                    for (name, field) in field.entries().into_iter().flatten() {
                        let key = format!("{key}.{name}");
                        settings.set(&key, &text_of(&key, field)?)?;
                    }
                }
                _ => settings.set(&key, &text_of(&key, field)?)?,
            }
        }
        Ok(settings)
    }

    /// Sets one key. Setting a key again replaces its value.
    ///
    /// # Errors
    ///
    /// Where the key is not a setting (the message names the nearest one), or the value is empty.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        refuse_unknown(key)?;
        if value.trim().is_empty() {
            return Err(Error::setting(key, format!("`{key}` is empty"))
                .with_hint(format!("give {key} a value or leave it out")));
        }
        self.values.insert(key.to_owned(), Secret::new(value));
        Ok(())
    }

    /// Takes one key away, such as one that a file has and a program brings otherwise. The name of
    /// a secret `K` takes away whichever of `K`, `K_file` and `K_env` was given; `K_file` and
    /// `K_env` only themselves. Taking away what is not set is fine.
    ///
    /// # Errors
    ///
    /// Where the key is not a setting; the message names the nearest one.
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
        refuse_unknown(key)?;
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

    /// The settings with relative paths taken as starting from this folder, which is usually the
    /// one that holds the configuration file.
    #[must_use]
    pub fn relative_to(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Reads every `K_file` and `K_env` into `K`. `variable` looks up environment variables:
    /// core does not read any by itself.
    ///
    /// A `private_key_file` may be binary, DER or PKCS#12: then `private_key` is its base64.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read or a variable is not set, or a secret is given twice.
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
        for key in SETTINGS.iter().filter(|key| key.secret).map(|key| key.name) {
            let (file, env) = (format!("{key}_file"), format!("{key}_env"));
            let given: Vec<_> = [key, &file, &env]
                .into_iter()
                .filter(|spelling| self.values.contains_key(*spelling))
                .collect();
            if given.len() > 1 {
                let message = format!("`{}` and `{}` are both given", given[0], given[1]);
                return Err(Error::setting(key, message).with_hint("keep one of them"));
            }
            let (secret, origin) = if let Some(path) = self.path(&file) {
                let origin = format!("`{file}` {}", path.display());
                let (file, secret) = FileSecret::read(key, path)?;
                if key != SEED {
                    self.files.insert(key, file);
                }
                (secret, origin)
            } else if let Some(name) = self.value(&env) {
                if !is_variable_name(name) {
                    // It may be the secret itself: it is not repeated.
                    let message = format!("`{env}` is not the name of an environment variable");
                    return Err(Error::setting(&env, message).with_hint(format!(
                        "write the name of the variable that holds the secret, or set {key} to the secret"
                    )));
                }
                let missing = || {
                    let message = format!("`{env}`: the environment has no variable {name}");
                    Error::setting(&env, message).with_hint(format!(
                        "export {name}, or set {env} to the name of another"
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
                let message = format!("{origin} holds nothing");
                return Err(Error::setting(key, message)
                    .with_hint(format!("put the {key} there, or leave {} out", given[0])));
            }
            self.values.insert(key.to_owned(), secret);
            self.origins.insert(key, origin);
        }
        Ok(self)
    }

    /// Whether secrets were read from files, which may change.
    pub(crate) fn have_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// The settings as their files have them now; none if no file has changed. With `always`, files
    /// are read that look unchanged, too.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or holds nothing, such as one that is being written.
    pub(crate) fn reread(&self, always: bool) -> Result<Option<Self>, Error> {
        let changed = |file: &FileSecret| file.has_changed();
        if !always && !self.files.values().any(changed) {
            return Ok(None);
        }
        let mut fresh = self.clone();
        for (key, file) in &self.files {
            let (file, secret) = FileSecret::read(key, file.path().to_owned())?;
            fresh.files.insert(key, file);
            fresh.values.insert((*key).to_owned(), secret);
        }
        Ok(Some(fresh))
    }

    /// The files that hold other secrets than before, in words; none if all are the same.
    pub(crate) fn replaced_since(&self, former: &Self) -> Option<String> {
        let replaced = |key: &&&str| self.values.get(**key) != former.values.get(**key);
        let origins = self.files.keys().filter(replaced);
        let words: Vec<_> = origins.filter_map(|key| self.origin(key)).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(Secret::expose)
    }

    /// The value of a key, as a secret.
    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.values.get(key).cloned()
    }

    /// The value of a key that holds a path, taken from the folder of
    /// [`Settings::relative_to`].
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        self.value(key).map(|path| self.absolute(path))
    }

    /// The keys that are set, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Where a secret was read from, in words for a message; none if it was given as it is.
    pub(crate) fn origin(&self, key: &str) -> Option<&str> {
        self.origins.get(key).map(String::as_str)
    }

    /// A path taken from the folder of [`Settings::relative_to`].
    pub(crate) fn absolute(&self, path: &str) -> PathBuf {
        match &self.folder {
            Some(folder) => folder.join(path),
            None => PathBuf::from(path),
        }
    }
}

/// Every connection of a TOML text, or what is wrong with it.
fn parse(text: &str) -> Result<BTreeMap<String, Result<Settings, Error>>, Error> {
    parse_with(text, |at| document::line(text, at))
}

/// As [`parse`]; `line` gives the line of a byte in the text.
fn parse_with(
    text: &str,
    line: impl Fn(usize) -> usize,
) -> Result<BTreeMap<String, Result<Settings, Error>>, Error> {
    let refuse = |message: String| Error::new(ErrorKind::Setting, message);
    let top = document::parse(text).map_err(|refusal| {
        let error = refuse(format!("line {}: {}", line(refusal.at), refusal.message));
        match windows_path::in_line(text, refusal.at) {
            true => error.with_hint(windows_path::HINT),
            false => error,
        }
    })?;
    let mut all = BTreeMap::new();
    for (key, field) in top.entries().map_err(|refusal| refuse(refusal.message))? {
        if key != "connections" {
            return Err(refuse(format!(
                "`{key}` is not known here; settings go into [connections.NAME]"
            )));
        }
        let connections = field
            .entries()
            .map_err(|_| refuse("`connections` must be a table: [connections.NAME]".into()))?;
        for (name, field) in connections {
            let settings = Settings::from_field(field)
                .map_err(|e| e.in_context(format!("connection `{name}`")));
            all.insert(name, settings);
        }
    }
    Ok(all)
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

fn refuse_unknown(key: &str) -> Result<(), Error> {
    if keys::is_known(key) {
        return Ok(());
    }
    let message = match nearest(key, keys::all_spellings()) {
        Some(known) => format!("`{key}` is not a setting; did you mean `{known}`?"),
        None => format!("`{key}` is not a setting"),
    };
    Err(Error::setting(key, message).with_hint(
        "settings of one vendor are written extra.NAME, parameters of the login URL authorize.NAME",
    ))
}

fn text_of(key: &str, field: Field<'_>) -> Result<String, Error> {
    match &field.value {
        DeValue::String(text) if windows_path::is_unescaped(text) => {
            let message = format!("`{key}` has a control character where a path has a backslash");
            Err(Error::setting(key, message).with_hint(windows_path::HINT))
        }
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(_) => match field.whole() {
            Some(number) => Ok(number.to_string()),
            None => Err(
                Error::setting(key, format!("`{key}` is too large a number"))
                    .with_hint("write it as text, between quotes"),
            ),
        },
        // Few of ours are yes or no; a vendor's may be.
        DeValue::Boolean(truth) if keys::is_flag(key) || keys::table_of(key).is_some() => {
            Ok(truth.to_string())
        }
        DeValue::Array(_) => {
            let items = field.items().into_iter().flatten();
            let words: Result<Vec<_>, _> = items.map(|item| text_of(key, item)).collect();
            Ok(words?.join(" "))
        }
        DeValue::Table(_) => Err(must_be_plain(key, &field).with_hint(format!(
            "leave the table out; a connection's name with a dot in it is quoted: \
             [connections.\"NAME.{key}\"]"
        ))),
        _ => Err(must_be_plain(key, &field)),
    }
}

fn must_be_plain(key: &str, field: &Field<'_>) -> Error {
    let message = format!(
        "`{key}` is a {}, and must be text or a number",
        field.kind()
    );
    Error::setting(key, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_nearest_setting() {
        for (typo, meant) in [
            ("clientid", "client_id"),
            ("enviroment", "environment"),
            ("private_key_fil", "private_key_file"),
            ("scope", "scopes"),
            ("timeout", "timeout_ms"),
            ("client_secret_environment", "client_secret_env"),
        ] {
            let error = Settings::new().set(typo, "x").expect_err(typo);
            assert!(error.message().contains(&format!("`{meant}`")), "{error}");
        }
    }

    #[test]
    fn an_error_never_repeats_a_value() {
        for text in [
            "[connections.a]\nclient_secret = \"canary\nprovider=1",
            "[connections.a]\nclient_secret = { canary = 1.5 }",
            "[connections.a]\nclient_secret_typo_far_off = \"canary\"",
        ] {
            let error = Settings::from_toml(text).expect_err(text);
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
        let settings = Settings::from_pairs([("client_secret", "canary")]).unwrap();
        assert!(!format!("{settings:?}").contains("canary"));
    }

    #[test]
    fn yes_and_no_are_for_flags_and_vendors_own_settings() {
        let told = |line: &str| Settings::from_toml(&format!("[connections.a]\n{line}"));
        told("extra.sandbox = true").unwrap();
        told("ca_only = true").unwrap();
        let settings = &told("authorize.force_verify = true").unwrap()["a"];
        assert_eq!(settings.value("authorize.force_verify"), Some("true"));
        for (setting, line) in [("scopes", "scopes = true"), ("scopes", "scopes = [false]")] {
            let error = told(line).expect_err(line);
            assert_eq!(error.setting_name(), Some(setting), "{error}");
        }
    }

    #[test]
    fn files_start_from_the_configuration_files_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "s3cret\r\n").unwrap();
        let settings = Settings::from_pairs([("client_secret_file", "secret")]).unwrap();
        let resolved = settings
            .relative_to(folder.path())
            .resolve(|_| None)
            .unwrap();
        assert_eq!(resolved.value("client_secret"), Some("s3cret"));
        assert_eq!(resolved.value("client_secret_file"), None);
    }

    #[test]
    fn only_keys_may_be_binary() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bytes"), [0x30, 0x82, 0, 1]).unwrap();
        let resolved = |key| {
            let settings = Settings::from_pairs([(key, "bytes")]).unwrap();
            settings.relative_to(folder.path()).resolve(|_| None)
        };
        let key = resolved("private_key_file").unwrap();
        assert_eq!(key.value("private_key"), Some("MIIAAQ=="));
        let error = resolved("client_secret_file").unwrap_err();
        assert!(error.message().contains("not UTF-8"), "{error}");
    }

    #[test]
    fn a_secret_given_twice_is_refused() {
        let settings =
            Settings::from_pairs([("client_secret", "a"), ("client_secret_env", "B")]).unwrap();
        let error = settings.resolve(|_| Some("b".into())).unwrap_err();
        assert!(error.message().contains("both given"), "{error}");
    }

    #[test]
    fn a_secret_is_taken_away_in_whichever_form_it_was_given() {
        let forms = ["private_key", "private_key_file", "private_key_env"];
        let all = || {
            let beside = ["private_key_passphrase", "subject"];
            let pairs = forms.into_iter().chain(beside).map(|key| (key, "x"));
            Settings::from_pairs(pairs).unwrap()
        };
        let left = |key| {
            let mut settings = all();
            settings.unset(key).unwrap();
            settings.unset(key).unwrap();
            settings.keys().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(left("private_key"), ["private_key_passphrase", "subject"]);
        for form in &forms[1..] {
            assert_eq!(left(form).len(), 4, "{form}");
            assert!(!left(form).contains(&(*form).to_owned()), "{form}");
        }
        assert_eq!(left("store"), all().keys().collect::<Vec<_>>());
        let error = all().unset("private_kee").unwrap_err();
        assert!(error.message().contains("`private_key`"), "{error}");
    }

    #[test]
    fn a_secret_in_place_of_its_name_or_path_is_not_repeated() {
        for (key, value) in [
            ("private_key_file", "-----BEGIN PRIVATE KEY-----\\ncanary"),
            ("private_key_file", "line\ncanary"),
            ("private_key_file", "PKCS11:object=a?pin-value=canary"),
            ("private_key_file", r#"{"kty":"RSA","d":"canary"}"#),
            ("client_secret_env", "canary+1/2"),
            ("client_secret_env", "1canary"),
        ] {
            let settings = Settings::from_pairs([(key, value)]).unwrap();
            let error = settings.resolve(|_| None).expect_err(value);
            assert_eq!(error.setting_name(), Some(key));
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn tables_other_than_connections_are_refused() {
        let error = Settings::from_toml("[conections.a]\nprovider=\"x\"").unwrap_err();
        assert!(error.message().contains("[connections.NAME]"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        for (path, said, hint) in [
            ("gone", "cannot be read", "relative one starts from"),
            (".", "cannot be read", "path of a file"),
            ("empty", "holds nothing", "private_key_file out"),
        ] {
            let settings = Settings::from_pairs([("private_key_file", path)]).unwrap();
            let error = settings
                .relative_to(folder.path())
                .resolve(|_| None)
                .expect_err(path);
            assert!(error.message().contains(said), "{error}");
            assert!(error.hint().unwrap().contains(hint), "{error:?}");
        }
        let settings = Settings::from_pairs([("private_key_env", "NOT_SET")]).unwrap();
        let error = settings.resolve(|_| None).unwrap_err();
        assert!(
            error.hint().unwrap().contains("export NOT_SET"),
            "{error:?}"
        );
    }

    #[test]
    fn a_name_with_a_dot_is_told_to_be_quoted() {
        let error = Settings::from_toml("[connections.acme.eu]\nprovider = \"x\"").unwrap_err();
        assert!(error.message().contains("connection `acme`"), "{error}");
        assert!(error.hint().unwrap().contains("NAME.eu\"]"), "{error:?}");
    }

    #[test]
    fn a_key_given_twice_is_named() {
        let error = Settings::from_toml("[connections.a]\nscopes = \"canary\"\nscopes = \"x\"");
        let error = error.unwrap_err();
        assert_eq!(error.message(), "line 3: duplicate key `scopes`");
    }
}
