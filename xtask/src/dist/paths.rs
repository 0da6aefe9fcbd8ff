//! Keeps the build machine's paths out of what is built.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{root, target};

/// Returns compiler flags that replace the build machine's folders in panic messages.
pub(super) fn remap() -> Vec<String> {
    // The last match counts, and the others may be inside the workspace.
    let flags = folders().into_iter();
    flags
        .map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()))
        .collect()
}

/// Fails if a file contains the path of one of the build machine's folders.
pub(super) fn check(file: &Path) -> Result<(), String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let found: Vec<_> = folders()
        .iter()
        .filter_map(|(folder, _)| first(&bytes, &folder.display().to_string()))
        .collect();
    match found.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{} contains paths of this machine:\n{}",
            file.display(),
            found.join("\n")
        )),
    }
}

/// Returns the folders that source files are in, and their names in messages.
fn folders() -> Vec<(PathBuf, &'static str)> {
    let target = std::path::absolute(target()).unwrap_or_else(|_| target());
    let mut folders = vec![(root(), "countersign"), (target, "target")];
    folders.extend(home("CARGO_HOME", ".cargo").map(|folder| (folder, "cargo")));
    folders.extend(home("RUSTUP_HOME", ".rustup").map(|folder| (folder, "rustup")));
    folders
}

/// Returns a tool's folder: the variable's, or this one in the user's home.
fn home(variable: &str, name: &str) -> Option<PathBuf> {
    let set = std::env::var_os(variable).map(PathBuf::from);
    set.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(name)))
}

/// Returns the first occurrence of a folder, with the text that follows it.
fn first(bytes: &[u8], folder: &str) -> Option<String> {
    let at = bytes
        .windows(folder.len())
        .position(|part| part == folder.as_bytes())?;
    let rest = &bytes[at..];
    let end = rest.iter().position(|byte| !byte.is_ascii_graphic());
    let end = end.unwrap_or(rest.len()).min(folder.len() + 100);
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_path_of_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("library");
        fs::write(&file, b"\x7fELF\0countersign/crates/core/src/lib.rs\0").unwrap();
        check(&file).unwrap();
        let path = root().join("crates/core/src/lib.rs");
        fs::write(&file, format!("\x7fELF\0{}\0rest", path.display())).unwrap();
        let error = check(&file).unwrap_err();
        assert!(error.ends_with(&path.display().to_string()), "{error}");
    }
}
