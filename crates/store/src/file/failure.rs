//! Maps file system errors to kinds and hints.

use std::fmt;
use std::io;
use std::path::Path;

use crate::{Error, ErrorKind};

/// A file or folder that another user may have placed there.
#[derive(Debug)]
pub(super) struct Untrusted {
    pub(super) what: String,
    pub(super) remedy: String,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Untrusted {}

/// Builds the error for a failed call: unavailable if the cause may pass, otherwise unusable.
pub(super) fn broken(did: &str, path: &Path, error: &io::Error) -> Error {
    let untrusted = error.get_ref().and_then(|e| e.downcast_ref::<Untrusted>());
    match untrusted
        .map(|untrusted| untrusted.remedy.as_str())
        .or_else(|| remedy(error))
    {
        Some(remedy) => failed(ErrorKind::Unusable, did, path, error).with_hint(remedy),
        None => failed(ErrorKind::Unavailable, did, path, error)
            .with_hint("try again; if this keeps happening, check the disk that `store` is on"),
    }
}

/// Builds the error for a folder that can't be created. Retrying helps only if the disk was full.
pub(super) fn cannot_create(folder: &Path, error: &io::Error) -> Error {
    let unusable = failed(ErrorKind::Unusable, "create", folder, error);
    match error.kind() {
        io::ErrorKind::StorageFull => broken("create", folder, error),
        io::ErrorKind::NotFound => {
            let above = folder.parent().unwrap_or(folder).display();
            unusable.with_hint(format!(
                "mount or create {above}, or set store = \"file:FOLDER\" to a folder whose parent exists"
            ))
        }
        _ => unusable
            .with_hint("set store = \"file:FOLDER\" to a folder that this user owns or can create"),
    }
}

fn failed(kind: ErrorKind, did: &str, path: &Path, error: &io::Error) -> Error {
    let message = format!("the store cannot {did} {}: {error}", path.display());
    Error::new(kind, message).with_setting("store")
}

/// Returns what to change, or `None` if the cause may pass by itself.
fn remedy(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Some(
            "make the user that runs this program the owner of the folder and its files, or set `store` to a folder of that user",
        ),
        io::ErrorKind::ReadOnlyFilesystem => {
            Some("set `store` to a folder on a writable disk, or mount this one read-write")
        }
        io::ErrorKind::NotFound => {
            Some("check that the folder in `store` exists and that its disk is mounted")
        }
        io::ErrorKind::NotADirectory => Some("set `store` to a folder"),
        _ => limit(error),
    }
}

#[cfg(unix)]
fn limit(error: &io::Error) -> Option<&'static str> {
    use rustix::io::Errno;
    let errno = Errno::from_raw_os_error(error.raw_os_error()?);
    if [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL].contains(&errno) {
        return Some(
            "set `store` to a folder on a file system with locks (for NFS, mount it with locks and run its lock service)",
        );
    }
    match errno {
        Errno::MFILE => Some(
            "raise the limit on open files (ulimit -n, LimitNOFILE= in a systemd unit), or find what this program leaves open",
        ),
        Errno::NFILE => Some("raise the machine's limit on open files (sysctl fs.file-max)"),
        _ => None,
    }
}

#[cfg(not(unix))]
fn limit(_: &io::Error) -> Option<&'static str> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn permanent_failures_make_the_store_unusable() {
        let explained = |errno: Errno| {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            let error = broken("lock", Path::new("/tokens/x.lock"), &error);
            assert_eq!(error.setting_name(), Some("store"));
            (error.kind(), error.hint().unwrap_or_default().to_owned())
        };
        for (errno, named) in [
            (Errno::ROFS, "`store`"),
            (Errno::ACCESS, "`store`"),
            (Errno::PERM, "`store`"),
            (Errno::NOENT, "`store`"),
            (Errno::NOTDIR, "`store`"),
            (Errno::NOLCK, "lock service"),
            (Errno::OPNOTSUPP, "lock service"),
            (Errno::MFILE, "ulimit -n"),
            (Errno::NFILE, "fs.file-max"),
        ] {
            let (kind, hint) = explained(errno);
            assert_eq!(kind, ErrorKind::Unusable, "{errno:?}");
            assert!(hint.contains(named), "{errno:?}: {hint}");
        }
        for errno in [Errno::NOSPC, Errno::IO, Errno::DQUOT, Errno::INTR] {
            assert_eq!(explained(errno).0, ErrorKind::Unavailable, "{errno:?}");
        }
    }
}
