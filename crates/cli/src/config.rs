//! From a connection's name to its keeper: the configuration file, the providers, the transport.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::{
    Connection, Error, ErrorKind, Keeper, KeeperBuilder, Profile, Registry, SETTINGS, Settings,
    Transport, from_profile,
};

use crate::args::Global;
use crate::output::{Output, Stop};
use crate::stores;
use crate::trace::Traced;

/// A configuration file that was found and read.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) path: PathBuf,
    connections: BTreeMap<String, Settings>,
}

/// A keeper for the connection of this name.
pub(crate) fn keeper(global: &Global, name: &str, output: &mut Output) -> Result<Keeper, Stop> {
    let config = Config::open(global)?;
    if let Some(exposed) = config.exposed_to_others() {
        output.warn(&exposed.text());
    }
    let settings = config.settings(name)?;
    let settings = settings
        .resolve(variable)
        .map_err(|e| e.in_context(format_args!("connection `{name}`")))?;
    let connection = Connection::from_registry(name, &settings, &registry(global)?)?;
    output.trace(&format!(
        "connection {name} of {}: {}, environment {}, grant {}, store {}",
        config.path.display(),
        connection.profile().name,
        connection.environment(),
        connection.grant(),
        stores::place(connection.store()),
    ));
    let transport = Traced::new(connection.network(), output.verbosity())?;
    Ok(builder(connection, Arc::new(transport), output)?.build()?)
}

/// A keeper in the making, with the connection's store and what stands in for that.
pub(crate) fn builder(
    connection: Connection,
    transport: Arc<dyn Transport>,
    output: &Output,
) -> Result<KeeperBuilder, Error> {
    let store = stores::open(connection.store())?;
    let spool = stores::spool(&connection, output);
    let builder = Keeper::builder(connection)
        .transport(transport)
        .store(store);
    Ok(match spool {
        Some(spool) => builder.spool(spool),
        None => builder,
    })
}

/// The providers built in, and those of `--profile`.
pub(crate) fn registry(global: &Global) -> Result<Registry, Error> {
    let mut registry = Registry::new()
        .with(countersign_docusign::provider())?
        .with(countersign_salesforce::provider())?
        .with(countersign_boldsign::provider())?;
    for path in &global.profiles {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("--profile {shown} cannot be read: {error}");
            Error::new(ErrorKind::Setting, message)
        })?;
        let profile = Profile::from_toml(&text);
        registry = profile
            .and_then(|profile| registry.clone().with(from_profile(profile)))
            .map_err(|e| e.in_context(format_args!("--profile {shown}")))?;
    }
    Ok(registry)
}

/// Looks up a `K_env` setting. Core reads no environment by itself.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Config {
    /// Finds and reads the configuration file.
    pub(crate) fn open(global: &Global) -> Result<Self, Error> {
        let (path, named_by) = locate(global)?;
        let shown = path.display();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let message = format!("the configuration {shown} cannot be read: {error}");
            Error::new(ErrorKind::Setting, message).with_hint(format!("it is named by {named_by}"))
        })?;
        let connections =
            Settings::from_toml(&text).map_err(|e| e.in_context(format_args!("{shown}")))?;
        Ok(Self { path, connections })
    }

    /// One connection's settings, its relative paths starting from the file's folder.
    pub(crate) fn settings(&self, name: &str) -> Result<Settings, Error> {
        let found = Settings::select(self.connections.clone(), name)
            .map_err(|e| e.in_context(format_args!("{}", self.path.display())))?;
        Ok(found.relative_to(self.folder()))
    }

    /// The names of all connections.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.connections.keys().map(String::as_str)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// A file with secrets in it that others than its owner may read.
    pub(crate) fn exposed_to_others(&self) -> Option<Exposed<'_>> {
        if !others_may_read(&self.path) {
            return None;
        }
        let secrets = SETTINGS.iter().filter(|setting| setting.secret);
        let mut secrets = secrets.map(|setting| setting.name);
        let secret = secrets.find(|secret| {
            let mut all = self.connections.values();
            all.any(|settings| settings.value(secret).is_some())
        })?;
        Some(Exposed {
            path: &self.path,
            secret,
        })
    }
}

/// A secret that others may read.
#[derive(Debug)]
pub(crate) struct Exposed<'a> {
    path: &'a Path,
    secret: &'static str,
}

impl Exposed<'_> {
    pub(crate) fn detail(&self) -> String {
        format!(
            "{} holds `{}` and may be read by others than its owner",
            self.path.display(),
            self.secret
        )
    }

    pub(crate) fn fix(&self) -> String {
        format!("chmod 600 {}", self.path.display())
    }

    fn text(&self) -> String {
        format!("{} ({})", self.detail(), self.fix())
    }
}

#[cfg(unix)]
pub(crate) fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
pub(crate) fn others_may_read(_: &Path) -> bool {
    false
}

/// Where the configuration is, and what said so.
fn locate(global: &Global) -> Result<(PathBuf, &'static str), Error> {
    if let Some(path) = &global.config {
        return Ok((path.clone(), "--config"));
    }
    if let Some(path) = set("COUNTERSIGN_CONFIG") {
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
        "write countersign.toml with [connections.NAME], or name a file with --config or COUNTERSIGN_CONFIG",
    ))
}

/// The user's folder for configuration (XDG Base Directory Specification).
fn user_folder() -> Option<PathBuf> {
    if cfg!(windows) {
        return set("APPDATA");
    }
    // The specification has relative paths ignored.
    let xdg = set("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    xdg.or_else(|| set("HOME").map(|home| home.join(".config")))
}

/// A path that the environment gives.
pub(crate) fn set(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
