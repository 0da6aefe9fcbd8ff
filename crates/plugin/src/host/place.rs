//! Opens a plugin's file, if no other user can have written it.

use std::path::Path;

use countersign_core::trusted::{self, OpenError, Trusted};
use countersign_core::{Error, ErrorKind};

/// Opens a plugin's file.
///
/// # Errors
///
/// Fails if the path is not absolute, the file doesn't exist, or another user can write the file or
/// a folder above it.
pub(super) fn open(path: &Path) -> Result<Trusted, Error> {
    if !path.is_absolute() {
        return Err(Error::setting("plugin", "the path is not absolute")
            .with_hint("write the absolute path: plugins are not searched for"));
    }
    let trusted = trusted::open(path).map_err(|rejection| match rejection {
        OpenError::Io(error) => cannot_be_read(&error),
        OpenError::Untrusted(untrusted) => {
            Error::setting("plugin", untrusted.to_string()).with_hint(untrusted.hint())
        }
    })?;
    let facts = trusted.file.metadata().map_err(|e| cannot_be_read(&e))?;
    if !facts.is_file() {
        return Err(Error::setting("plugin", "it is not a file")
            .with_hint("write the path of the shared library itself"));
    }
    // The loader may find the plugin's dependencies in its folder, so no other user may add files
    // there.
    for folder in [path.parent(), trusted.path.parent()] {
        folder.map_or(Ok(()), check_folder)?;
    }
    Ok(trusted)
}

fn cannot_be_read(error: &std::io::Error) -> Error {
    let message = match error.kind() {
        std::io::ErrorKind::NotFound => format!("there is no such file: {error}"),
        _ => format!("it cannot be read: {error}"),
    };
    Error::setting("plugin", message).with_hint("check the path and its permissions")
}

#[cfg(unix)]
fn check_folder(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;

    const STICKY: u32 = 0o1000;
    const OTHERS_WRITE: u32 = 0o022;
    let facts = folder.metadata().map_err(|e| cannot_be_read(&e))?;
    let mode = facts.permissions().mode();
    if mode & STICKY == 0 || mode & OTHERS_WRITE == 0 {
        return Ok(());
    }
    let shown = folder.display();
    let message = format!("{shown} is writable by other users");
    Err(Error::setting("plugin", message)
        .with_hint("move the plugin to a folder that only its owner can write"))
}

#[cfg(not(unix))]
fn check_folder(_: &Path) -> Result<(), Error> {
    Ok(())
}

/// Checks that the loaded file is the one that was opened and hashed.
///
/// The system loader opens the path again. Loading from `/proc/self/fd` would avoid that, but it
/// names plugins after descriptors that are reused, breaks `$ORIGIN`, and requires a mounted
/// `/proc`. It isn't necessary either: only root and this user can replace anything on a path that
/// [`open`] accepted. What remains is that the owner installs another version at this very moment,
/// which this check detects.
///
/// # Errors
///
/// Fails if the file was replaced or written in the meantime.
pub(super) fn check_unchanged(trusted: &Trusted, before: &Stamp) -> Result<(), Error> {
    let now = Stamp::of_path(&trusted.path);
    match now {
        Ok(now) if now == *before => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Setting,
            "the file changed while it was being loaded",
        )
        .with_setting("plugin")
        .with_hint("restart the program after the plugin is installed")),
    }
}

/// A file's identity and state.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    #[cfg(unix)]
    file: (u64, u64),
    #[cfg(unix)]
    changed: (i64, i64),
    length: u64,
    modified: Option<std::time::SystemTime>,
}

impl Stamp {
    pub(super) fn of(trusted: &Trusted) -> Result<Self, Error> {
        let facts = trusted.file.metadata().map_err(|e| cannot_be_read(&e))?;
        Ok(Self::new(&facts))
    }

    fn of_path(path: &Path) -> std::io::Result<Self> {
        Ok(Self::new(&path.metadata()?))
    }

    #[cfg(unix)]
    fn new(facts: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            file: (facts.dev(), facts.ino()),
            changed: (facts.ctime(), facts.ctime_nsec()),
            length: facts.len(),
            modified: facts.modified().ok(),
        }
    }

    #[cfg(not(unix))]
    fn new(facts: &std::fs::Metadata) -> Self {
        Self {
            length: facts.len(),
            modified: facts.modified().ok(),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn detects_a_file_that_was_replaced_or_written() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("plugin.so"), folder.path().join("other"));
        std::fs::write(&path, "checked").unwrap();
        let trusted = open(&path).unwrap();
        let before = Stamp::of(&trusted).unwrap();
        check_unchanged(&trusted, &before).unwrap();
        // Another file of the same length.
        std::fs::write(&other, "planted").unwrap();
        std::fs::rename(&other, &path).unwrap();
        check_unchanged(&trusted, &before).unwrap_err();

        let trusted = open(&path).unwrap();
        let before = Stamp::of(&trusted).unwrap();
        std::fs::write(&path, "written since").unwrap();
        check_unchanged(&trusted, &before).unwrap_err();
    }
}
