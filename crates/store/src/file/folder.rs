//! The store's folder: checks its owner, and opens files relative to its descriptor.
//!
//! Nothing here follows links. A file is used only if it is a regular file with a single hard link
//! and belongs to the user of this process.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

#[cfg(not(unix))]
use self::portable as system;
#[cfg(unix)]
use self::unix as system;
use super::failure::{Untrusted, broken, cannot_create};
use crate::Error;
use crate::trusted::{self, OpenError};

/// An open folder that only the user of this process can access.
pub(super) struct Folder {
    path: PathBuf,
    system: system::Folder,
}

impl Folder {
    /// Creates the folder with mode 0700 unless it exists. Folders above it are not created: if
    /// they are missing, a disk may not be mounted.
    pub(super) fn create(path: &Path) -> Result<(), Error> {
        match system::create_folder(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created.map_err(|error| cannot_create(path, &error)),
        }
    }

    /// Checks that no other user can replace the folder.
    pub(super) fn check_way(path: &Path) -> Result<(), Error> {
        trusted::check_folder(path).map_err(|rejection| match rejection {
            OpenError::Io(error) => broken("open", path, &error),
            OpenError::Untrusted(untrusted) => {
                let untrusted_folder = Untrusted {
                    what: untrusted.to_string(),
                    remedy: untrusted.hint(),
                };
                broken("open", path, &io::Error::other(untrusted_folder))
            }
        })
    }

    /// Opens the folder and checks its owner.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let system = system::Folder::at(path).map_err(|error| broken("open", path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            system,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file in it, for messages.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns a file's contents, or `None` if it doesn't exist.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(self.open_and_read(name)?.map(|(_, bytes)| bytes))
    }

    /// Like [`Folder::read`], and keeps the file open.
    pub(super) fn open_and_read(
        &self,
        name: &str,
    ) -> io::Result<Option<(File, Zeroizing<Vec<u8>>)>> {
        let mut file = match self.system.open(name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        // Allocate once: growing would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(length as usize + 1));
        file.read_to_end(&mut bytes)?;
        Ok(Some((file, bytes)))
    }

    /// Opens an existing file for reading.
    pub(super) fn open_file(&self, name: &str) -> io::Result<File> {
        self.system.open(name)
    }

    /// Opens a file for reading and writing, and creates it unless it exists.
    pub(super) fn open_or_create(&self, name: &str) -> io::Result<File> {
        self.system.open_or_create(name)
    }

    /// Creates a file that must not exist.
    pub(super) fn create_new(&self, name: &str) -> io::Result<File> {
        self.system.create_new(name)
    }

    /// Whether this name still refers to this file.
    pub(super) fn names_file(&self, name: &str, file: &File) -> io::Result<bool> {
        self.system.names_file(name, file)
    }

    /// Returns the length of a file, or `None` if it doesn't exist.
    pub(super) fn length(&self, name: &str) -> io::Result<Option<u64>> {
        self.system.length(name)
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.system.rename(from, to)
    }

    /// Removes a file, if it exists.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match self.system.remove(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Returns the names of all files.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        self.system.names(&self.path)
    }

    /// Makes renames and removals durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.system.sync(&self.path)
    }
}

/// Restricts a file to its owner: it may have been restored from a backup with another mode.
pub(super) fn make_private(file: &File) -> io::Result<()> {
    system::make_private(file)
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::fs::{self, File};
    use std::io;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::DirBuilderExt;
    use std::path::Path;

    use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

    use super::Untrusted;

    /// The folder's descriptor.
    pub(super) struct Folder(OwnedFd);

    pub(super) fn create_folder(path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(path)
    }

    pub(super) fn make_private(file: &File) -> io::Result<()> {
        Ok(rustix::fs::fchmod(file, Mode::RUSR | Mode::WUSR)?)
    }

    impl Folder {
        pub(super) fn at(path: &Path) -> io::Result<Self> {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let folder = rustix::fs::open(path, flags, Mode::empty())?;
            check_folder(path, &rustix::fs::fstat(&folder)?)?;
            Ok(Self(folder))
        }

        pub(super) fn open(&self, name: &str) -> io::Result<File> {
            self.open_with(name, OFlags::RDONLY)
        }

        pub(super) fn open_or_create(&self, name: &str) -> io::Result<File> {
            self.open_with(name, OFlags::RDWR | OFlags::CREATE)
        }

        pub(super) fn create_new(&self, name: &str) -> io::Result<File> {
            self.open_with(name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
        }

        fn open_with(&self, name: &str, flags: OFlags) -> io::Result<File> {
            // NONBLOCK: opening a FIFO would otherwise wait for its other end.
            let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let opened = rustix::fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR);
            let file = opened.map_err(|error| match error {
                rustix::io::Errno::LOOP => untrusted("is a symbolic link".to_owned()),
                other => other.into(),
            })?;
            check_file(&rustix::fs::fstat(&file)?)?;
            Ok(file.into())
        }

        pub(super) fn names_file(&self, name: &str, file: &File) -> io::Result<bool> {
            let ours = rustix::fs::fstat(file)?;
            let there = self.stat(name)?;
            Ok(there.is_some_and(|there| same_file(&there, &ours)))
        }

        pub(super) fn length(&self, name: &str) -> io::Result<Option<u64>> {
            Ok(self.stat(name)?.map(|facts| facts.st_size as u64))
        }

        fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
            match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(facts) => Ok(Some(facts)),
                Err(rustix::io::Errno::NOENT) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }

        pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
            Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
        }

        pub(super) fn remove(&self, name: &str) -> io::Result<()> {
            Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
        }

        pub(super) fn names(&self, _: &Path) -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in Dir::read_from(&self.0)? {
                let entry = entry?;
                let name = OsStr::from_bytes(entry.file_name().to_bytes());
                names.push(name.to_string_lossy().into_owned());
            }
            Ok(names)
        }

        pub(super) fn sync(&self, _: &Path) -> io::Result<()> {
            Ok(rustix::fs::fsync(&self.0)?)
        }
    }

    fn same_file(one: &Stat, other: &Stat) -> bool {
        one.st_ino == other.st_ino && one.st_dev == other.st_dev
    }

    fn check_folder(path: &Path, facts: &Stat) -> io::Result<()> {
        let shown = path.display();
        let own = rustix::process::geteuid().as_raw();
        if facts.st_uid != own {
            let owner = facts.st_uid;
            return Err(io::Error::other(Untrusted {
                what: format!("it belongs to user {owner}, and this program runs as user {own}"),
                remedy: format!(
                    "run this program as its owner (sudo -u '#{owner}' …), or set `store` to a folder of user {own}"
                ),
            }));
        }
        let mode = facts.st_mode & 0o777;
        if mode & 0o077 == 0 {
            return Ok(());
        }
        Err(io::Error::other(Untrusted {
            what: format!("other users have access to it (mode {mode:04o})"),
            // Don't suggest a bare command: the folder may be /etc or /tmp.
            remedy: format!(
                "set `store` to a folder that contains nothing else, such as file:{}; if this one contains nothing else, \
                 run: chmod 0700 {shown}",
                path.join("countersign").display()
            ),
        }))
    }

    fn check_file(facts: &Stat) -> io::Result<()> {
        let own = rustix::process::geteuid().as_raw();
        if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
            return Err(untrusted("is not a regular file".to_owned()));
        }
        if facts.st_uid != own {
            let owner = facts.st_uid;
            return Err(untrusted(format!(
                "belongs to user {owner}, and this program runs as user {own}"
            )));
        }
        // Zero links is fine: the file was replaced since it was opened.
        if facts.st_nlink > 1 {
            let links = facts.st_nlink;
            return Err(untrusted(format!("has {links} hard links")));
        }
        Ok(())
    }

    fn untrusted(what: String) -> io::Error {
        io::Error::other(Untrusted {
            what: format!("it {what}"),
            remedy: "find out who put it there; then remove it, or restore it from a backup as a \
                     regular file of this user"
                .to_owned(),
        })
    }
}

/// Elsewhere, access control lists decide who has access. They are not checked.
#[cfg(not(unix))]
mod portable {
    use std::fs::{self, File, OpenOptions};
    use std::io;
    use std::path::{Path, PathBuf};

    pub(super) struct Folder(PathBuf);

    pub(super) fn create_folder(path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    pub(super) fn make_private(_: &File) -> io::Result<()> {
        Ok(())
    }

    impl Folder {
        pub(super) fn at(path: &Path) -> io::Result<Self> {
            match path.is_dir() {
                true => Ok(Self(path.to_owned())),
                false => Err(io::ErrorKind::NotFound.into()),
            }
        }

        pub(super) fn open(&self, name: &str) -> io::Result<File> {
            File::open(self.0.join(name))
        }

        pub(super) fn open_or_create(&self, name: &str) -> io::Result<File> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            options.open(self.0.join(name))
        }

        pub(super) fn create_new(&self, name: &str) -> io::Result<File> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            options.open(self.0.join(name))
        }

        pub(super) fn names_file(&self, name: &str, _: &File) -> io::Result<bool> {
            self.0.join(name).try_exists()
        }

        pub(super) fn length(&self, name: &str) -> io::Result<Option<u64>> {
            match fs::metadata(self.0.join(name)) {
                Ok(facts) => Ok(Some(facts.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        }

        pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
            fs::rename(self.0.join(from), self.0.join(to))
        }

        pub(super) fn remove(&self, name: &str) -> io::Result<()> {
            fs::remove_file(self.0.join(name))
        }

        pub(super) fn names(&self, path: &Path) -> io::Result<Vec<String>> {
            let name = |entry: io::Result<fs::DirEntry>| {
                Ok(entry?.file_name().to_string_lossy().into_owned())
            };
            fs::read_dir(path)?.map(name).collect()
        }

        pub(super) fn sync(&self, _: &Path) -> io::Result<()> {
            Ok(())
        }
    }
}
