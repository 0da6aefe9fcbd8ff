//! Builds plugins: from one file of C with the machine's compiler, or a package of this workspace with cargo.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A plugin in a folder that only its owner may write. Gone when dropped, so keep it as long as its path is used.
#[derive(Debug)]
pub struct Built {
    folder: TempDir,
    path: PathBuf,
}

impl Built {
    /// The shared library's absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder it lies in, alone.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("countersign-plugin-")
            .tempdir()
            .expect("a temporary folder");
        let path = folder.path().join(format!("{name}{DLL_SUFFIX}"));
        Self { folder, path }
    }
}

/// Builds a plugin from a file of C, given from the workspace's folder, as strictly as compilers can; the header comes from
/// `headers`, given the same way. `defined` are names for `-D`.
///
/// # Panics
///
/// Where there is no compiler (`$CC`, else `cc`), or it complains about anything.
pub fn c(source: &str, headers: &str, defined: &[&str]) -> Built {
    let stem = Path::new(source).file_stem().unwrap_or_default();
    let built = Built::new(&stem.to_string_lossy());
    let compiler = std::env::var_os("CC").unwrap_or_else(|| OsString::from("cc"));
    let mut command = Command::new(compiler);
    command
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .args(["-g", "-O1", "-fvisibility=hidden", "-shared", "-fPIC"])
        .args(defined.iter().map(|name| format!("-D{name}")))
        .arg("-I")
        .arg(root().join(headers))
        .arg("-o")
        .arg(built.path())
        .arg(root().join(source));
    run(&mut command);
    narrow(built.path());
    built
}

/// Builds a package of this workspace that is a plugin in Rust.
///
/// # Panics
///
/// Where cargo fails.
pub fn rust(package: &str) -> Built {
    let built = Built::new(package);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    // A target folder of its own: the one of the tests may be locked by whoever runs them.
    let target = own_target();
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--offline", "--package", package])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(root());
    run(&mut command);
    let name = format!("{DLL_PREFIX}{}{DLL_SUFFIX}", package.replace('-', "_"));
    std::fs::copy(target.join("debug").join(name), built.path()).expect("what cargo built");
    narrow(built.path());
    built
}

/// The workspace's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap_or(here).to_owned()
}

/// Beside the folder of the profile that this test was built in.
fn own_target() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let target = test.ancestors().nth(3).unwrap_or(&test);
    target.join("plugins")
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// Whatever the umask is: a plugin that others may write is not loaded.
fn narrow(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let only_owner = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, only_owner).expect("its permissions");
    }
    #[cfg(not(unix))]
    let _ = path;
}
