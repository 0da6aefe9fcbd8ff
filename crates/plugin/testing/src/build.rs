//! Builds plugins from a C file with the system's compiler, or from a workspace package with cargo.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A plugin in a temporary folder that only its owner can write. Dropping it deletes the folder.
#[derive(Debug)]
pub struct Built {
    folder: TempDir,
    path: PathBuf,
}

impl Built {
    /// Returns the shared library's absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder, which contains nothing but the library.
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

/// Builds a plugin from a C file, with all warnings as errors.
///
/// `source` and the folder of the header, `headers`, are relative to the workspace. Each of
/// `defined` is passed with `-D`.
///
/// # Panics
///
/// Panics if there is no compiler (`$CC`, or `cc` by default), or if it reports anything.
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

/// Builds a plugin in Rust, a package of this workspace.
///
/// # Panics
///
/// Panics if cargo fails.
pub fn rust(package: &str) -> Built {
    let built = Built::new(package);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    // The cargo that runs the tests may hold the lock of its target folder, so use another one.
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

/// Returns the workspace's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap_or(here).to_owned()
}

/// Returns a target folder next to the one that this test was built in.
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

/// Removes write permissions that the umask may have left: the host rejects such plugins.
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
