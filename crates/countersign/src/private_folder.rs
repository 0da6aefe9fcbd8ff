//! Folders that only this user can access.

use std::path::Path;
use std::{fs, io};

/// Creates a folder and its missing ancestors, accessible only for this user.
///
/// Fails in another user's folder: `sudo -E` keeps the caller's HOME, and the caller couldn't write
/// to a folder that root creates there.
pub(crate) fn create_private_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    check_owner(folder)?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Checks that the nearest existing ancestor belongs to this user or root.
#[cfg(unix)]
fn check_owner(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let there = folder.ancestors().find_map(|path| {
        let facts = fs::metadata(path).ok()?;
        Some((path, facts.uid()))
    });
    let own = rustix::process::geteuid().as_raw();
    match there {
        Some((path, owner)) if owner != own && owner != 0 => {
            let path = path.display();
            let why =
                format!("{path} belongs to user {owner}, and this program runs as user {own}");
            Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
        }
        _ => Ok(()),
    }
}
