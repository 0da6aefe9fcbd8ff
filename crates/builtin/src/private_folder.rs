//! Folders for this user alone.

use std::path::Path;
use std::{fs, io};

/// Creates a folder, and those above it, for this user alone.
///
/// Fails in another user's folder: `sudo -E` keeps the HOME of the user who calls it, who could not
/// write to a folder of root's there.
pub(crate) fn create_private_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    check_owner(folder)?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Checks that the first folder on the way up that exists is this user's or root's.
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
