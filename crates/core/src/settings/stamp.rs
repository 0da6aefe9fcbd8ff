//! Detects whether a file has changed since it was read.

#![expect(
    clippy::disallowed_methods,
    reason = "detects changes of a file that a setting names"
)]

use std::fs::Metadata;
use std::path::Path;
use std::time::SystemTime;

/// The identity, size and times of a file, which show whether it has changed.
///
/// Symbolic links are followed, so replacing the file and changing a link are changes too.
/// Kubernetes does the latter with a whole folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp(Option<Stamp>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, inode and `ctime`, which programs can't set.
    identity: [i64; 4],
}

impl FileStamp {
    /// Returns the stamp of the file at this path.
    pub(crate) fn of(path: &Path) -> Self {
        let metadata = std::fs::metadata(path);
        Self(metadata.ok().map(|metadata| Stamp {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(&metadata),
        }))
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> [i64; 4] {
    use std::os::unix::fs::MetadataExt;
    [
        metadata.dev() as i64,
        metadata.ino() as i64,
        metadata.ctime(),
        metadata.ctime_nsec(),
    ]
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> [i64; 4] {
    [0; 4]
}
