//! Opens files that decide what this process does, if no other user can have written them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Reads a file that only root and the user of this process can have written or replaced.
///
/// The file, every folder above it and every symbolic link on the way must belong to root or to the
/// effective user, and must not be writable by anyone else. A group counts as someone else unless it
/// is the owner's private group (no other member in `/etc/passwd` and `/etc/group`). A folder with
/// the sticky bit, such as `/tmp`, may be writable: nobody can replace another user's entries there.
/// On systems without Unix permissions, nothing is checked.
///
/// # Errors
///
/// [`OpenError::Untrusted`] names the file or folder and what is wrong with it.
///
/// # Example
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("countersign.toml");
/// # std::fs::write(&path, "[connections.mine]").unwrap();
/// let text = countersign_store::trusted::read(&path).unwrap();
/// assert_eq!(text.as_slice(), b"[connections.mine]");
/// ```
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut file = open(path)?.file;
    let size = file.metadata()?.len();
    // Allocate once: growing would leave copies of a secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the secret in the text of a file, without what editors add: a byte order mark, and line
/// breaks at the end.
///
/// # Example
///
/// ```
/// use countersign_store::trusted::secret_in;
///
/// assert_eq!(secret_in("\u{feff}pass phrase\r\n"), "pass phrase");
/// ```
pub fn secret_in(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}');
    text.trim_end_matches(['\r', '\n'])
}

/// Opens a file for reading, with the checks of [`read`].
///
/// # Errors
///
/// As [`read`].
///
/// # Example
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("countersign.toml");
/// # std::fs::write(&path, "[connections.mine]").unwrap();
/// let opened = countersign_store::trusted::open(&path).unwrap();
/// assert_eq!(opened.file.metadata().unwrap().len(), 18);
/// ```
pub fn open(path: &Path) -> Result<Trusted, OpenError> {
    // Checked from the root down: nobody else can change a folder that passed while its contents are
    // checked. So only root and this user can change the path between this and opening it.
    let place = rules::check_way(path)?;
    let file = File::open(path)?;
    // Check the opened file, not what its name refers to by now.
    rules::check_file(&place, &file.metadata()?)?;
    Ok(Trusted { file, path: place })
}

/// Checks that no other user can replace the entries of a folder, as [`read`] does for a file.
///
/// # Errors
///
/// As [`read`].
///
/// # Example
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path();
/// assert!(countersign_store::trusted::check_folder(path).is_ok());
/// ```
pub fn check_folder(path: &Path) -> Result<(), OpenError> {
    rules::check_way(path).map(drop)
}

/// A file opened by [`open`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Trusted {
    /// The file, open for reading.
    pub file: File,
    /// Its path, with symbolic links resolved.
    pub path: PathBuf,
}

/// Why a file was rejected.
#[derive(Debug)]
pub enum OpenError {
    /// It can't be opened or read.
    Io(io::Error),
    /// Other users may have written or replaced it.
    Untrusted(Untrusted),
}

/// A file, folder or link that other users may have written.
#[derive(Debug)]
pub struct Untrusted {
    path: PathBuf,
    why: Why,
}

#[derive(Debug)]
enum Why {
    /// It belongs to another user.
    Owner { owner: u32, user: u32 },
    /// Its mode lets others write it.
    Mode { mode: u32, folder: bool },
}

impl Untrusted {
    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        let shown = self.path.display();
        match self.why {
            Why::Owner { owner, user } => format!(
                "run this program as user {owner}, or, if you trust the contents, run: \
                 chown {user} {shown}"
            ),
            Why::Mode { folder: false, .. } => format!("chmod go-w {shown}"),
            Why::Mode { folder: true, .. } => format!(
                "chmod go-w {shown}, or move the file to a folder that only its owner can write"
            ),
        }
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.path.display();
        match self.why {
            Why::Owner { owner, user } => write!(
                f,
                "{shown} belongs to user {owner}, and this program runs as user {user}"
            ),
            Why::Mode { mode, .. } => {
                write!(f, "{shown} is writable by other users (mode {mode:04o})")
            }
        }
    }
}

impl std::error::Error for Untrusted {}

impl OpenError {
    /// Returns what to do about it, if the reason is more than an I/O error.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io(_) => None,
            Self::Untrusted(untrusted) => Some(untrusted.hint()),
        }
    }
}

/// The message is the rest of a sentence that starts with the file's path.
impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::Untrusted(untrusted) => write!(f, "is not trusted: {untrusted}"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Untrusted(untrusted) => Some(untrusted),
        }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Untrusted> for OpenError {
    fn from(untrusted: Untrusted) -> Self {
        Self::Untrusted(untrusted)
    }
}

#[cfg(unix)]
mod rules {
    use std::ffi::OsString;
    use std::fs::{self, Metadata};
    use std::io;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::path::{Component, Path, PathBuf};

    use super::{OpenError, Untrusted, Why};

    const STICKY: u32 = 0o1000;
    const GROUP_WRITES: u32 = 0o020;
    const OTHERS_WRITE: u32 = 0o002;
    /// The limit of Linux.
    const MAX_LINKS: u32 = 40;

    /// Checks everything on a path, from the root down. Returns the path without symbolic links.
    pub(super) fn check_way(path: &Path) -> Result<PathBuf, OpenError> {
        let mut rest: Vec<OsString> = Vec::new();
        push(&mut rest, &std::path::absolute(path)?);
        let mut at = PathBuf::from("/");
        check_folder(&at, &fs::symlink_metadata(&at)?)?;
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                // `at` contains no links, so its parent is the folder above.
                at.pop();
                continue;
            }
            let next = at.join(&name);
            let facts = fs::symlink_metadata(&next)?;
            check_owner(&next, &facts)?;
            if facts.is_symlink() {
                links += 1;
                if links > MAX_LINKS {
                    return Err(io::Error::other("too many symbolic links").into());
                }
                let target = fs::read_link(&next)?;
                if rest.is_empty() && is_of_a_descriptor(&at, &target) {
                    return Ok(next);
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                push(&mut rest, &target);
            } else {
                if facts.is_dir() {
                    check_folder(&next, &facts)?;
                }
                at = next;
            }
        }
        Ok(at)
    }

    /// Pushes the parts of a path in reverse order.
    fn push(rest: &mut Vec<OsString>, path: &Path) {
        let parts = path.components().rev().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        });
        rest.extend(parts);
    }

    /// Returns whether a link refers to an open file without a path: `/proc/self/fd/3 -> pipe:[17]`.
    fn is_of_a_descriptor(folder: &Path, target: &Path) -> bool {
        folder.starts_with("/proc") && !folder.join(target).exists()
    }

    fn check_folder(path: &Path, facts: &Metadata) -> Result<(), Untrusted> {
        check_owner(path, facts)?;
        match facts.mode() & STICKY {
            0 => check_writers(path, facts),
            _ => Ok(()),
        }
    }

    /// Checks an opened file.
    pub(super) fn check_file(path: &Path, facts: &Metadata) -> Result<(), Untrusted> {
        check_owner(path, facts)?;
        // Nobody can have written the contents of a device such as /dev/null.
        match facts.file_type().is_char_device() {
            true => Ok(()),
            false => check_writers(path, facts),
        }
    }

    fn check_owner(path: &Path, facts: &Metadata) -> Result<(), Untrusted> {
        let (owner, user) = (facts.uid(), rustix::process::geteuid().as_raw());
        if owner == 0 || owner == user {
            return Ok(());
        }
        Err(Untrusted {
            path: path.to_owned(),
            why: Why::Owner { owner, user },
        })
    }

    fn check_writers(path: &Path, facts: &Metadata) -> Result<(), Untrusted> {
        let mode = facts.mode() & 0o7777;
        let group = mode & GROUP_WRITES != 0 && !is_private_group(facts.gid(), facts.uid());
        if mode & OTHERS_WRITE == 0 && !group {
            return Ok(());
        }
        Err(Untrusted {
            path: path.to_owned(),
            why: Why::Mode {
                mode,
                folder: facts.is_dir(),
            },
        })
    }

    /// Returns whether a group's only member is the owner, as on systems whose umask is 002.
    fn is_private_group(group: u32, owner: u32) -> bool {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        has_one_member(group, owner, &read("/etc/passwd"), &read("/etc/group"))
    }

    /// Looks the group up in the contents of passwd(5) and group(5). A group that they don't list,
    /// such as one of a directory service, isn't private, because its members are unknown.
    pub(super) fn has_one_member(group: u32, owner: u32, passwd: &str, groups: &str) -> bool {
        // Containers may run as any user with group 0.
        if group == 0 {
            return false;
        }
        let number = |text: Option<&&str>| text.and_then(|text| text.parse::<u32>().ok());
        let mut names = Vec::new();
        for line in passwd.lines() {
            let fields: Vec<_> = line.split(':').collect();
            let (user, primary) = (number(fields.get(2)), number(fields.get(3)));
            if user == Some(owner) {
                names.push(fields[0]);
            } else if primary == Some(group) {
                return false;
            }
        }
        let mut known = false;
        for line in groups.lines() {
            let fields: Vec<_> = line.split(':').collect();
            if number(fields.get(2)) != Some(group) {
                continue;
            }
            known = true;
            let members = fields.get(3).copied().unwrap_or_default().split(',');
            let mut members = members.filter(|name| !name.is_empty());
            if members.any(|name| !names.contains(&name)) {
                return false;
            }
        }
        known && !names.is_empty()
    }
}

// Elsewhere, access control lists decide who can write. They are not checked.
#[cfg(not(unix))]
mod rules {
    use std::fs::Metadata;
    use std::path::{Path, PathBuf};

    use super::{OpenError, Untrusted};

    pub(super) fn check_way(path: &Path) -> Result<PathBuf, OpenError> {
        Ok(path.canonicalize()?)
    }

    pub(super) fn check_file(_: &Path, _: &Metadata) -> Result<(), Untrusted> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::rules::has_one_member;

    #[test]
    fn a_group_is_private_if_its_owner_is_the_only_member() {
        let passwd = "root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\nbob:x:1001:1001::/:\n";
        let groups = "root:x:0:\nann:x:1000:\nbob:x:1001:bob\nstaff:x:50:ann\nteam:x:60:ann,bob\n";
        let private = |group, owner| has_one_member(group, owner, passwd, groups);
        assert!(private(1000, 1000) && private(1001, 1001) && private(50, 1000));
        assert!(!private(60, 1000), "bob is a member, too");
        assert!(!private(1001, 1000), "it is bob's primary group");
        assert!(
            !private(0, 0),
            "containers may run as any user with group 0"
        );
        assert!(!private(4711, 1000), "its members are unknown");
        assert!(!private(1000, 2000), "the owner is unknown");
    }
}
