//! Finds and reads the configuration file.

mod profiles;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_core::trusted::{self, OpenError};
use countersign_core::{
    Client, Connections, Error, ErrorKind, Provider, Registry, SETTINGS, Settings,
};
use zeroize::Zeroizing;

use crate::environment::path_variable;

/// A configuration file that was found and read.
///
/// # Example
///
/// ```
/// use countersign::Configuration;
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("countersign.toml");
/// std::fs::write(&path, "[connections.sales]\nprovider = \"salesforce\"\n").unwrap();
///
/// let configuration = Configuration::read(path)?;
/// assert_eq!(configuration.names().collect::<Vec<_>>(), ["sales"]);
/// assert_eq!(configuration.settings("sales")?.value("provider"), Some("salesforce"));
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Debug)]
pub struct Configuration {
    path: PathBuf,
    connections: Connections,
}

impl Configuration {
    /// Reads the file at this path.
    ///
    /// # Errors
    ///
    /// If the file can't be read or other users can write it, and the errors of
    /// [`Connections::from_toml`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign::Configuration;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("countersign.toml");
    /// # std::fs::write(&path, "[connections.sales]\nprovider = \"salesforce\"\n").unwrap();
    /// let configuration = Configuration::read(path)?;
    /// assert!(configuration.names().any(|name| name == "sales"));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn read(path: PathBuf) -> Result<Self, Error> {
        Self::read_named(path, None)
    }

    /// Finds and reads the configuration file.
    ///
    /// It is the first of these:
    ///
    /// 1. `$COUNTERSIGN_CONFIG`, if set
    /// 2. `./countersign.toml`, if it exists
    /// 3. `countersign/countersign.toml` in the user's configuration folder (XDG Base Directory
    ///    Specification)
    ///
    /// # Errors
    ///
    /// If there is no file, and the errors of [`Configuration::read`].
    pub fn find() -> Result<Self, Error> {
        let (path, named_by) = locate()?;
        Self::read_named(path, Some(named_by))
    }

    fn read_named(path: PathBuf, named_by: Option<&str>) -> Result<Self, Error> {
        let shown = path.display();
        let text = read_text("the configuration", &path).map_err(|error| {
            match (named_by, error.hint()) {
                (Some(by), Some(hint)) => {
                    let hint = format!("the path comes from {by}; {hint}");
                    error.with_hint(hint)
                }
                _ => error,
            }
        })?;
        let connections =
            Connections::from_toml(text).map_err(|e| e.in_context(format_args!("{shown}")))?;
        Ok(Self { path, connections })
    }

    /// Returns one connection's settings. Relative paths start at the file's folder.
    ///
    /// # Errors
    ///
    /// The errors of [`Connections::select`]. Mistakes in other connections are not errors.
    ///
    /// # Example
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("countersign.toml");
    /// # std::fs::write(&path, "[connections.sales]\nprovider = \"salesforce\"\n").unwrap();
    /// # let configuration = countersign::Configuration::read(path)?;
    /// assert_eq!(configuration.settings("sales")?.value("provider"), Some("salesforce"));
    /// let error = configuration.settings("sale").unwrap_err();
    /// assert!(error.message().contains("did you mean `sales`?"));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn settings(&self, name: &str) -> Result<Settings, Error> {
        let found = (self.connections.select(name))
            .map_err(|e| e.in_context(format_args!("{}", self.path.display())))?;
        Ok(found.relative_to(self.folder()))
    }

    /// Returns a client for a connection, with the built-in providers and the connection's store.
    ///
    /// # Errors
    ///
    /// If there is no such connection, if one of its settings is invalid, or if its store can't be
    /// opened.
    ///
    /// # Example
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("countersign.toml");
    /// # let text = "[connections.work]\nprovider = \"boldsign\"\nenvironment = \"us\"\n\
    /// #     grant = \"client-credentials\"\nclient_id = \"app\"\nclient_secret = \"s3cret\"\n\
    /// #     store = \"memory\"\n";
    /// # std::fs::write(&path, text).unwrap();
    /// let configuration = countersign::Configuration::read(path)?;
    /// let client = configuration.client("work")?;
    /// assert_eq!(client.connection().profile().name, "BoldSign");
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn client(&self, name: &str) -> Result<Client, Error> {
        let settings = crate::resolve(name, self.settings(name)?)?;
        let connection = crate::connection(name, &settings, &self.registry()?, None)?;
        crate::client_builder(connection, |_| ())?.build()
    }

    /// Returns the built-in providers and those of this configuration's profiles.
    ///
    /// # Errors
    ///
    /// The errors of [`Configuration::providers`] and [`Registry::with`].
    ///
    /// # Example
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("countersign.toml");
    /// # std::fs::write(&path, "profiles = [\"acme.toml\"]\n").unwrap();
    /// # let acme = "id = \"acme\"\nname = \"Acme\"\ndocumentation = \"https://acme.example\"\n\
    /// #     environments.production.base_url = \"https://acme.example\"\n\
    /// #     endpoints.token = \"{base_url}/token\"\n\
    /// #     grants.client-credentials.client_auth = [\"post\"]\n";
    /// # std::fs::write(folder.path().join("acme.toml"), acme).unwrap();
    /// # let configuration = countersign::Configuration::read(path)?;
    /// // countersign.toml begins with `profiles = ["acme.toml"]`.
    /// assert_eq!(configuration.registry()?.provider("acme")?.name(), "Acme");
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn registry(&self) -> Result<Registry, Error> {
        let providers = self.providers()?;
        providers
            .into_iter()
            .try_fold(crate::registry()?, Registry::with)
    }

    /// Returns the providers of this configuration's profiles: of the files and folders in the list
    /// `profiles`, and of the folder `profiles` beside the configuration, if there is one.
    ///
    /// # Errors
    ///
    /// If a file can't be read, other users can write it, or it isn't a profile.
    ///
    /// # Example
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("countersign.toml");
    /// # std::fs::write(&path, "[connections.sales]\nprovider = \"salesforce\"\n").unwrap();
    /// # let configuration = countersign::Configuration::read(path)?;
    /// let own: Vec<_> = configuration.providers()?;
    /// # assert!(own.is_empty());
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn providers(&self) -> Result<Vec<Arc<dyn Provider>>, Error> {
        profiles::of(self.folder(), self.connections.profiles())
    }

    /// Returns the names of all connections.
    ///
    /// # Example
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("countersign.toml");
    /// # let text = "[connections.sales]\nprovider = \"salesforce\"\n[connections.hr]\nprovider = \"docusign\"\n";
    /// # std::fs::write(&path, text).unwrap();
    /// # let configuration = countersign::Configuration::read(path)?;
    /// for name in configuration.names() {
    ///     let provider = configuration.settings(name)?;
    ///     println!("{name}: {}", provider.value("provider").unwrap_or("no provider"));
    /// }
    /// # assert_eq!(configuration.names().count(), 2);
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.connections.names()
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder of the file.
    ///
    /// # Example
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("countersign.toml");
    /// # std::fs::write(&path, "[connections.sales]\nprivate_key_file = \"key.pem\"\n").unwrap();
    /// # let configuration = countersign::Configuration::read(path)?;
    /// let key = configuration.settings("sales")?.path("private_key_file");
    /// assert_eq!(key, Some(configuration.folder().join("key.pem")));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Returns a connection's secrets that other users can read, in this file or in files it names.
    ///
    /// # Example
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("countersign.toml");
    /// # std::fs::write(&path, "[connections.hr]\nclient_secret = \"s3cret\"\n").unwrap();
    /// # #[cfg(unix)]
    /// # std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    /// # let configuration = countersign::Configuration::read(path)?;
    /// for exposed in configuration.exposed(&configuration.settings("hr")?) {
    ///     println!("{}: {}", exposed.detail(), exposed.fix());
    /// }
    /// # #[cfg(unix)]
    /// # assert_eq!(configuration.exposed(&configuration.settings("hr")?).len(), 1);
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn exposed(&self, settings: &Settings) -> Vec<Exposed> {
        let secrets = || SETTINGS.iter().filter(|setting| setting.secret);
        let mut all = Vec::new();
        if others_can_read(&self.path)
            && let Some(secret) = secrets().find(|s| settings.value(s.name).is_some())
        {
            all.push(Exposed {
                path: self.path.clone(),
                secret: secret.name.to_owned(),
            });
        }
        for secret in secrets() {
            let secret = format!("{}_file", secret.name);
            if let Some(path) = settings.path(&secret).filter(|path| others_can_read(path)) {
                all.push(Exposed { path, secret });
            }
        }
        all
    }

    /// Returns the names of the environment variables that contain secrets.
    ///
    /// The `K_env` settings of all connections name them. Child processes don't need them.
    ///
    /// # Example
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("countersign.toml");
    /// # std::fs::write(&path, "[connections.hr]\nclient_secret_env = \"HR_SECRET\"\n").unwrap();
    /// # let configuration = countersign::Configuration::read(path)?;
    /// let mut child = std::process::Command::new("report");
    /// for name in configuration.secret_variables() {
    ///     child.env_remove(name);
    /// }
    /// # assert!(configuration.secret_variables().contains("HR_SECRET"));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn secret_variables(&self) -> BTreeSet<String> {
        let all = self.names().filter_map(|name| self.settings(name).ok());
        all.flat_map(|settings| {
            let secrets = SETTINGS.iter().filter(|setting| setting.secret);
            let named = secrets.filter_map(|s| settings.value(&format!("{}_env", s.name)));
            named.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
    }
}

/// A secret that other users can read.
#[derive(Debug)]
pub struct Exposed {
    path: PathBuf,
    /// The setting: a secret in the configuration, or the `K_file` setting that names its file.
    secret: String,
}

impl Exposed {
    /// Returns a sentence that says what is exposed.
    ///
    /// # Example
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("countersign.toml");
    /// # std::fs::write(&path, "[connections.hr]\nclient_secret = \"s3cret\"\n").unwrap();
    /// # #[cfg(unix)]
    /// # std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    /// # let configuration = countersign::Configuration::read(path)?;
    /// let exposed = configuration.exposed(&configuration.settings("hr")?);
    /// # #[cfg(unix)]
    /// assert!(exposed[0].detail().ends_with("which contains `client_secret`"));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn detail(&self) -> String {
        let (shown, secret) = (self.path.display(), &self.secret);
        match secret.ends_with("_file") {
            true => format!("other users can read `{secret}` {shown}"),
            false => format!("other users can read {shown}, which contains `{secret}`"),
        }
    }

    /// Returns the command that fixes it.
    ///
    /// # Example
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("countersign.toml");
    /// # std::fs::write(&path, "[connections.hr]\nclient_secret = \"s3cret\"\n").unwrap();
    /// # #[cfg(unix)]
    /// # std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    /// # let configuration = countersign::Configuration::read(path)?;
    /// let exposed = configuration.exposed(&configuration.settings("hr")?);
    /// # #[cfg(unix)]
    /// assert!(exposed[0].fix().starts_with("chmod 600 "));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn fix(&self) -> String {
        format!("chmod 600 {}", self.path.display())
    }
}

#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn others_can_read(_: &Path) -> bool {
    false
}

/// Reads the text of a file that decides what this process does.
///
/// `what` describes the file in error messages.
///
/// # Errors
///
/// If the file can't be read, or other users can write it ([`countersign_core::trusted`]).
///
/// # Example
///
/// ```
/// use countersign::configuration::read_text;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("profile.toml");
/// # std::fs::write(&path, "id = \"acme\"\n").unwrap();
/// let text = read_text("the profile", &path)?;
/// assert!(text.contains("acme"));
/// # #[cfg(unix)]
/// # std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
///
/// // After `chmod 666`, any user can have written it.
/// # #[cfg(unix)]
/// assert!(read_text("the profile", &path).is_err());
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn read_text(what: &str, path: &Path) -> Result<String, Error> {
    let reject = |why: String| {
        Error::new(
            ErrorKind::Setting,
            format!("{what} {} {why}", path.display()),
        )
    };
    let unreadable = |why: io::Error| {
        reject(format!("cannot be read: {why}")).with_hint(how_to_read(why.kind()))
    };
    let mut bytes = trusted::read(path).map_err(|rejection| match rejection {
        OpenError::Io(why) => unreadable(why),
        untrusted => Error::of_file(&untrusted, reject),
    })?;
    // Without a copy: the file may have ten thousand connections.
    String::from_utf8(std::mem::take(&mut bytes)).map_err(|error| {
        let why = error.utf8_error();
        drop(Zeroizing::new(error.into_bytes()));
        unreadable(io::Error::new(io::ErrorKind::InvalidData, why))
    })
}

/// Returns the hint for a file that can't be read.
fn how_to_read(why: io::ErrorKind) -> &'static str {
    match why {
        io::ErrorKind::PermissionDenied => {
            "make the file readable for the user that this program runs as"
        }
        io::ErrorKind::InvalidData => "save the file as UTF-8",
        io::ErrorKind::IsADirectory => "use the path of a file in this folder",
        _ => "check the file's path",
    }
}

/// Finds the configuration file. Also returns where its path comes from.
fn locate() -> Result<(PathBuf, &'static str), Error> {
    if let Some(path) = path_variable("COUNTERSIGN_CONFIG") {
        return Ok((path, "the environment variable COUNTERSIGN_CONFIG"));
    }
    let users = user_folder().map(|folder| folder.join("countersign").join("countersign.toml"));
    let defaults = [Some(PathBuf::from("countersign.toml")), users];
    let defaults: Vec<_> = defaults.into_iter().flatten().collect();
    if let Some(found) = defaults.iter().find(|path| path.exists()) {
        return Ok((found.clone(), "the default locations"));
    }
    let places: Vec<_> = defaults.iter().map(|p| p.display().to_string()).collect();
    let message = format!(
        "no configuration file found: looked for {}",
        places.join(", ")
    );
    Err(Error::new(ErrorKind::Setting, message).with_hint(
        "create countersign.toml with a section [connections.NAME], or set COUNTERSIGN_CONFIG to the file's path",
    ))
}

/// Returns the user's configuration folder (XDG Base Directory Specification).
fn user_folder() -> Option<PathBuf> {
    if cfg!(windows) {
        return path_variable("APPDATA");
    }
    // The specification says to ignore relative paths.
    let xdg = path_variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    xdg.or_else(|| path_variable("HOME").map(|home| home.join(".config")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_file_is_an_error_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let latin = folder.path().join("latin.toml");
        std::fs::write(&latin, b"# caf\xe9\n").unwrap();
        for (path, hint) in [
            (latin, "UTF-8"),
            (folder.path().to_owned(), "a file in this folder"),
            (folder.path().join("gone.toml"), "check the file's path"),
        ] {
            let error = Configuration::read(path).unwrap_err();
            assert!(error.hint().unwrap().contains(hint), "{error:?}");
        }
    }
}
