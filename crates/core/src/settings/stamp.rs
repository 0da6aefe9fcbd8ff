//! Whether a file has changed since it was read.

#![expect(
    clippy::disallowed_methods,
    reason = "whether a file that a setting names has changed"
)]

use std::fs::Metadata;
use std::path::Path;
use std::time::SystemTime;

/// What tells whether a file has changed since it was read: identity, size and times, as the
/// system has them for what the path leads to in the end. A file that is replaced and a symbolic
/// link that is moved, as Kubernetes does with a whole folder, are changes like any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp(Option<Stamp>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, inode and the time of its last change: no program can set the last back.
    identity: [i64; 4],
}

impl FileStamp {
    /// The stamp of the file at this path.
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
