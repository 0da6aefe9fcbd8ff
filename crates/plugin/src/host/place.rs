//! Where a plugin may lie: only its owner can have put it there.

use std::path::{Path, PathBuf};

use countersign::Error;

/// The file itself, without symbolic links, if nobody but root and whoever runs this can write it or put another in its
/// place.
///
/// # Errors
///
/// Where the path is not absolute, there is no such file, or others may write it or a folder above it.
pub(super) fn trusted(path: &Path) -> Result<PathBuf, Error> {
    if !path.is_absolute() {
        return Err(Error::setting("plugin", "the path is not absolute")
            .with_hint("write the whole path: a plugin is never searched for"));
    }
    let file = path.canonicalize().map_err(|error| {
        Error::setting("plugin", format!("there is no such file: {error}"))
            .with_hint("check the path")
    })?;
    if !file.is_file() {
        return Err(Error::setting("plugin", "it is not a file")
            .with_hint("name the shared library itself"));
    }
    check_owner(&file)?;
    check_writers(&file, false)?;
    if let Some(folder) = file.parent() {
        check_owner(folder)?;
    }
    // A link on the way can be pointed elsewhere by whoever may write its folder.
    for way in [path, &file] {
        for (above, folder) in way.ancestors().skip(1).enumerate() {
            if !folder.as_os_str().is_empty() {
                check_writers(folder, above > 0)?;
            }
        }
    }
    Ok(file)
}

#[cfg(unix)]
fn check_writers(path: &Path, sticky_is_enough: bool) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;

    const STICKY: u32 = 0o1000;
    let facts = path.metadata().map_err(|error| unreadable(path, &error))?;
    let mode = facts.permissions().mode();
    // In a sticky folder, as /tmp is, others add files but cannot replace what is there.
    if mode & 0o022 == 0 || (sticky_is_enough && mode & STICKY != 0) {
        return Ok(());
    }
    let shown = path.display();
    let message = format!("{shown} may be written by others than its owner");
    Err(Error::setting("plugin", message).with_hint(format!("chmod go-w {shown}")))
}

#[cfg(unix)]
fn check_owner(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;

    let facts = path.metadata().map_err(|error| unreadable(path, &error))?;
    let own = rustix::process::geteuid().as_raw();
    if facts.uid() == 0 || facts.uid() == own {
        return Ok(());
    }
    let shown = path.display();
    let message = format!("{shown} belongs to user {}", facts.uid());
    Err(Error::setting("plugin", message)
        .with_hint("let it belong to root, or to the user who runs this"))
}

#[cfg(unix)]
fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::setting(
        "plugin",
        format!("{} cannot be read: {error}", path.display()),
    )
    .with_hint("check the path and its permissions")
}

// Who may write there, access control lists say, which are not read.
#[cfg(not(unix))]
fn check_writers(_: &Path, _: bool) -> Result<(), Error> {
    Ok(())
}

#[cfg(not(unix))]
fn check_owner(_: &Path) -> Result<(), Error> {
    Ok(())
}
