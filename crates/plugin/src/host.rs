//! Loads plugins as providers.

mod call;
mod library;
mod place;
mod provider;
mod shown;
mod table;

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use countersign_core::{Clock, Error, Provider, Registry, SystemClock};

use self::library::Library;
use self::provider::PluginProvider;
pub use crate::abi::csign_plugin_level as Level;

/// Loads plugins: native code that runs with the full rights of the process.
///
/// # Example
///
/// ```no_run
/// use countersign_core::Registry;
/// use countersign_plugin::Loader;
///
/// let loader = Loader::new().with_log(|plugin, level, text| println!("{plugin} {level:?}: {text}"));
/// let plugin = loader.load("/usr/lib/countersign/zoom.so".as_ref(), None)?;
/// let registry = plugin.register(Registry::new())?;
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Loader(Arc<Services>);

/// The clock and the log that plugins use.
struct Services {
    clock: Arc<dyn Clock>,
    log: Box<Log>,
}

type Log = dyn Fn(&str, Level, &str) + Send + Sync;

impl Loader {
    /// Creates a loader that uses the system clock and discards plugins' log messages.
    pub fn new() -> Self {
        Self::with(Arc::new(SystemClock::new()), Box::new(|_, _, _| ()))
    }

    /// Sets the clock that plugins read. Call this before [`Loader::with_log`].
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self::with(clock, Box::new(|_, _, _| ()))
    }

    /// Sets the function that receives plugins' log messages.
    ///
    /// Its arguments are the plugin's name, the level, and one line of text. Any thread may call it.
    #[must_use]
    pub fn with_log(self, log: impl Fn(&str, Level, &str) + Send + Sync + 'static) -> Self {
        Self::with(Arc::clone(&self.0.clock), Box::new(log))
    }

    fn with(clock: Arc<dyn Clock>, log: Box<Log>) -> Self {
        Self(Arc::new(Services { clock, log }))
    }

    /// Loads a plugin from a file.
    ///
    /// The path must be absolute. The file and every folder above it must belong to root or to the
    /// user who runs this process, and no other user may be able to write them. If `digest` is
    /// given, the file must match it.
    ///
    /// A file is loaded once per process and never unloaded. Loading it again returns the same
    /// plugin.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::Setting`](countersign_core::ErrorKind::Setting) if the path or the file
    /// breaks one of these rules, or if the file is not a plugin of this major version of the ABI.
    /// Returns [`ErrorKind::Plugin`](countersign_core::ErrorKind::Plugin) if the plugin misbehaves.
    pub fn load(&self, path: &Path, digest: Option<Sha256>) -> Result<Plugin, Error> {
        let context = |error: Error| error.in_context(format_args!("plugin {}", path.display()));
        let library = Library::load(path, digest).map_err(context)?;
        let providers = library.vtables().iter().map(|vtable| {
            let provider = PluginProvider::new(&library, *vtable, &self.0)?;
            Ok(Arc::new(provider) as Arc<dyn Provider>)
        });
        let providers = providers.collect::<Result<_, _>>().map_err(context)?;
        Ok(Plugin { library, providers })
    }
}

/// A loaded plugin.
#[derive(Clone)]
pub struct Plugin {
    library: Arc<Library>,
    providers: Vec<Arc<dyn Provider>>,
}

impl Plugin {
    /// Returns the name that the plugin declares.
    pub fn name(&self) -> &str {
        self.library.name()
    }

    /// Returns the version that the plugin declares, or an empty string.
    pub fn version(&self) -> &str {
        self.library.version()
    }

    /// Returns the file's path, with symbolic links resolved.
    pub fn path(&self) -> &Path {
        self.library.path()
    }

    /// Returns the digest of the file as it was loaded.
    pub fn digest(&self) -> Sha256 {
        self.library.digest()
    }

    /// Returns the plugin's providers.
    pub fn providers(&self) -> &[Arc<dyn Provider>] {
        &self.providers
    }

    /// Adds the plugin's providers to a registry.
    ///
    /// # Errors
    ///
    /// Fails if the registry already has a provider with the same id.
    pub fn register(&self, registry: Registry) -> Result<Registry, Error> {
        let with = |registry: Registry, provider: &Arc<dyn Provider>| {
            registry.with(Arc::clone(provider)).map_err(|error| {
                error
                    .in_context(format_args!("plugin {}", self.path().display()))
                    .with_hint("don't load this plugin: it can't replace an existing provider")
            })
        };
        self.providers.iter().try_fold(registry, with)
    }

    /// Describes the plugin's first violation of the ABI's rules, or its first panic, if any.
    pub fn suspicion(&self) -> Option<String> {
        self.library.suspicion()
    }
}

/// A SHA-256 digest, written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha256([u8; 32]);

impl FromStr for Sha256 {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || {
            Error::setting("plugin", "a SHA-256 digest is 64 hex digits")
                .with_hint("compute it with: sha256sum FILE")
        };
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| digit.to_digit(16).map(|value| value as u8))
            .collect();
        let digits = digits
            .filter(|digits| digits.len() == 64)
            .ok_or_else(invalid)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl Default for Loader {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").finish_non_exhaustive()
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name())
            .field("version", &self.version())
            .field("path", &self.path())
            .field("suspicion", &self.suspicion())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hex_digits() {
        let text = "00".repeat(31) + "fF";
        let digest: Sha256 = text.parse().unwrap();
        assert_eq!(digest.to_string(), text.to_lowercase());
        for wrong in [
            "",
            "00",
            &"0".repeat(63),
            &"0".repeat(65),
            &"g".repeat(64),
            &"é".repeat(64),
        ] {
            assert!(wrong.parse::<Sha256>().is_err(), "{wrong}");
        }
    }
}
