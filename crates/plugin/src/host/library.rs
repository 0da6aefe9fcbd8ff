//! A shared library that is a plugin: loaded once, its tables read, never unloaded.

use std::ffi::{CStr, c_char};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use countersign::{Error, ErrorKind};

use super::place::{self, Stamp};
use super::{Sha256, table};
use crate::abi::{self, ENTRY_V1, EntryV1, csign_plugin_module, csign_provider_vtable};

/// A plugin's file in this process, with what its tables say.
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

/// A provider's table, and its id.
#[derive(Clone, Copy)]
pub(super) struct Vtable {
    pub(super) table: csign_provider_vtable,
    pub(super) id: &'static str,
}

/// All there are: code that is never unloaded is the process's, so this list is as well.
static LIBRARIES: RwLock<Vec<Arc<Library>>> = RwLock::new(Vec::new());
static LOADING: Mutex<()> = Mutex::new(());

/// Names and versions longer than this are none.
const LONGEST_WORD: usize = 128;
const MOST_PROVIDERS: usize = 64;

impl Library {
    pub(super) fn load(path: &Path, wanted: Option<Sha256>) -> Result<Arc<Self>, Error> {
        let mut trusted = place::open(path)?;
        let path = trusted.path.clone();
        // Held while the library initializes itself, so that no other thread loads it as well. The list itself stays
        // free: a plugin may call the host meanwhile.
        let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, count) = Self::known(&path);
        if let Some(known) = known {
            known.digest.must_be(wanted)?;
            return Ok(known);
        }
        let index = u16::try_from(count)
            .map_err(|_| Error::setting("plugin", "there are too many plugins"))?;
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
        // SAFETY: the symbol's name promises this signature; the table is constant and lives as long as the process.
        let module = unsafe { entry(&raw const table::HOST) };
        if module.is_null() {
            return Err(not_a_plugin("it declined to be loaded")
                .with_hint("its maker says what it needs of the host"));
        }
        let library = Arc::new(Self::read(index, path, digest, module)?);
        let mut libraries = LIBRARIES.write().unwrap_or_else(PoisonError::into_inner);
        libraries.push(Arc::clone(&library));
        Ok(library)
    }

    /// The one of this path, and how many there are.
    fn known(path: &Path) -> (Option<Arc<Self>>, usize) {
        let libraries = LIBRARIES.read().unwrap_or_else(PoisonError::into_inner);
        let known = libraries.iter().find(|known| known.path == path);
        (known.cloned(), libraries.len())
    }

    /// The one of this number, as a call carries it.
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
        let refuse = |what: &str, why: &str| not_a_plugin(&format!("{what} {why}"));
        // SAFETY: a plugin's promise: its module is as long as it says, and constant.
        let module = unsafe { abi::read(module) }.map_err(|why| refuse("its module", why))?;
        let name = word(module.name).map_err(|why| refuse("its module's name", why))?;
        let version = match module.version.is_null() {
            true => "",
            false => word(module.version).map_err(|why| refuse("its module's version", why))?,
        };
        if module.providers.is_null() || !(1..=MOST_PROVIDERS).contains(&module.provider_count) {
            return Err(refuse("its module", "has no provider, or more than 64"));
        }
        let vtables = (0..module.provider_count).map(|place| {
            let what = format!("provider {place} of its module");
            // SAFETY: a plugin's promise: so many pointers are there, to tables that are as long as they say.
            let vtable = unsafe { abi::read(module.providers.add(place).read()) };
            let table = vtable.map_err(|why| refuse(&what, why))?;
            let id = word(table.id).map_err(|why| refuse(&format!("{what}: `id`"), why))?;
            if table.profile.is_none() {
                return Err(refuse(&what, "has no `profile`"));
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

    /// Remembers what the plugin did wrong first.
    pub(super) fn suspect(&self, what: &str) {
        self.suspicion_lock().get_or_insert_with(|| what.to_owned());
    }

    fn suspicion_lock(&self) -> MutexGuard<'_, Option<String>> {
        self.suspicion
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entry function of a library, which from now on is never unloaded: no `dlclose` is sound for code that may have
/// made threads or thread-local variables.
fn open(path: &Path) -> Result<EntryV1, Error> {
    let library = map(path).map_err(|error| {
        // What the system's loader said is the error's source.
        let why = std::error::Error::source(&error).map(ToString::to_string);
        let why = why.unwrap_or_else(|| error.to_string());
        not_a_plugin(&format!("it cannot be loaded: {why}"))
    })?;
    let library = std::mem::ManuallyDrop::new(library);
    // SAFETY: the name promises the signature.
    let entry = unsafe { library.get::<EntryV1>(ENTRY_V1.to_bytes_with_nul()) };
    let entry = entry.map_err(|_| {
        not_a_plugin("it has no function `countersign_plugin_v1`").with_hint(
            "it is no plugin, or one for another major version of the plugin ABI: this is version 1",
        )
    })?;
    Ok(*entry)
}

#[cfg(unix)]
fn map(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

    // `RTLD_NODELETE`, which libloading does not have.
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
    // SAFETY: the library's initializers run here: the user asked for this code, and nobody else can have written it.
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

/// A constant word of a plugin.
fn word(begin: *const c_char) -> Result<&'static str, &'static str> {
    if begin.is_null() {
        return Err("is NULL");
    }
    // SAFETY: a plugin's promise: NUL-terminated, constant, and there as long as the process.
    let bytes = unsafe { CStr::from_ptr(begin) }.to_bytes();
    match std::str::from_utf8(bytes) {
        _ if bytes.is_empty() => Err("is empty"),
        _ if bytes.len() > LONGEST_WORD => Err("is longer than 128 bytes"),
        Ok(text) if !text.contains(char::is_control) => Ok(text),
        _ => Err("is not plain UTF-8"),
    }
}

fn not_a_plugin(why: &str) -> Error {
    Error::new(ErrorKind::Setting, why)
        .with_setting("plugin")
        .with_hint(
            "build it with include/countersign_plugin.h or countersign-plugin, for this machine",
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
                let message = format!("its SHA-256 digest is {self}, and {wanted} is asked for");
                Err(Error::setting("plugin", message)
                    .with_hint("the file is not the one that was meant; find out who changed it"))
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
