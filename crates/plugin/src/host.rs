//! Loads plugins and makes providers of them.

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

use countersign::{Clock, Error, Provider, Registry, SystemClock};

use self::library::Library;
use self::provider::PluginProvider;
pub use crate::abi::csign_plugin_level as Level;

/// Loads plugins: native code, with the full rights of the process.
///
/// # Example
///
/// ```no_run
/// use countersign::Registry;
/// use countersign_plugin::Loader;
///
/// let loader = Loader::new().with_log(|plugin, level, text| println!("{plugin} {level:?}: {text}"));
/// let plugin = loader.load("/usr/lib/countersign/zoom.so".as_ref(), None)?;
/// let registry = plugin.register(Registry::new())?;
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone)]
pub struct Loader(Arc<Services>);

/// What the host does for a plugin besides showing and copying texts.
struct Services {
    clock: Arc<dyn Clock>,
    log: Box<Log>,
}

type Log = dyn Fn(&str, Level, &str) + Send + Sync;

impl Loader {
    /// A loader with the machine's clock, which drops what plugins log.
    pub fn new() -> Self {
        Self::with(Arc::new(SystemClock::new()), Box::new(|_, _, _| ()))
    }

    /// The clock that plugins see; before [`Loader::with_log`].
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self::with(clock, Box::new(|_, _, _| ()))
    }

    /// Gives what plugins log to this function: the plugin's name, the level, one line of text. It may be called by any
    /// thread.
    #[must_use]
    pub fn with_log(self, log: impl Fn(&str, Level, &str) + Send + Sync + 'static) -> Self {
        Self::with(Arc::clone(&self.0.clock), Box::new(log))
    }

    fn with(clock: Arc<dyn Clock>, log: Box<Log>) -> Self {
        Self(Arc::new(Services { clock, log }))
    }

    /// Loads the plugin of this file, which must be given by its absolute path and which only its owner may write: root or
    /// whoever runs this. Where a digest is given, the file's must be that.
    ///
    /// A file is loaded once in a process and never unloaded: a second time gives the same plugin again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`](countersign::ErrorKind::Setting) where the path or the file is not as it must be, or the file is no plugin
    /// of this major version of the ABI; [`ErrorKind::Plugin`](countersign::ErrorKind::Plugin) where the plugin breaks the rules.
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

/// A plugin that is loaded.
#[derive(Clone)]
pub struct Plugin {
    library: Arc<Library>,
    providers: Vec<Arc<dyn Provider>>,
}

impl Plugin {
    /// Its name, as it says.
    pub fn name(&self) -> &str {
        self.library.name()
    }

    /// Its version, as it says; empty where it says none.
    pub fn version(&self) -> &str {
        self.library.version()
    }

    /// The file, without symbolic links.
    pub fn path(&self) -> &Path {
        self.library.path()
    }

    /// The digest of the file as it was loaded.
    pub fn digest(&self) -> Sha256 {
        self.library.digest()
    }

    /// Its providers.
    pub fn providers(&self) -> &[Arc<dyn Provider>] {
        &self.providers
    }

    /// The registry with this plugin's providers.
    ///
    /// # Errors
    ///
    /// Where a provider of the same id is there: a plugin cannot shadow one.
    pub fn register(&self, registry: Registry) -> Result<Registry, Error> {
        let with = |registry: Registry, provider: &Arc<dyn Provider>| {
            registry.with(Arc::clone(provider)).map_err(|error| {
                error
                    .in_context(format_args!("plugin {}", self.path().display()))
                    .with_hint(
                        "a plugin cannot take the place of a provider: load another, or none",
                    )
            })
        };
        self.providers.iter().try_fold(registry, with)
    }

    /// The first rule of the ABI that it broke, or its first panic, in one sentence; nothing while there was none.
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
        let refuse = || {
            Error::setting("plugin", "a SHA-256 digest is 64 hex digits")
                .with_hint("take it from: sha256sum FILE")
        };
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| digit.to_digit(16).map(|value| value as u8))
            .collect();
        let digits = digits
            .filter(|digits| digits.len() == 64)
            .ok_or_else(refuse)?;
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
