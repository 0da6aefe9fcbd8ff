//! A plugin's shared library, which is loaded once and never unloaded.

use std::ffi::{CStr, c_char};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use countersign_core::{Error, ErrorKind};

use super::place::{self, Stamp};
use super::{Sha256, table};
use crate::abi::{self, ENTRY_V1, EntryV1, csign_plugin_module, csign_provider_vtable};

/// A loaded library, with a copy of its tables.
#[derive(Debug)]
pub(super) struct Library {
    index: u16,
    path: PathBuf,
    digest: Sha256,
    name: String,
    version: String,
    vtables: Vec<Vtable>,
    suspicion: Mutex<Option<String>>,
}

/// A provider's vtable and id.
#[derive(Clone, Copy)]
pub(super) struct Vtable {
    pub(super) table: csign_provider_vtable,
    pub(super) id: &'static str,
}

/// All loaded libraries. The list is global because code that is never unloaded belongs to the
/// process.
static LIBRARIES: RwLock<Vec<Arc<Library>>> = RwLock::new(Vec::new());
static LOADING: Mutex<()> = Mutex::new(());

/// The maximum length of names and versions, in bytes.
const MAX_WORD_LEN: usize = 128;
const MAX_PROVIDERS: usize = 64;

impl Library {
    pub(super) fn load(path: &Path, wanted: Option<Sha256>) -> Result<Arc<Self>, Error> {
        let mut trusted = place::open(path)?;
        let path = trusted.path.clone();
        // Held during loading, so that no other thread loads the same library. `LIBRARIES` stays
        // unlocked, because the plugin's initializers may call the host.
        let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, count) = Self::known(&path);
        if let Some(known) = known {
            known.digest.must_be(wanted)?;
            return Ok(known);
        }
        let index = u16::try_from(count)
            .map_err(|_| Error::setting("plugin", "too many plugins are loaded"))?;
        let before = Stamp::of(&trusted)?;
        let mut bytes = Vec::new();
        trusted.file.read_to_end(&mut bytes).map_err(|error| {
            Error::setting("plugin", format!("it cannot be read: {error}"))
                .with_hint("check its permissions")
        })?;
        let digest = Sha256::of(&bytes);
        digest.must_be(wanted)?;
        let entry = open(&path)?;
        place::check_unchanged(&trusted, &before)?;
        // SAFETY: the symbol's name guarantees this signature. The table is static.
        let module = unsafe { entry(&raw const table::HOST) };
        if module.is_null() {
            return Err(not_a_plugin("it declined to load")
                .with_hint("check which versions of countersign the plugin supports"));
        }
        let library = Arc::new(Self::read(index, path, digest, module)?);
        let mut libraries = LIBRARIES.write().unwrap_or_else(PoisonError::into_inner);
        libraries.push(Arc::clone(&library));
        Ok(library)
    }

    /// Returns the library that was loaded from this path, if any, and the number of libraries.
    fn known(path: &Path) -> (Option<Arc<Self>>, usize) {
        let libraries = LIBRARIES.read().unwrap_or_else(PoisonError::into_inner);
        let known = libraries.iter().find(|known| known.path == path);
        (known.cloned(), libraries.len())
    }

    /// Returns the library with this index.
    pub(super) fn numbered(index: u16) -> Option<Arc<Self>> {
        let libraries = LIBRARIES.read().unwrap_or_else(PoisonError::into_inner);
        libraries.get(usize::from(index)).cloned()
    }

    fn read(
        index: u16,
        path: PathBuf,
        digest: Sha256,
        module: *const csign_plugin_module,
    ) -> Result<Self, Error> {
        let invalid = |what: &str, why: &str| not_a_plugin(&format!("{what} {why}"));
        // SAFETY: the ABI requires a constant module that is as long as it says.
        let module = unsafe { abi::read(module) }.map_err(|why| invalid("its module", why))?;
        let name = word(module.name).map_err(|why| invalid("its module's name", why))?;
        let version = match module.version.is_null() {
            true => "",
            false => word(module.version).map_err(|why| invalid("its module's version", why))?,
        };
        if module.providers.is_null() || !(1..=MAX_PROVIDERS).contains(&module.provider_count) {
            return Err(invalid("its module", "has no provider, or more than 64"));
        }
        let vtables = (0..module.provider_count).map(|place| {
            let what = format!("provider {place} of its module");
            // SAFETY: the ABI requires `provider_count` pointers, to vtables that are as long as
            // they say.
            let vtable = unsafe { abi::read(module.providers.add(place).read()) };
            let table = vtable.map_err(|why| invalid(&what, why))?;
            let id = word(table.id).map_err(|why| invalid(&format!("{what}: `id`"), why))?;
            if table.profile.is_none() {
                return Err(invalid(&what, "has no `profile`"));
            }
            Ok(Vtable { table, id })
        });
        Ok(Self {
            index,
            name: name.to_owned(),
            version: version.to_owned(),
            vtables: vtables.collect::<Result<_, _>>()?,
            path,
            digest,
            suspicion: Mutex::new(None),
        })
    }

    pub(super) fn index(&self) -> u16 {
        self.index
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn digest(&self) -> Sha256 {
        self.digest
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn vtables(&self) -> &[Vtable] {
        &self.vtables
    }

    pub(super) fn suspicion(&self) -> Option<String> {
        self.suspicion_lock().clone()
    }

    /// Marks the plugin as suspect. Only the first reason is kept.
    pub(super) fn suspect(&self, what: &str) {
        self.suspicion_lock().get_or_insert_with(|| what.to_owned());
    }

    fn suspicion_lock(&self) -> MutexGuard<'_, Option<String>> {
        self.suspicion
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a library and returns its entry function.
///
/// The library is never unloaded: `dlclose` is unsound for code that may have created threads or
/// thread-local variables.
fn open(path: &Path) -> Result<EntryV1, Error> {
    let library = map(path).map_err(|error| {
        // The system loader's message is the error's source.
        let why = std::error::Error::source(&error).map(ToString::to_string);
        let why = why.unwrap_or_else(|| error.to_string());
        not_a_plugin(&format!("it cannot be loaded: {why}"))
    })?;
    let library = std::mem::ManuallyDrop::new(library);
    // SAFETY: the symbol's name guarantees its signature.
    let entry = unsafe { library.get::<EntryV1>(ENTRY_V1.to_bytes_with_nul()) };
    let entry = entry.map_err(|_| {
        not_a_plugin("it has no function `countersign_plugin_v1`").with_hint(
            "use a plugin for major version 1 of the plugin ABI: the file is not a plugin, or is one \
             for another major version",
        )
    })?;
    Ok(*entry)
}

#[cfg(unix)]
fn map(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

    // `RTLD_NODELETE`, which libloading doesn't define.
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    const NO_DELETE: i32 = 0x80;
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    const NO_DELETE: i32 = 0x1000;
    #[cfg(not(any(
        target_os = "macos",
        target_os = "ios",
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd"
    )))]
    const NO_DELETE: i32 = 0;
    // SAFETY: this runs the library's initializers. The user asked for this code, and `place::open`
    // checked that no other user can have written it.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | NO_DELETE) }.map(Into::into)
}

#[cfg(windows)]
fn map(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::windows::{
        LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR, LOAD_LIBRARY_SEARCH_SYSTEM32, Library,
    };

    let flags = LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32;
    // SAFETY: as above.
    unsafe { Library::load_with_flags(path, flags) }.map(Into::into)
}

/// Reads a plugin's constant name, version or id.
fn word(begin: *const c_char) -> Result<&'static str, &'static str> {
    if begin.is_null() {
        return Err("is NULL");
    }
    // SAFETY: the ABI requires a constant, NUL-terminated string that lives as long as the process.
    let bytes = unsafe { CStr::from_ptr(begin) }.to_bytes();
    match std::str::from_utf8(bytes) {
        _ if bytes.is_empty() => Err("is empty"),
        _ if bytes.len() > MAX_WORD_LEN => Err("is longer than 128 bytes"),
        Ok(text) if !text.contains(char::is_control) => Ok(text),
        _ => Err("is not UTF-8, or has control characters"),
    }
}

fn not_a_plugin(why: &str) -> Error {
    Error::new(ErrorKind::Setting, why)
        .with_setting("plugin")
        .with_hint(
            "build the plugin for this platform, with include/countersign_plugin.h or the crate \
             countersign-plugin",
        )
}

impl Sha256 {
    fn of(bytes: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut own = [0; 32];
        own.copy_from_slice(digest.as_ref());
        Self(own)
    }

    fn must_be(self, wanted: Option<Self>) -> Result<(), Error> {
        match wanted {
            Some(wanted) if wanted != self => {
                let message = format!("its SHA-256 digest is {self}, expected {wanted}");
                Err(Error::setting("plugin", message).with_hint(
                    "check that this is the right file; if it is, find out who changed it",
                ))
            }
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Vtable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Vtable").field(&self.id).finish()
    }
}
