//! The configuration file: where it is looked for, and one connection's settings out of it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use countersign::trusted::{self, Refusal};
use countersign::{Connections, Error, ErrorKind, SETTINGS, Settings};
use zeroize::Zeroizing;

use crate::environment::path_variable;

/// A configuration file that was found and read.
///
/// # Example
///
/// ```
/// use countersign_builtin::Configuration;
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("countersign.toml");
/// std::fs::write(&path, "[connections.sales]\nprovider = \"salesforce\"\n").unwrap();
///
/// let configuration = Configuration::read(path)?;
/// assert_eq!(configuration.settings("sales")?.value("provider"), Some("salesforce"));
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Debug)]
pub struct Configuration {
    path: PathBuf,
    connections: Connections,
}

impl Configuration {
    /// Reads the file of this path.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or as [`Settings::from_toml`].
    pub fn read(path: PathBuf) -> Result<Self, Error> {
        Self::read_named(path, None)
    }

    /// Finds and reads the configuration: the file that `$COUNTERSIGN_CONFIG` names, else
    /// `./countersign.toml`, else `countersign/countersign.toml` in the user's folder for
    /// configuration (XDG Base Directory Specification).
    ///
    /// # Errors
    ///
    /// Where there is none, with the places that were looked at; and as [`Configuration::read`].
    pub fn find() -> Result<Self, Error> {
        let (path, named_by) = locate()?;
        Self::read_named(path, Some(named_by))
    }

    fn read_named(path: PathBuf, named_by: Option<&str>) -> Result<Self, Error> {
        let shown = path.display();
        let text = read_text("the configuration", &path).map_err(|error| {
            match (named_by, error.hint()) {
                (Some(by), Some(hint)) => {
                    let hint = format!("it is named by {by}; {hint}");
                    error.with_hint(hint)
                }
                _ => error,
            }
        })?;
        let connections =
            Connections::from_toml(text).map_err(|e| e.in_context(format_args!("{shown}")))?;
        Ok(Self { path, connections })
    }

    /// One connection's settings, its relative paths starting from the file's folder.
    ///
    /// # Errors
    ///
    /// As [`Connections::select`]: a mistake in another connection is none of this one.
    pub fn settings(&self, name: &str) -> Result<Settings, Error> {
        let found = (self.connections.select(name))
            .map_err(|e| e.in_context(format_args!("{}", self.path.display())))?;
        Ok(found.relative_to(self.folder()))
    }

    /// The names of all connections.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.connections.names()
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that the file is in.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The secrets of a connection of this file that others than their owner may read: in the file
    /// itself, and in files that it names.
    pub fn exposed(&self, settings: &Settings) -> Vec<Exposed> {
        let secrets = || SETTINGS.iter().filter(|setting| setting.secret);
        let mut all = Vec::new();
        if others_may_read(&self.path)
            && let Some(secret) = secrets().find(|s| settings.value(s.name).is_some())
        {
            all.push(Exposed {
                path: self.path.clone(),
                secret: secret.name.to_owned(),
            });
        }
        for secret in secrets() {
            let secret = format!("{}_file", secret.name);
            if let Some(path) = settings.path(&secret).filter(|path| others_may_read(path)) {
                all.push(Exposed { path, secret });
            }
        }
        all
    }

    /// The environment variables that hold secrets of this file's connections: those that the
    /// `K_env` settings name. No other program needs them.
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

/// A secret that others may read.
#[derive(Debug)]
pub struct Exposed {
    path: PathBuf,
    /// The setting: a secret in the configuration, or the `K_file` that names its file.
    secret: String,
}

impl Exposed {
    /// One sentence on what is exposed.
    pub fn detail(&self) -> String {
        let (shown, secret) = (self.path.display(), &self.secret);
        match secret.ends_with("_file") {
            true => format!("`{secret}` {shown} may be read by others than its owner"),
            false => format!("{shown} holds `{secret}` and may be read by others than its owner"),
        }
    }

    /// The command that mends it.
    pub fn fix(&self) -> String {
        format!("chmod 600 {}", self.path.display())
    }
}

/// Whether others than a file's owner may read it.
#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o044 != 0)
}

/// Whether others than a file's owner may read it; not known here.
#[cfg(not(unix))]
fn others_may_read(_: &Path) -> bool {
    false
}

/// The text of a file that decides what this process does: `what` says which, for messages.
///
/// # Errors
///
/// If the file cannot be read, or other users may have written it ([`countersign::trusted`]).
pub fn read_text(what: &str, path: &Path) -> Result<String, Error> {
    let refuse = |why: String| {
        Error::new(
            ErrorKind::Setting,
            format!("{what} {} {why}", path.display()),
        )
    };
    let unreadable = |why: io::Error| {
        refuse(format!("cannot be read: {why}")).with_hint(how_to_read(why.kind()))
    };
    let mut bytes = trusted::read(path).map_err(|refusal| match refusal {
        Refusal::Io(why) => unreadable(why),
        untrusted => Error::of_file(&untrusted, refuse),
    })?;
    // Not a copy: the file may have ten thousand connections.
    String::from_utf8(std::mem::take(&mut bytes)).map_err(|error| {
        let why = error.utf8_error();
        drop(Zeroizing::new(error.into_bytes()));
        unreadable(io::Error::new(io::ErrorKind::InvalidData, why))
    })
}

/// What to do about a configuration that cannot be read.
fn how_to_read(why: io::ErrorKind) -> &'static str {
    match why {
        io::ErrorKind::PermissionDenied => "let the user read it that this program runs as",
        io::ErrorKind::InvalidData => "save it as UTF-8",
        io::ErrorKind::IsADirectory => "give the path of a file in it",
        _ => "check the path of the configuration file",
    }
}

/// Where the configuration is, and what said so.
fn locate() -> Result<(PathBuf, &'static str), Error> {
    if let Some(path) = path_variable("COUNTERSIGN_CONFIG") {
        return Ok((path, "the environment variable COUNTERSIGN_CONFIG"));
    }
    let users = user_folder().map(|folder| folder.join("countersign").join("countersign.toml"));
    let usual = [Some(PathBuf::from("countersign.toml")), users];
    let usual: Vec<_> = usual.into_iter().flatten().collect();
    if let Some(found) = usual.iter().find(|path| path.exists()) {
        return Ok((found.clone(), "its usual place"));
    }
    let places: Vec<_> = usual.iter().map(|p| p.display().to_string()).collect();
    let message = format!(
        "no configuration was found: looked for {}",
        places.join(", ")
    );
    Err(Error::new(ErrorKind::Setting, message).with_hint(
        "create countersign.toml with a section [connections.NAME], or set COUNTERSIGN_CONFIG to the path of the file",
    ))
}

/// The user's folder for configuration (XDG Base Directory Specification).
fn user_folder() -> Option<PathBuf> {
    if cfg!(windows) {
        return path_variable("APPDATA");
    }
    // The specification has relative paths ignored.
    let xdg = path_variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    xdg.or_else(|| path_variable("HOME").map(|home| home.join(".config")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let latin = folder.path().join("latin.toml");
        std::fs::write(&latin, b"# caf\xe9\n").unwrap();
        for (path, hint) in [
            (latin, "UTF-8"),
            (folder.path().to_owned(), "a file in it"),
            (folder.path().join("gone.toml"), "check the path"),
        ] {
            let error = Configuration::read(path).unwrap_err();
            assert!(error.hint().unwrap().contains(hint), "{error:?}");
        }
    }
}
