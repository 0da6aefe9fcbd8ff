//! Notes on configured refresh tokens that may be spent, in the user's state folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use countersign_core::{Error, ErrorKind, SpentSeeds, StoreKey};

use crate::private_folder::create_private_folder;

/// A folder with a file for each refresh token, named after its digest. It contains no secret.
#[derive(Debug)]
pub struct SeedFolder(PathBuf);

impl SeedFolder {
    /// Uses this folder, which is created with the first note.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign::core::{SpentSeeds, StoreKey};
    /// use countersign::stores::SeedFolder;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let state = folder.path();
    /// let seeds = SeedFolder::new(state.join("seeds"));
    /// let seed = StoreKey::of(["the digest of a refresh token"]);
    /// seeds.note(&seed, "sales")?;
    /// assert!(seeds.find(&seed)?.is_some());
    /// # Ok::<(), countersign::Error>(())
    /// ```
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    fn path(&self, seed: &StoreKey) -> PathBuf {
        self.0.join(seed.to_hex())
    }

    fn write(&self, path: &Path, connection: &str) -> io::Result<()> {
        create_private_folder(&self.0)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = match options.open(path) {
            // Already noted.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            opened => opened?,
        };
        writeln!(
            file,
            "the refresh_token of connection {connection:?} was presented"
        )?;
        file.sync_all()?;
        sync_folder(&self.0)
    }
}

impl SpentSeeds for SeedFolder {
    fn note(&self, seed: &StoreKey, connection: &str) -> Result<(), Error> {
        let path = self.path(seed);
        self.write(&path, connection)
            .map_err(|why| failed("write", &path, &why))
    }

    fn withdraw(&self, seed: &StoreKey) -> Result<(), Error> {
        let path = self.path(seed);
        match fs::remove_file(&path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path, &why)),
            _ => Ok(()),
        }
    }

    fn find(&self, seed: &StoreKey) -> Result<Option<String>, Error> {
        let path = self.path(seed);
        match fs::symlink_metadata(&path) {
            Ok(_) => Ok(Some(path.display().to_string())),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(failed("read", &path, &why)),
        }
    }
}

/// Makes a new file's name durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn failed(what: &str, path: &Path, why: &io::Error) -> Error {
    let message = format!(
        "cannot {what} {}, which notes that a refresh_token was presented: {why}",
        path.display()
    );
    Error::new(ErrorKind::Store, message)
        .with_verdict(countersign_core::Verdict::FixConfiguration)
        .with_hint("make the folder writable for the user that this program runs as, or set XDG_STATE_HOME to a folder of that user")
}
